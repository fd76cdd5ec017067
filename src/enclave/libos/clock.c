#include "enclave/libos/clock.h"

#include <stdatomic.h>

#include "enclave/libos/door/door.h"

#define RATE_AFTER UINT64_C(5000000)    /* nanoseconds between the answers that give a rate */
#define SERVES_MAX UINT64_C(1000000000) /* nanoseconds */
#define LATE       256 /* an answer may take this part of the time over which the rate is known */
/* Nanoseconds a tick, times 2^32: of processors from 100 MHz to 20 GHz. */
#define RATE_MIN (UINT64_C(1) << 32) / 20
#define RATE_MAX (UINT64_C(10) << 32)

/* What the host said at some time, halfway between two looks at the TSC, and what follows. */
struct answer {
    uint64_t ticks;
    uint64_t monotonic;
    uint64_t real_more; /* nanoseconds from the monotonic clock to the other */
    uint64_t rate;      /* nanoseconds a tick, times 2^32; 0: the host is asked each time */
    uint64_t serves;    /* ticks that the answer is good for */
};

static struct answer first; /* the holder's of the lock */
static bool has_first;
static struct answer latest; /* who has the lock writes it */
static atomic_uint version;  /* of the latest; odd while that is written */
static _Atomic uint64_t told[DOOR_CLOCKS];

/* --- the latest answer ------------------------------------------------------------------------ */

static void put(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void publish(const struct answer *answer)
{
    unsigned before = atomic_load_explicit(&version, memory_order_relaxed);
    atomic_store_explicit(&version, before + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    put(&latest.ticks, answer->ticks);
    put(&latest.monotonic, answer->monotonic);
    put(&latest.real_more, answer->real_more);
    put(&latest.rate, answer->rate);
    put(&latest.serves, answer->serves);
    atomic_store_explicit(&version, before + 2, memory_order_release);
}

/* Whether it is whole, which without the lock it need not be. */
static bool look(struct answer *out)
{
    unsigned before = atomic_load_explicit(&version, memory_order_acquire);
    *out = (struct answer){get(&latest.ticks), get(&latest.monotonic), get(&latest.real_more),
                           get(&latest.rate), get(&latest.serves)};
    atomic_thread_fence(memory_order_acquire);
    return before % 2 == 0 && atomic_load_explicit(&version, memory_order_relaxed) == before;
}

/* --- the host's answers ----------------------------------------------------------------------- */

static uint64_t ticks_to_time(const struct answer *answer, uint64_t ticks)
{
    return (uint64_t)(((unsigned __int128)ticks * answer->rate) >> 32);
}

/* From the first answer on. */
static void find_rate(struct answer *answer, uint64_t took)
{
    uint64_t time = answer->monotonic - first.monotonic;
    uint64_t ticks = answer->ticks - first.ticks;
    bool is_good = answer->monotonic > first.monotonic && answer->ticks > first.ticks &&
                   time >= RATE_AFTER && took <= ticks / LATE;
    if (!is_good)
        return;
    answer->serves = time < SERVES_MAX ? ticks : ticks / (time / SERVES_MAX + 1);
    while (time >> 32 != 0) {
        time >>= 1;
        ticks >>= 1;
    }
    if (ticks != 0)
        answer->rate = (time << 32) / ticks;
    if (answer->rate < RATE_MIN || answer->rate > RATE_MAX)
        answer->rate = 0;
}

static void ask(struct answer *answer)
{
    uint64_t before = clock_ticks();
    *answer = (struct answer){.monotonic = door_clock(DOOR_CLOCK_MONOTONIC)};
    uint64_t took = clock_ticks() - before;
    answer->ticks = before + took / 2;
    answer->real_more = door_clock(DOOR_CLOCK_REAL) - answer->monotonic;
    if (!has_first || answer->ticks < first.ticks) { /* as after a stay in a saved machine */
        first = *answer;
        has_first = true;
    }
    find_rate(answer, took);
    publish(answer);
}

/* --- the time --------------------------------------------------------------------------------- */

/* False: it is too old. */
static bool time_by(const struct answer *answer, uint64_t *out)
{
    uint64_t passed = clock_ticks() - answer->ticks; /* huge where the TSC went back */
    if (answer->rate == 0 || passed > answer->serves)
        return false;
    *out = answer->monotonic + ticks_to_time(answer, passed);
    return true;
}

/* What was told before is never more, whichever thread was told. */
static uint64_t tell(const struct answer *answer, uint64_t now, enum door_clock clock)
{
    uint64_t before = atomic_load(&told[clock]);
    if (clock == DOOR_CLOCK_REAL)
        now += answer->real_more;
    while (now <= INT64_MAX && now > before) {
        if (atomic_compare_exchange_weak(&told[clock], &before, now))
            return now;
    }
    return before;
}

bool clock_now_without_lock(enum door_clock clock, uint64_t *out)
{
    struct answer answer;
    uint64_t now;
    if (!look(&answer) || !time_by(&answer, &now))
        return false;
    *out = tell(&answer, now, clock);
    return true;
}

uint64_t clock_now(enum door_clock clock)
{
    struct answer answer = latest;
    uint64_t now;
    if (!time_by(&answer, &now)) {
        ask(&answer);
        if (!time_by(&answer, &now))
            now = answer.monotonic;
    }
    return tell(&answer, now, clock);
}
