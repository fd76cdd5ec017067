#include "enclave/libos/threads/lock.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/thread.h"

#define TURNS     200                /* about as long as a short system call */
#define GATE_STAY UINT64_C(10000000) /* nanoseconds */

static atomic_bool is_taken;
static atomic_bool is_over;
static atomic_ullong waiting[THREAD_WORDS];
static atomic_ullong unseen[THREAD_WORDS]; /* kicked: those that have not looked since */
static uint64_t later, kicked_later;       /* the holder's */
static _Atomic(struct thread *) keeper;    /* the holder, if it keeps the lock */
static unsigned kept;                      /* how often: the keeper's */
static atomic_bool gate_waits;             /* for the lock */
static bool wakes_gate;                    /* the holder's */

bool lock_is_kept(void)
{
    struct thread *one = atomic_load_explicit(&keeper, memory_order_relaxed);
    return one && one == thread_self();
}

void lock_keep(void)
{
    kept++;
    atomic_store_explicit(&keeper, thread_self(), memory_order_relaxed);
}

void lock_keep_no_more(void)
{
    if (--kept == 0)
        atomic_store_explicit(&keeper, NULL, memory_order_relaxed);
}

static bool try_take(void)
{
    return !atomic_load_explicit(&is_taken, memory_order_relaxed) &&
           !atomic_exchange(&is_taken, true);
}

static bool turn(void)
{
    for (int i = 0; i < TURNS; i++) {
        if (try_take())
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

static atomic_ullong *own_word(atomic_ullong *words)
{
    return &words[thread_index(thread_self()) / DOOR_WAKE_BITS];
}

static bool take(void)
{
    atomic_ullong *word = own_word(waiting);
    unsigned long long bit = thread_bit(thread_self());
    for (;;) {
        (void)atomic_fetch_or(word, bit);
        if (try_take()) {
            (void)atomic_fetch_and(word, ~bit);
            return true;
        }
        if (atomic_load(&is_over))
            return false;
        (void)door_park(DOOR_FOREVER, 0);
    }
}

void lock_take(void)
{
    if (lock_is_kept())
        return;
    if (turn() || take()) {
        if (!atomic_load(&is_over))
            return;
        lock_release(); /* the gate may want it yet */
    }
    lock_given_up();
}

/* By a host that wakes nobody, or where who had it is lost, the gate looks again by itself. */
bool lock_take_by_gate(void)
{
    for (;;) {
        atomic_store(&gate_waits, true);
        if (turn()) {
            atomic_store(&gate_waits, false);
            return true;
        }
        if (atomic_load(&is_over))
            return false;
        (void)door_park(door_clock(DOOR_CLOCK_MONOTONIC) + GATE_STAY, 0);
    }
}

void lock_wake_gate_later(void)
{
    wakes_gate = true;
}

/* One that waits for the lock: its bit, which it sets again if it finds the lock taken. */
static uint64_t next_one(void)
{
    for (size_t i = 0; i < THREAD_WORDS; i++) {
        unsigned long long bits = atomic_load(&waiting[i]);
        unsigned long long one = bits & -bits;
        if (one != 0) {
            (void)atomic_fetch_and(&waiting[i], ~one);
            return one;
        }
    }
    return 0;
}

/* Of those that have the same bit, all. */
static void note_kicked(uint64_t kicked)
{
    for (size_t i = 0; i < THREAD_WORDS; i++)
        (void)atomic_fetch_or(&unseen[i], kicked);
}

void lock_release(void)
{
    uint64_t bits = later, kicked = kicked_later;
    bool calls_gate = wakes_gate;
    if (lock_is_kept())
        return;
    later = kicked_later = 0;
    wakes_gate = false;
    if (kicked != 0)
        note_kicked(kicked);
    atomic_store(&is_taken, false);
    bits |= next_one();
    if (bits != 0)
        door_wake(bits, kicked);
    if (calls_gate || (atomic_load(&gate_waits) && atomic_exchange(&gate_waits, false)))
        door_wake_gate();
}

bool lock_is_kicked(void)
{
    size_t index = thread_index(thread_self()); /* each system call comes by here, twice */
    return atomic_load(&unseen[index / DOOR_WAKE_BITS]) >> index % DOOR_WAKE_BITS & 1;
}

void lock_take_kick(void)
{
    if (lock_is_kicked())
        (void)atomic_fetch_and(own_word(unseen), ~thread_bit(thread_self()));
}

void lock_wake_later(uint64_t bits, uint64_t kicked)
{
    later |= bits | kicked;
    kicked_later |= kicked;
}

void lock_end(void)
{
    atomic_store(&is_over, true);
}
