/*
 * vfork(2), and clone(2) as posix_spawn has it: a thread that is another process for a while.
 *
 * Theory of operation: nothing is copied. The calling thread goes on in the same memory as a thread
 * of the new process: it has that one's number and files, and signal actions, mask and pending
 * signals of its own. When it exits, dies of a signal or has started another program, it becomes
 * what it was: the call that made it returns the new process' number. Other threads of the process
 * go on meanwhile, as in Linux. Under the lock.
 *
 * fork(2) begins so too, where the process has one thread: its memory is kept aside (kept.h), and
 * is put back when the thread becomes what it was (syscall_forked.c).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_PERSONA_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_PERSONA_H

#include <stdbool.h>

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/program.h"

struct kept;

/* This thread becomes the process, which is new, until persona_leave(); `frame` is that of the call
 * that asks for it, as it is to go on when that is over. -ENOMEM. */
int persona_enter(const struct program_frame *frame, struct process *process);

/* The same for fork(2), with memory that was kept before, which is taken where this succeeds. */
int persona_fork(const struct program_frame *frame, struct process *process, struct kept *kept);

/* Whether this thread is one. */
bool persona_is_there(void);
/* Whether it is one of fork(2)'s. */
bool persona_is_forked(void);

/* What the thread is otherwise. */
struct process *persona_parent(void);

/* Whether it has been that for long, while its parent stands still. */
bool persona_is_due(void);

/* It did something that others can see; whether it has. */
void persona_note_seen(void);
bool persona_was_seen(void);

/* This thread is what it was before, and goes on in *frame with the number as its answer, which is
 * returned as well. */
int persona_leave(struct program_frame *frame);

/* Before that: what becomes of the process in an enclave of its own. Its signals go along. */
void persona_settle(enum own_fork_end end);

/* The same, and the process has come to this result (door_calls.h). */
int persona_end(struct program_frame *frame, uint64_t result);

#endif
