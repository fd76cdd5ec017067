/* Calls of the library OS' own, by which a child's enclave has the first one do what no system call
 * of Linux' does. No program can make them; they have rows as system calls have
 * (remote/remote_table.h), and are made for the calling thread's process. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_OWN_CALL_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_OWN_CALL_H

#include "enclave/libos/calls/syscall.h"

enum own_call {
    OWN_FIRST = 480, /* no number of Linux' on x86-64 */
    /* A program's file by execveat's at, path and flags; where its bytes (u64) are to be put: the
     * number of an open file, which execve does not close. */
    OWN_OPEN_PROGRAM = OWN_FIRST,
    OWN_EXECUTED,     /* process_execute() */
    OWN_CHILD_ACTION, /* whether SIGCHLD is ignored, and whether SA_NOCLDWAIT is set */
    OWN_NUMBER,       /* a number for a thread */
    OWN_END_NUMBERS,
};

syscall_fn own_open_program;
syscall_fn own_executed;
syscall_fn own_child_action;
syscall_fn own_number;

/* The function of a number; NULL for none. */
syscall_fn *own_call(uint64_t number);

#endif
