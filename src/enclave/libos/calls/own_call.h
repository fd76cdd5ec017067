/* Calls of the library OS' own, which are made in the first enclave, for the calling thread's
 * process, whichever enclave that runs in. No program can make them; they have rows as system calls
 * have (remote/remote_table.h). */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_OWN_CALL_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_OWN_CALL_H

#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/threads/signal.h"
#include "enclave/libos/threads/thread.h"

enum own_call {
    OWN_FIRST = 480, /* no number of Linux' on x86-64 */
    /* A program's file by execveat's at, path and flags; where its bytes (u64) are to be put: the
     * number of an open file, which execve does not close. */
    OWN_OPEN_PROGRAM = OWN_FIRST,
    OWN_EXECUTED,     /* process_execute(), and told_begin(): path, texts, bytes */
    OWN_CHILD_ACTION, /* whether SIGCHLD is ignored, SA_NOCLDWAIT is set, SA_NOCLDSTOP is */
    OWN_NUMBER,       /* a number for a thread */

    /* A process without an enclave of its own (persona.h): the signal of its end; its number. */
    OWN_BORROW, /* and whether it may want an enclave all at once, as fork(2)'s may */
    OWN_RETURN, /* its result (door_calls.h): it has ended */
    /* It is to begin a program in an enclave, by OWN_FORK_END: at, path, flags, struct own_words,
     * its texts, how many bytes. */
    OWN_SPAWN,

    /* A process with an enclave that waits for a snapshot: the signal of its end, and where a
     * pidfd's number (int) is to be put, or 0; its number. */
    OWN_FORK,
    OWN_FORK_SEND, /* its number, one message, how many bytes */
    /* Its number, enum own_fork_end, signals that have come since: a bit each, and how many were
     * carried to it (processes/process.h). -EAGAIN when there are more of these. */
    OWN_FORK_END,
    /* A process without an enclave gets one that waits for a snapshot: its number, signals that are
     * pending: a bit each. */
    OWN_MOVE,

    /* Of shared memory (shared/home.h). A file's number, or -1 for memory without a name, its
     * offset, bytes, MEMORY_*: an object. */
    OWN_SHARED_OPEN,
    OWN_SHARED_PAGE, /* object, page of it, address, enum shared_wanted, struct shared_grant */
    OWN_SHARED_DROP, /* object, first page, how many, address of the first, whether it has others */
    OWN_SHARED_LEAVE, /* all that the process has */
    /* futex(2): object, offset, value, bits, nanoseconds (UINT64_MAX for ever); object, offset, how
     * many, bits. */
    OWN_SHARED_WAIT,
    OWN_SHARED_WAKE,
    /* The process stands still by this signal, or with 0 goes on; 1 where it is not to. */
    OWN_STOPPED,
    OWN_SEGMENT_ATTACH, /* shmat(2)'s id and flags, struct segment_part */
    /* semctl(2)'s id, number, command and value, struct semaphore_told */
    OWN_SEMAPHORE_CONTROL,
    /* What can be rewritten in the code of a file (code_sites.h): its number, offset, bytes,
     * structs site, how many at most. */
    OWN_SITES,
    OWN_PIDFD, /* a child's number: that of a pidfd */
    OWN_CLOSE, /* close(2) */
    OWN_NAMED, /* the process' name: THREAD_NAME_SIZE bytes */
    OWN_END_NUMBERS,
};

/* What becomes of a process whose snapshot or program was sent. */
enum own_fork_end {
    OWN_FORK_NEVER,  /* it is not whole: there never was such a process */
    OWN_FORK_WHOLE,  /* it goes on */
    OWN_FORK_BEGINS, /* it begins the program of OWN_SPAWN */
    OWN_FORK_KILLED, /* it is not whole, and what it did before was seen: it ends by SIGKILL */
};

/* What begins a program besides its texts. */
struct own_words {
    uint64_t mask, ignored, pending; /* signals */
    uint32_t arguments, environment;
    char name[THREAD_NAME_SIZE];
};

/* With the lock, which may be let go meanwhile; addresses are the library OS' own. */
int64_t own_make_call(enum own_call number, uint64_t a, uint64_t b, uint64_t c);
int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6]);

/* The function of a number; NULL for none. */
syscall_fn *own_call(uint64_t number);

/* code_sites.c */
syscall_fn own_sites;

/* syscall_pidfd.c */
syscall_fn own_pidfd;

/* own_process.c */
syscall_fn own_borrow;
syscall_fn own_fork;
syscall_fn own_fork_end;
syscall_fn own_fork_send;
syscall_fn own_move;
syscall_fn own_return;
syscall_fn own_spawn;

/* own_shared.c */
syscall_fn own_shared_drop;
syscall_fn own_shared_leave;
syscall_fn own_shared_open;
syscall_fn own_shared_page;
syscall_fn own_shared_wait;
syscall_fn own_shared_wake;

/* syscall_segment.c */
syscall_fn own_segment_attach;

/* syscall_semaphore.c */
syscall_fn own_semaphore_control;

#endif
