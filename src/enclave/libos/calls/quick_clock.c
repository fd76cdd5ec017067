#include "enclave/libos/calls/quick_clock.h"

#include <asm/unistd_64.h>
#include <linux/time.h>

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"

#define NANOSECONDS UINT64_C(1000000000)

/* Which of the host's clocks it is; DOOR_CLOCKS for those that count a thread's time. */
static enum door_clock find_clock(uint64_t clock)
{
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        return DOOR_CLOCK_REAL;
    if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ||
        clock > CLOCK_BOOTTIME)
        return DOOR_CLOCKS;
    return DOOR_CLOCK_MONOTONIC;
}

/* A thread that is another process for a while may have to move at each of its calls. What is
 * mapped and not there yet, or shared, is brought with the lock. */
bool quick_clock(struct program_frame *frame)
{
    enum door_clock clock = find_clock(frame->rdi);
    uint64_t now;
    if (clock == DOOR_CLOCKS || thread_self()->persona ||
        !memory_is_there(frame->rsi, sizeof(struct __kernel_timespec), MEMORY_READ | MEMORY_WRITE))
        return false;
    if (!clock_now_without_lock(clock, &now) ||
        !program_put(frame->rsi, now / NANOSECONDS, now % NANOSECONDS))
        return false;
    frame->rax = 0;
    return true;
}
