/*
 * What this machine can do, and what is missing: the checks behind `caisson doctor`. Each looks at
 * what a run would use, in the way that a run would find it.
 */
#ifndef CAISSON_CLI_DOCTOR_CHECKS_H
#define CAISSON_CLI_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/doctor_finding.h"
#include "vm/machine.h"

#define DOCTOR_FINDINGS_MAX 16

struct diagnosis {
    struct finding findings[DOCTOR_FINDINGS_MAX];
    size_t count;
    bool works[VM_TEE_COUNT]; /* what --tee of this kind needs is there */
};

/* Carries out every check; `guest` is the folder that --guest named, or NULL. The answer about KVM
 * takes some seconds where it is not known yet. */
void doctor_examine(const char *guest, struct diagnosis *out);

/* QEMU's "… version 10.0.2 (Debian …)" in hundreds of a major version: 1000. 0 when it says none.
 */
unsigned int doctor_qemu_version(const char *text);

#endif
