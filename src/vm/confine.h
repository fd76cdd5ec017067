/*
 * As whom QEMU and passt run. Where an ordinary user starts a machine, they are that user's. Where
 * root does, each of them runs as a user of its own, which owns no file and which no other machine
 * has: a guest that breaks out of QEMU finds neither root's rights nor another machine's process.
 *
 * QEMU gets all that it opens as descriptors (vm/qemu_args.h). The kernel, the initrd and the
 * firmware it opens again by them, which takes the right to read those files.
 */
#ifndef CAISSON_VM_CONFINE_H
#define CAISSON_VM_CONFINE_H

#include "os/process.h"

enum confine_part { CONFINE_QEMU, CONFINE_PASST, CONFINE_PART_COUNT };

/* The user for this part of the machine whose monitor is process `monitor`; false where there is
 * none, and it runs as this one: this is not root, or a root that may not become another. */
bool confine_user(pid_t monitor, enum confine_part part, struct process_user *out);

/* Lets any user read what *fd is open on: where the file does not, a sealed copy in memory takes
 * its place. */
int confine_open_up(int *fd, struct error *err);

#endif
