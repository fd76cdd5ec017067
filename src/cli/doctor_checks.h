/*
 * What this machine can do, and what is missing: the checks behind `caisson doctor`. Each looks at
 * what a run would use, in the way that a run would find it.
 */
#ifndef CAISSON_CLI_DOCTOR_CHECKS_H
#define CAISSON_CLI_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

/* FINDING_OPTIONAL: it is not there, and `--tee simulated` works without it. */
enum finding_state { FINDING_MISSING, FINDING_OPTIONAL, FINDING_OK, FINDING_STATE_COUNT };

struct finding {
    const char *name;
    enum finding_state state;
    char found[320];  /* one line */
    char remedy[320]; /* one line; "" where nothing is to be done */
};

#define DOCTOR_FINDINGS_MAX 16

struct diagnosis {
    struct finding findings[DOCTOR_FINDINGS_MAX];
    size_t count;
    bool simulated; /* what `--tee simulated` needs is there */
    bool sev_snp;   /* so is what sev-snp needs */
};

/* "missing", "optional", "ok". */
const char *finding_state_name(enum finding_state state);

/* Carries out every check; `guest` is the folder that --guest named, or NULL. The answer about KVM
 * takes some seconds where it is not known yet. */
void doctor_examine(const char *guest, struct diagnosis *out);

/* QEMU's "… version 10.0.2 (Debian …)" in hundreds of a major version: 1000. 0 when it says none.
 */
unsigned int doctor_qemu_version(const char *text);

#endif
