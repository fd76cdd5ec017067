#include "enclave/libos/clock.h"

#include <stdbool.h>

#include "enclave/libos/door/door.h"

#define RATE_AFTER UINT64_C(5000000)    /* nanoseconds between the answers that give a rate */
#define SERVES_MAX UINT64_C(1000000000) /* nanoseconds */
#define LATE       256 /* an answer may take this part of the time over which the rate is known */
/* Nanoseconds a tick, times 2^32: of processors from 100 MHz to 20 GHz. */
#define RATE_MIN (UINT64_C(1) << 32) / 20
#define RATE_MAX (UINT64_C(10) << 32)

/* What the host said at some time, halfway between two looks at the TSC. */
struct answer {
    uint64_t ticks;
    uint64_t monotonic;
};

static struct answer first, latest;
static bool has_first;
static uint64_t rate;      /* nanoseconds a tick, times 2^32; 0: the host is asked each time */
static uint64_t serves;    /* ticks that the latest answer is good for */
static uint64_t real_more; /* nanoseconds from the monotonic clock to the other */
static uint64_t told[DOOR_CLOCKS];

static uint64_t ticks_to_time(uint64_t ticks)
{
    return (uint64_t)(((unsigned __int128)ticks * rate) >> 32);
}

/* From the first answer on. */
static void find_rate(uint64_t took)
{
    uint64_t time = latest.monotonic - first.monotonic;
    uint64_t ticks = latest.ticks - first.ticks;
    bool is_good = latest.monotonic > first.monotonic && latest.ticks > first.ticks &&
                   time >= RATE_AFTER && took <= ticks / LATE;
    rate = 0;
    if (!is_good)
        return;
    serves = time < SERVES_MAX ? ticks : ticks / (time / SERVES_MAX + 1);
    while (time >> 32 != 0) {
        time >>= 1;
        ticks >>= 1;
    }
    if (ticks != 0)
        rate = (time << 32) / ticks;
    if (rate < RATE_MIN || rate > RATE_MAX)
        rate = 0;
}

static void ask(void)
{
    uint64_t before = clock_ticks();
    latest.monotonic = door_clock(DOOR_CLOCK_MONOTONIC);
    uint64_t after = clock_ticks();
    uint64_t took = after - before;
    latest.ticks = before + took / 2;
    real_more = door_clock(DOOR_CLOCK_REAL) - latest.monotonic;
    if (!has_first || latest.ticks < first.ticks) { /* as after a stay in a saved machine */
        first = latest;
        has_first = true;
    }
    find_rate(took);
}

uint64_t clock_now(enum door_clock clock)
{
    uint64_t passed = clock_ticks() - latest.ticks; /* huge where the TSC went back */
    if (rate == 0 || passed > serves) {
        ask();
        passed = clock_ticks() - latest.ticks;
    }
    uint64_t now = latest.monotonic + (rate != 0 && passed <= serves ? ticks_to_time(passed) : 0);
    if (clock == DOOR_CLOCK_REAL)
        now += real_more;
    if (now <= INT64_MAX && now > told[clock])
        told[clock] = now;
    return told[clock];
}
