/*
 * Pipes and counters (eventfd), and how files are waited for: what has no name. None of it waits: a
 * call that would answers -EAGAIN, and whatever makes others ready calls file_changed.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_PIPE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_PIPE_H

#include "enclave/libos/files/file.h"

#define PIPE_SIZE   65536
#define PIPE_ATOMIC 4096 /* PIPE_BUF: so many bytes are written whole or not at all */

/* Called, if set, whenever a file may have become ready: who waits looks again. Both the library
 * OS' calls and this run under the one lock. */
extern void (*file_changed)(void);

/* The two ends; `flags` is of O_NONBLOCK, which the caller heeds. -ENOMEM. Writing to a pipe
 * without readers is -EPIPE; the signal is the caller's. */
int pipe_new(unsigned flags, struct file **reader, struct file **writer);

/* Opens a named pipe, by the file's flags: sets its kind. -ENXIO for who would write without
 * waiting and finds no reader, -ENOMEM. */
int pipe_open_named(struct node *node, struct file *file);
/* Whether open(2) of a named pipe is to wait: the other side has not been opened yet. */
bool pipe_awaits_other(const struct file *file);

/* Whether it is an end of a pipe; whether both are of one pipe. */
bool pipe_is(const struct file *file);
bool pipe_are_one(const struct file *a, const struct file *b);

/* Reads and leaves the bytes there. -EINVAL for what is no reading end, -EBADF, -EAGAIN. */
int64_t pipe_look(struct file *file, void *out, size_t size);

/* eventfd2(2). */
int counter_new(uint64_t start, bool is_semaphore, unsigned flags, struct file **out);

/* What poll(2) says of it: POLLIN and the like. */
unsigned file_poll(struct file *file);

#endif
