#include "vm/tsc.h"

#include <time.h>
#include <x86intrin.h>

#define APART_NS   10000000
#define SECOND_NS  1000000000
#define KHZ_PER_NS 1e6

struct tsc_look tsc_look(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (struct tsc_look){(int64_t)now.tv_sec * SECOND_NS + now.tv_nsec, __rdtsc()};
}

unsigned long tsc_khz(struct tsc_look first)
{
    if (first.clock_ns == 0)
        first = tsc_look();
    struct tsc_look second = tsc_look();
    while (second.clock_ns - first.clock_ns < APART_NS) {
        struct timespec rest = {.tv_nsec = APART_NS - (second.clock_ns - first.clock_ns)};
        (void)nanosleep(&rest, NULL);
        second = tsc_look();
    }
    return (unsigned long)((double)(second.ticks - first.ticks) * KHZ_PER_NS /
                           (double)(second.clock_ns - first.clock_ns));
}
