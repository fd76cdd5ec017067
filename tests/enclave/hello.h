/* The parts of the program hello.c. Each answers 0, or says by its exit code what was not so. */
#ifndef CAISSON_TESTS_HELLO_H
#define CAISSON_TESTS_HELLO_H

#include <sys/types.h>

#define NEED(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            return __LINE__ % 100 + 100;                                                           \
    } while (0)
#define REFUSED(call, number) NEED((call) == -1 && errno == (number))

/* A child that does this work: what it comes to is its exit code. */
pid_t hello_fork(int (*work)(int), int argument);

/* The code of a child that has ended, or 1000 and its signal, or -1. */
int hello_end(pid_t pid);

int hello_files(void);
int hello_more(void);
int hello_events(void);
int hello_sockets(void);
int hello_processes(void);
int hello_identities(void);
int hello_spawn(void);
int hello_forks(void);
int hello_pending(void);
int hello_outlive(void);
int hello_traps(void);
int hello_background(void);

/* Two bytes of code, in digits, in the place of a SYSCALL. */
int hello_gate(const char *digits);
int hello_shares(void);
int hello_terminal(void);
int hello_segments(void);
int hello_semaphores(void);
int hello_stops(void);
int hello_signal_files(void);
int hello_names(void);
int hello_notify(void);
int hello_pidfds(void);

/* execve: refused ones, then itself with the words that the second one takes. */
int hello_exec(char *program);
int hello_exec_after(char *words[]);

/* Processes one after the other: itself with the word "leaves", and copies. */
int hello_left(char *program);
int hello_leaves(void);

/* Threads: at work, while the program ends, and after the first one's end. */
int hello_threads(void);
int hello_leave(void);
int hello_first_ends(void);

/* Signals: all kinds, the end by one, and those of the host. */
int hello_signals(void);
int hello_abort(void);
int hello_wait(void);

#endif
