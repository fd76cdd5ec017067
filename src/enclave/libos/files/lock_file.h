/*
 * Locks on files: of flock(2), of the process by fcntl(2), and of an open file by F_OFD_*. They
 * hold among the threads and open files of this enclave; nothing of them reaches the host.
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

#define LOCKS_MAX 4096 /* in the whole enclave: -ENOLCK */

/* Takes, changes or gives back (LOCK_NONE) what the owner has of this range. -EAGAIN where others
 * are in the way, -ENOLCK, -ENOMEM. Plain files, directories and devices have locks: -EBADF. */
int lock_set(struct file *file, enum lock_kind kind, const struct lock_range *range);

/* What would be in the way of it: its range, or LOCK_NONE; *is_process says whose it is. */
void lock_find(struct file *file, enum lock_kind kind, struct lock_range *range, bool *is_process);

/* What close(2) of any number of a file does to the process' locks on it. */
void lock_closed(struct file *file);

/* The open file goes. */
void lock_released(struct file *file);

#endif
