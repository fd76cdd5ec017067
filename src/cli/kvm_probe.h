/*
 * Whether KVM is of use (vm/accel.h), found out while other things are done: the answer costs
 * seconds the first time. Several commands at once find it out once.
 */
#ifndef CAISSON_CLI_KVM_PROBE_H
#define CAISSON_CLI_KVM_PROBE_H

#include <sys/types.h>

#include "cli/progress.h"
#include "vm/accel.h"

struct kvm_probe {
    char *folder; /* where the answer is kept; heap */
    const char *guest_folder;
    pid_t child; /* who finds out; 0 for nobody */
};

/* Begins; before any thread is started. kvm_probe_fini() is due either way. */
int kvm_probe_begin(struct kvm_probe *probe, const char *store_folder, const char *guest_folder,
                    struct error *err);

/* Waits for the answer, and shows that it does. */
int kvm_probe_finish(struct kvm_probe *probe, struct progress *progress, bool *works,
                     struct error *err);

void kvm_probe_fini(struct kvm_probe *probe);

#endif
