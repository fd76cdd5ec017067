#include "enclave/libos/threads/lock.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/thread.h"

#define TURNS 200 /* about as long as a short system call */

static atomic_bool is_taken;
static atomic_bool is_over;
static atomic_ullong waiting;
static atomic_ullong unseen;            /* kicked: those that have not looked since */
static uint64_t later, kicked_later;    /* the holder's */
static _Atomic(struct thread *) keeper; /* the holder, if it keeps the lock */
static unsigned kept;                   /* how often: the keeper's */

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

static bool take(void)
{
    unsigned long long bit = 1ULL << thread_index(thread_self());
    for (;;) {
        (void)atomic_fetch_or(&waiting, bit);
        if (try_take()) {
            (void)atomic_fetch_and(&waiting, ~bit);
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
    if ((turn() || take()) && !atomic_load(&is_over))
        return;
    lock_given_up();
}

/* One that waits for the lock: its bit, which it sets again if it finds the lock taken. */
static uint64_t next_one(void)
{
    unsigned long long bits = atomic_load(&waiting);
    unsigned long long one = bits & -bits;
    if (one != 0)
        (void)atomic_fetch_and(&waiting, ~one);
    return one;
}

void lock_release(void)
{
    uint64_t bits = later, kicked = kicked_later;
    if (lock_is_kept())
        return;
    later = kicked_later = 0;
    if (kicked != 0)
        (void)atomic_fetch_or(&unseen, kicked);
    atomic_store(&is_taken, false);
    bits |= next_one();
    if (bits != 0)
        door_wake(bits, kicked);
}

bool lock_is_kicked(void)
{
    return atomic_load(&unseen) >> thread_index(thread_self()) & 1;
}

void lock_take_kick(void)
{
    if (lock_is_kicked())
        (void)atomic_fetch_and(&unseen, ~(1ULL << thread_index(thread_self())));
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
