/*
 * System calls that the first enclave makes for a process in this one: a child's side.
 *
 * The arguments are checked and copied out of the program's memory into one parcel; the thread
 * waits for the answer without the lock, and what comes back is copied into the program's memory,
 * which is checked again. More bytes than a parcel has room for go in pieces, with the counts that
 * Linux would answer. When the thread has a signal to deal with, the first enclave is told, and its
 * answer counts: a result, or -EINTR.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_CALL_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_CALL_H

#include "enclave/libos/program/program.h"
#include "enclave/libos/remote/remote_message.h"

/* Before the program runs: this enclave is a child's, and calls with a row are made in the first.
 */
void remote_begin_child(void);
bool remote_is_child(void);

/* Whether this call of the program goes there: what is about a thread of this enclave, or only its
 * name, does not. */
bool remote_carries(const struct program_frame *frame);

/* With the lock, which is let go meanwhile: the call of frame->rax, which has a row
 * (remote_table.h). What syscall_answer() is to answer. */
uint64_t remote_call(const struct program_frame *frame);

/* Likewise, with these arguments of the program's. */
uint64_t remote_make_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS]);

/* Likewise, for the library OS itself: addresses are its own. */
uint64_t remote_own_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS]);

/* This thread's side of its link to the first enclave, with the lock, which may be let go; NULL
 * when there is none to be had. Whoever runs it provides it (remote_wire.c; a test's own). */
struct remote_side *remote_side(void);

/* With the lock: this thread ends, and its side with it. Likewise. */
void remote_end_thread(void);

/* With the lock, which it lets go: this thread's process is over, and its side is the next one's,
 * which this enclave becomes. Likewise. */
void remote_leave(void);

/* With the lock: the first enclave is lost, and with it all that the process has. */
_Noreturn void remote_lost(void);

#endif
