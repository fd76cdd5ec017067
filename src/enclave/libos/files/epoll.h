/*
 * epoll(7): a list of open files and what is wanted of each.
 *
 * A watch goes when the number's open file does, as Linux has it. Edges are counted (struct file,
 * `edges`): with EPOLLET a file is told of once for each, or when it becomes ready anew. Of what is
 * the host's nobody counts the edges; there, every call that moved something, or could not, counts
 * as one, so that a program may be told once too often and never once too little.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_EPOLL_H
#define CAISSON_ENCLAVE_LIBOS_FILES_EPOLL_H

#include "enclave/libos/files/ready.h"

#define EPOLL_WATCHES_MAX 65536 /* of one epoll: -ENOSPC */
#define EPOLL_DEPTH_MAX   5     /* epolls within each other, as in Linux: -ELOOP */

/* As epoll_event, unpacked. */
struct epoll_ready {
    uint32_t events;
    uint64_t data;
};

int epoll_new(struct file **out);
bool epoll_is(const struct file *file);

/* epoll_ctl(2) of a file by its number. `command` is EPOLL_CTL_*. -EEXIST, -ENOENT, -EPERM for what
 * is always ready, -EINVAL, -ELOOP, -ENOSPC, -ENOMEM. */
int epoll_control(struct file *file, unsigned command, struct file *watched, int number,
                  const struct epoll_ready *what);

/* One look: how many are ready, up to `most`; or -ENOMEM. */
int epoll_look(struct file *epoll, struct epoll_ready *out, size_t most);

/* Waits as ready_wait(). */
int epoll_wait_for(struct file *epoll, uint64_t deadline);

/* Whether nothing is known to be ready, and the last time it took long until something was: then
 * waiting asks the host as well as a look before it would. */
bool epoll_is_quiet(struct file *epoll);

/* The watch of this place in the list; false behind the last. */
bool epoll_item(const struct file *epoll, size_t place, struct ready *out);

#endif
