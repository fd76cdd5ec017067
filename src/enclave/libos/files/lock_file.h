/*
 * Locks on files: of flock(2), of the process by fcntl(2), and of an open file by F_OFD_*. They
 * hold among the processes and open files of the container; nothing of them reaches the host.
 *
 * Locks lie at the file's node. Those of flock(2) are apart from those of fcntl(2), as in Linux. No
 * call waits: what would is -EAGAIN, and who gives a lock back calls file_changed (pipe.h).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_LOCK_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_LOCK_FILE_H

#include "enclave/libos/files/file.h"

enum lock_kind {
    LOCK_FLOCK,   /* of flock(2): the owner is the open file */
    LOCK_PROCESS, /* of F_SETLK: the process */
    LOCK_OPEN,    /* of F_OFD_SETLK: the open file */
};

enum lock_type { LOCK_NONE, LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock_range {
    uint64_t first, last; /* bytes, both counted; INT64_MAX: to the end, however far it moves */
    enum lock_type type;
};

#define LOCKS_MAX 4096 /* in the whole container: -ENOLCK */

/* Takes, changes or gives back (LOCK_NONE) what the owner has of this range; with LOCK_PROCESS that
 * is the process of this number. -EAGAIN where others are in the way, -ENOLCK, -ENOMEM. Plain
 * files, directories and devices have locks: -EBADF. */
int lock_set(struct file *file, enum lock_kind kind, int process, const struct lock_range *range);

/* What would be in the way of it: its range, or LOCK_NONE, and whose it is: a process' number, or
 * LOCK_NOBODY for an open file's. */
#define LOCK_NOBODY (-1)
void lock_find(struct file *file, enum lock_kind kind, int process, struct lock_range *range,
               int *owner);

/* What close(2) of any number of a file does to the locks that this process has on it. */
void lock_closed(struct file *file, int process);

/* The open file goes. */
void lock_released(struct file *file);

#endif
