/*
 * The first enclave's side of remote calls: a service of the pool (threads/thread.h) that stands
 * for one thread of another enclave and makes its calls, one after the other, as they come. It
 * waits in them as any thread does; only the memory that they touch is its own.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_MIRROR_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_MIRROR_H

#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/remote/remote_message.h"

/* Serves until the other end has closed or says what it may not, or, true, until the thread has
 * ended and its link waits for another process' (REMOTE_LEFT). Without the lock, in a thread that
 * runs for no process. `process` is the number of the process whose thread it is, as the link's
 * first message has proved; `handle` is the host's, on which the link's messages come. */
bool mirror_serve(struct remote_side *side, int process, uint32_t handle);

/* With the lock: a system call by frame->rax, which has a row (syscall.c; a test's own). */
uint64_t mirror_make_call(struct program_frame *frame);

#endif
