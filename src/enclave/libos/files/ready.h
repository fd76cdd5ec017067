/*
 * Several files looked at, and waited for, together: what poll(2), select(2) and epoll(7) are made
 * of. What is the host's is asked for all files by one call of the door.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_READY_H
#define CAISSON_ENCLAVE_LIBOS_FILES_READY_H

#include "enclave/libos/files/file.h"

#define READY_NEVER UINT64_MAX /* no deadline */

struct ready {
    struct file *file; /* borrowed; NULL: nothing is seen of it */
    unsigned wanted;   /* POLLIN and the like; POLLERR and POLLHUP always are */
    unsigned seen;     /* ready_look() sets it */
};

/* One look at each: how many have something. */
size_t ready_look(struct ready *items, size_t count);
/* The same without asking the host: of its files only what is in here already. */
size_t ready_look_inside(struct ready *items, size_t count);

/* Waits until something of them may have changed, or the host's monotonic clock has reached the
 * deadline. The files may have gone afterwards. 0 to look again, -ETIMEDOUT, -EINTR, -ENOMEM. */
int ready_wait(const struct ready *items, size_t count, uint64_t deadline);

#endif
