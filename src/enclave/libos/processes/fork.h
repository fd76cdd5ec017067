/*
 * fork(2): a copy of this process, in an enclave of its own.
 *
 * Theory of operation: most processes that fork makes exec or exit at once, and a copy of the
 * memory for that is in vain. So the calling thread is the new process for a while, as vfork has
 * it, but with memory that is put back later (kept.h). It moves, by a snapshot, before it does what
 * may wait, or what needs an enclave of its own (calls/syscall_forked.c), and when its parent has
 * stood still for long. A process of several threads, with shared memory, or with much of it is
 * copied at once.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_FORK_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_FORK_H

#include "enclave/libos/program/snapshot.h"

/* With the lock, which is let go meanwhile: its number. `exit_signal` is the one of its end; *pidfd
 * a file of the parent's that stands for it (NULL: none is wanted). -EAGAIN where there is no
 * enclave for it, -ENOMEM, -EMFILE. */
int fork_process(int exit_signal, const struct snapshot_thread *thread, int *pidfd);

/* Likewise: closes such a file of a process that there never was; below 0, none. */
void fork_close(int pidfd);

/* With the lock, likewise: a process that began in this enclave (persona.h) moves to one of its
 * own, where it makes the call `number` first, or with PROGRAM_NO_CALL goes on in *frame. The
 * thread is what it was before: *frame is that one's then, with the answer of fork(2), which is
 * returned. */
int64_t fork_move(struct program_frame *frame, uint64_t number);

#endif
