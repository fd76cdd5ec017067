/* What becomes of signals when a thread is about to go back to the program. */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_DELIVER_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_DELIVER_H

#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/thread.h"

/* With the lock, at the end of a system call or an interrupt. A thread that must end does. True
 * when the call in `frame` has to be made again: it was interrupted, and nothing came of that. */
bool deliver_signals(struct program_frame *frame);

/* Without the lock, before the program goes on: what was posted or sent while this thread was
 * outside, where nobody interrupts it, is looked for then. */
void deliver_look_again(void);

/* What the program itself did: its handler is entered, or the program ends. */
void deliver_exception(struct program_frame *frame, const struct thread_exception *exception);

#endif
