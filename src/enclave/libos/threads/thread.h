/*
 * The threads: one for each TCS, by the TCS's number. All of it is guarded by the lock (lock.h),
 * but for what a thread alone reads and writes.
 *
 * Services share the pool. They are threads of the library OS's own: without a number, blocked for
 * all signals, and the program is over without them.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_THREAD_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/signal.h"

#define THREADS_MAX DOOR_THREADS_MAX
/* Words that have a bit for each. */
#define THREAD_WORDS ((THREADS_MAX + DOOR_WAKE_BITS - 1) / DOOR_WAKE_BITS)

#define THREAD_NUMBER_MAX 4194303 /* as Linux has it */
#define THREAD_NAME_SIZE  16      /* bytes with the end */

struct process;

enum thread_state { THREAD_FREE, THREAD_ASKED, THREAD_RUNS };

/* What the program did that the processor refused. */
struct thread_exception {
    bool is_there;
    uint32_t vector, code; /* as the processor has them */
    uint64_t address;      /* of the access, or 0 */
    bool is_lost;          /* of a page that should be there and cannot be had */
};

/* What the system calls of a thread may touch, where it is not the program's memory: addresses. */
struct thread_room {
    uint64_t begin, end;
};

/* Of a service that makes the calls of a thread in another enclave (remote/mirror.h). */
struct thread_mirror {
    uint32_t handle; /* of the host's: there its other end has something to say */
    /* With the lock, without waiting: whether the call in hand is to end. `is_ready` is the host's
     * word that there is something. */
    bool (*is_called)(struct thread_mirror *mirror, bool is_ready);
    bool is_hasty;    /* nothing is waited for */
    uint64_t unheard; /* of its thread (signal.h) */
    uint64_t raised;  /* signals that the call raised at its thread: a bit each */
    /* files/signal_file.h: those that its thread has pending, and those that it is to take. */
    uint64_t pending, taken;
};

struct thread {
    enum thread_state state;
    int number;              /* gettid(2) */
    struct process *process; /* for which it runs (processes/process.h) */
    char name[THREAD_NAME_SIZE];
    bool must_end; /* before it goes on in the program: another program takes its place */
    bool stands;   /* its process stands still, and it does (stop.h) */

    /* wait.c: the queue in which it is, the next one there, and whether it was taken out. */
    struct wait_queue *queue;
    struct thread *next;
    bool is_woken;

    /* spent.c: nanoseconds of the monotonic clock; 0 for a thread that is not counted */
    uint64_t began, waited, waits_since;

    uint64_t futex; /* futex.c: the address it waits for, of which bits, and of which object */
    uint32_t futex_bits, futex_object;

    struct signal_thread signals;
    struct persona *persona; /* what it was before, if it is another process for a while */

    uint64_t clear_number; /* address that is cleared when the thread ends, or 0 */
    uint64_t robust;       /* address of the list of robust locks, or 0 */

    struct thread_exception exception; /* from its handler to program_interrupt() */
    struct thread_exception page;      /* from its handler to program_bring() */

    struct program_frame begin; /* until it runs: with which registers */
    uint64_t begin_fs;
    uint32_t begin_mxcsr;
    uint16_t begin_control; /* of x87 */

    void (*service)(void *argument); /* what a service does; NULL for the program's threads */
    void *service_argument;
    bool is_lockless; /* a service that never takes the lock (shared/give.c) */

    const struct thread_room *room; /* NULL: the program's memory */
    bool is_hasty; /* nothing is waited for: a call that would says -EAGAIN (processes/fork.h) */
    struct thread_mirror *mirror; /* NULL: none */
    int mirrors; /* number of the process for whose threads it makes calls; 0: none */
    int recalls; /* of the one from which it recalls pages; 0: none */
};

/* This thread. By its TCS in the image (thread_inside.c); a test's own elsewhere. */
struct thread *thread_self(void);

size_t thread_index(const struct thread *thread);
struct thread *thread_at(size_t index); /* below THREADS_MAX; that one is the gate's, free */

/* The thread that runs, or is to run, by this number; NULL for none. */
struct thread *thread_find(int number);

/* The enclave's first one, at index 0, as THREAD_RUNS, with this number: once. */
struct thread *thread_first(struct process *process, int number);

/* A free one of this process at another index, as THREAD_ASKED, with this number, or a new one for
 * 0. NULL when there is none. */
struct thread *thread_new(struct process *process, int number);
void thread_free(struct thread *thread);

/* Has its pages made (thread_place.c; a test's own elsewhere): once for an index, 0 where it was
 * done. A negative errno when the host has not done its part. */
int thread_place_make(size_t index);

/* The host has one enter by it: 0, or a negative errno. */
int thread_spawn(const struct thread *thread);

/* Has this run in a thread of the pool: without the lock, and the thread is free again when it
 * returns. -EAGAIN when the pool or the host has none. */
int thread_start_service(void (*service)(void *argument), void *argument);

/* Threads of the program. */
size_t thread_count(void);
/* All that are not free. */
size_t thread_taken(void);

/* By what a thread is woken (DOOR_WAKE): the bit of its index, and of some others, which look and
 * go on waiting. */
uint64_t thread_bit(const struct thread *thread);
/* Of all that are not free, but this one; NULL for none. */
uint64_t thread_bits(const struct thread *but);

/* Whether the caller may take the lock: threads of the pool do, but for services that are lockless,
 * and the gate's, which takes it by lock_take_by_gate() alone, does not. By its TCS, too. */
bool thread_has_lock(void);

#endif
