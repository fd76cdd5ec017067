/*
 * Whether KVM can be used. /dev/kvm alone says little: there are hosts on which a stock kernel
 * hangs under it. So it is tried: the guest itself is booted, with a time-out, once for each kernel
 * and boot of the host; the answer is kept beside the machines' records.
 */
#ifndef CAISSON_VM_ACCEL_H
#define CAISSON_VM_ACCEL_H

#include "vm/machine.h"

#define ACCEL_PROBE_MS 4000

/* sev-snp always has KVM; `simulated` has it where the guest comes up under it. An error is one of
 * this host's, not KVM's absence. */
int accel_choose(enum vm_tee tee, const char *guest_folder, bool *kvm, struct error *err);

#endif
