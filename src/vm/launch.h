/* The processes of one machine: QEMU and passt, or the one that holds an enclave; opened files,
 * sockets; and what exactly was launched. */
#ifndef CAISSON_VM_LAUNCH_H
#define CAISSON_VM_LAUNCH_H

#include "evidence/bundle.h"
#include "measure/kernel.h"
#include "vm/machine.h"

#define LAUNCH_CMDLINE_SIZE 2048

struct launch {
    int channel_fd; /* our end */
    int psp_fd;     /* our end; -1 without simulated processor */
    pid_t qemu;     /* or the enclave's; 0 when not running, as passt */
    pid_t passt;
    int qemu_watch; /* readable when it has ended */
    int passt_watch;
    int kernel_fd;
    int initrd_fd;
    int firmware_fd;
    char cmdline[LAUNCH_CMDLINE_SIZE]; /* the measured text: as built with the guest */
    char booted[LAUNCH_CMDLINE_SIZE];  /* what the kernel gets: with the TSC's rate under TCG */
    struct measure_kernel digests;     /* after launch_measure() */
};

#define LAUNCH_NONE                                                                                \
    ((struct launch){.channel_fd = -1,                                                             \
                     .psp_fd = -1,                                                                 \
                     .qemu_watch = -1,                                                             \
                     .passt_watch = -1,                                                            \
                     .kernel_fd = -1,                                                              \
                     .initrd_fd = -1,                                                              \
                     .firmware_fd = -1})

/* What the kinds of machines differ in, but for their start. */
struct launch_kind {
    bool is_enclave;    /* no guest's files; evidence is an SGX report */
    bool has_processor; /* the monitor's simulated one */
    bool is_simulated;
    enum bundle_tee evidence;
};
const struct launch_kind *launch_kind(enum vm_tee tee);

/* Starts the processes. `console_fd` takes the guest's console and QEMU's own words. On failure
 * nothing is left running; launch_end() is due either way. */
int launch_start(struct launch *launch, const struct vm_config *config, int console_fd,
                 struct error *err);

/* launch_enclave.c: starts the process that holds an enclave; likewise. */
int launch_enclave(struct launch *launch, const struct vm_config *config, int console_fd,
                   struct error *err);
/* A pair of stream sockets. */
int launch_make_pair(int *ours, int *theirs, struct error *err);

/* Digests of what QEMU was given, from the very descriptors that it was given. Takes tens of
 * milliseconds: called while the guest boots. */
int launch_measure(struct launch *launch, struct error *err);

/* Kills and reaps what runs, closes what is open; may be called twice. */
void launch_end(struct launch *launch);

#endif
