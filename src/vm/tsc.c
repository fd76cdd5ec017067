#include "vm/tsc.h"

#include <time.h>
#include <x86intrin.h>

#define APART_NS   2000000
#define LOOKS      8 /* the first costs a page fault, any may be interrupted */
#define SECOND_NS  1000000000
#define KHZ_PER_NS 1e6

/* The clock is read between two looks at the counter, some 30 ns apart in the best of a few tries:
 * neither an interrupt nor another process came between that one's clock and its counter. */
struct tsc_look tsc_look(void)
{
    struct tsc_look best = {0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < LOOKS; i++) {
        struct timespec now;
        uint64_t before = __rdtsc();
        (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
        uint64_t apart = __rdtsc() - before;
        if (apart >= least)
            continue;
        least = apart;
        best = (struct tsc_look){(int64_t)now.tv_sec * SECOND_NS + now.tv_nsec, before + apart / 2};
    }
    return best;
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
