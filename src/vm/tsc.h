/*
 * The rate of the host's time stamp counter, measured against its clock. That takes 2 ms, which
 * need not be waited for: who takes the first look early does other things meanwhile.
 */
#ifndef CAISSON_VM_TSC_H
#define CAISSON_VM_TSC_H

#include <stdint.h>

/* The counter at a time. Zeros: no look was taken. */
struct tsc_look {
    int64_t clock_ns; /* CLOCK_MONOTONIC_RAW */
    uint64_t ticks;
};

struct tsc_look tsc_look(void);

/* The rate in kHz, good to some parts in a million. Waits until 2 ms have passed since
 * `first`, or since the call when that is zero. */
unsigned long tsc_khz(struct tsc_look first);

#endif
