/*
 * clock_gettime(2) without the library OS's lock.
 *
 * Theory of operation: programs ask for the time more often than for anything else, and the lock
 * costs as much as all else of that. The time is read as it was published last (clock.h), and is
 * written as the program itself would write it: to a page that is there with this access. Another
 * thread may take the page away meanwhile; the store's fault is no failure but the way back
 * (program_put()). Signals are not looked for: who sends one has the thread interrupted.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_QUICK_CLOCK_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_QUICK_CLOCK_H

#include "enclave/libos/program/program.h"

/* Answers in *frame, a call of clock_gettime(2). False: the call is to be made with the lock, and
 * nothing has happened. */
bool quick_clock(struct program_frame *frame);

#endif
