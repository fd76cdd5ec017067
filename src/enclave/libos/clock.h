/*
 * The time of the library OS and of its program: the host's word, asked for now and then.
 *
 * Theory of operation: between two answers of the host time goes on by the TSC, whose rate follows
 * from the answers of at least 5 ms apart. How long an answer may serve grows with the time over
 * which the rate is known, up to a second. An answer that took long to come says little of the
 * rate, and then the host is asked each time. Both sources are the host's: of the time nothing is
 * believed but that it does not go back.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_CLOCK_H
#define CAISSON_ENCLAVE_LIBOS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "enclave/libos/door/door_calls.h"

/* With the library OS's lock: nanoseconds. */
uint64_t clock_now(enum door_clock clock);

/* The same without it; false where the host would have to be asked, or has just been. */
bool clock_now_without_lock(enum door_clock clock, uint64_t *out);

/* RDTSC (program.S); a test's own where there is no enclave. */
uint64_t clock_ticks(void);

#endif
