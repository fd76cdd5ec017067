/*
 * How a process gets an enclave of its own, and what connects the two: its process wire, in the
 * first enclave.
 *
 * Theory of operation: line_open() has the host start an enclave and waits for one to arrive: which
 * one does not matter, for all that arrive are new and alike. While two or more run, one more is
 * asked for: it arrives in the background and waits for its order as a spare. Who opened the line
 * sends the order over it. From line_start() on a thread of the pool serves it: it sends the
 * process its signals, and hears what it came to. An end of the wire before that is SIGKILL's. When
 * no call is made for the process any more, it ends (process_end()).
 *
 * With the lock, all of it.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_LINE_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_LINE_H

#include <stddef.h>

#include "enclave/libos/processes/process.h"

struct line;
struct wire;

/* The lock is let go meanwhile, and no signal interrupts it. -EAGAIN where the host starts none,
 * or the pool of threads has not the two for it, or three where it shares memory. */
int line_open(struct process *process, struct line **out);

/* Likewise; any size. -EAGAIN when the wire has ended. */
int line_send(struct line *line, const void *bytes, size_t size);

/* The line of a process that has not been started; NULL for none. */
struct line *line_in_making(const struct process *process);

/* struct process' post: to the enclave in which the process runs. */
int line_post(struct process *process, const struct signal_info *info);

/* The order is whole. The process runs from now on, and the line is its thread's. -EAGAIN where it
 * is in another process' enclave until then, to which more signals were sent for it than have come
 * there, by that enclave's word (process.h, carried): they would find nobody. */
int line_start(struct line *line, uint64_t carried);
/* Nothing comes of it: the enclave that has arrived ends. */
void line_give_up(struct line *line);

/* Serves a wire of ARRIVAL_PROCESS: without the lock, in a thread of its own (arrivals.h). */
void line_serve(struct wire *wire);

#endif
