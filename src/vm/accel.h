/*
 * Whether KVM is of use here. That /dev/kvm opens says little: on some hosts it is there and stock
 * kernels hang in it. So the guest's own kernel is booted by it once, with a time limit, until the
 * guest's first word; the answer is kept for this kernel until the host boots again.
 */
#ifndef CAISSON_VM_ACCEL_H
#define CAISSON_VM_ACCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ACCEL_TIMEOUT_MS 5000 /* KVM boots the guest in less than one second */

struct accel_probe {
    const char *guest_folder; /* vmlinux, initrd, cmdline.simulated */
    const char *cache_folder; /* where the answer is kept; made when missing */
    /* NULL and 0 but for tests. */
    const char *qemu_program;
    const char *device; /* "/dev/kvm" */
    uint32_t timeout_ms;
    bool same_user; /* QEMU runs as this user, whoever that is */
};

/* *works says whether; where not, `reason` (may be NULL) says why: `doctor` shows it. -1 with `err`
 * where it cannot be found out: no guest, no QEMU. */
int accel_probe(const struct accel_probe *probe, bool *works, struct error *reason,
                struct error *err);

/* Whether KVM has SEV-SNP and lets this process use it; where not, `reason` says why. */
bool accel_has_sev_snp(struct error *reason);

#endif
