/*
 * Signals: what is set, masked and pending, for the process and for each thread. How a handler is
 * entered is signal_frame.h's. All of it under the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_SIGNAL_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#define SIGNALS       64
#define SIGNAL_RT     32  /* from here on they queue */
#define SIGNAL_NOTES  256 /* that may be pending at once */
#define SIGNAL_BIT(n) (UINT64_C(1) << ((n)-1))

/* SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: a process stands still (stop.h). */
#define SIGNAL_STOPS (SIGNAL_BIT(19) | SIGNAL_BIT(20) | SIGNAL_BIT(21) | SIGNAL_BIT(22))

/* What a handler is told: the kernel's siginfo as far as x86-64 fills it. */
struct signal_info {
    int number, code;
    uint64_t words[2]; /* at 16 and 24: sender and value, or the address of a fault */
};

/* The kernel's struct sigaction for x86-64. */
struct signal_action {
    uint64_t handler, flags, restorer, mask;
};

struct signal_queue {
    uint64_t set; /* a bit a signal */
    struct signal_note *first;
};

/* Of each thread. */
struct signal_thread {
    uint64_t mask;       /* blocked */
    uint64_t before;     /* the mask that comes back when a call with one of its own is over, */
    bool has_before;     /* if there is one */
    uint64_t awaited;    /* by rt_sigtimedwait */
    uint64_t news;       /* that end a call in another enclave (remote/remote_call.h) */
    uint64_t stack;      /* sigaltstack */
    uint64_t stack_size; /* bytes; 0: there is none */
    struct signal_queue pending;
    /* Of a thread that is a process of its own (persona.h): its actions, and it takes no signal of
     * the enclave's process. Else NULL. */
    struct signal_action *actions;
};

struct thread;
struct process;

/* What this thread's process does; -EINVAL for a signal for which nothing can be set. Either may be
 * NULL. */
int signal_set_action(int number, const struct signal_action *wanted, struct signal_action *before);
const struct signal_action *signal_action(int number);

/* Whether nothing comes of it: set so, or by default. */
bool signal_is_ignored(int number);

/* To this thread, or with NULL to the process. Wakes and interrupts one that can take it. -EAGAIN
 * when there is no room for one that queues. SIGKILL ends the process. */
int signal_send(struct thread *thread, const struct signal_info *info);
/* By kill(2) and the like, from the process itself. */
int signal_raise(struct thread *thread, int number);

/* A process of this enclave that stands still does so no more. */
void signal_go_on(struct process *process);

/* Of SIGTTIN and SIGTTOU those of which this thread hears nothing, for they are blocked or ignored:
 * a bit each. Of one in another enclave, where a mirror makes its call, by its own word. */
uint64_t signal_unheard(void);

/* Those pending for this thread or the process. */
uint64_t signal_pending(const struct thread *thread);

/* Whether a wait of this thread is over, for a signal or its own end. */
bool signal_interrupts(const struct thread *thread);

/* Takes the lowest of the pending ones in this set: its number, or 0. */
int signal_take(struct thread *thread, uint64_t set, struct signal_info *out);

/* This mask, but for what cannot be blocked. */
void signal_set_mask(struct thread *thread, uint64_t mask);

/* For the time of a call: the mask before comes back when it is over, a handler's being the first
 * to see it. */
void signal_lend_mask(struct thread *thread, uint64_t mask);

/* What of these is pending for the thread alone is gone: a bit each. */
void signal_drop(struct thread *thread, uint64_t set);
/* When a thread ends: likewise. */
void signal_forget(struct thread *thread);

/* All actions of this thread's process, by their signals' numbers. */
void signal_copy_actions(struct signal_action out[SIGNALS + 1]);

/* execve(2): handlers go, what is ignored stays so. */
void signal_reset(void);
/* For another process, in this thread: nothing is set or pending. */
void signal_begin(void);

#endif
