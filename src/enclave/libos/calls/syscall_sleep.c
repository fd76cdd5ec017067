/* Sleeping. */
#include <linux/time.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/wait.h"

#define SECOND UINT64_C(1000000000)

/* What is left of it goes to `left`, if it may. */
static uint64_t sleep_until(uint64_t deadline, uint64_t left)
{
    int status = wait_on(NULL, deadline, NULL, 0);
    while (status == 0)
        status = wait_on(NULL, deadline, NULL, 0);
    if (status == -ETIMEDOUT)
        return 0;
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    uint64_t rest = deadline > now ? deadline - now : 0;
    struct __kernel_timespec more = {(int64_t)(rest / SECOND), (int64_t)(rest % SECOND)};
    if (left != 0 && can_write(left, sizeof more))
        memcpy((void *)left, &more, sizeof more);
    return (uint64_t)status;
}

static uint64_t sleep_for(uint64_t at, enum door_clock clock, bool is_absolute, uint64_t left)
{
    struct __kernel_timespec time;
    uint64_t deadline;
    if (!can_read(at, sizeof time) || (left != 0 && !can_write(left, sizeof time)))
        return SYSCALL_FAULT;
    memcpy(&time, (const void *)at, sizeof time);
    if (!syscall_deadline(&time, clock, is_absolute, &deadline))
        return SYSCALL_ERROR(EINVAL);
    return sleep_until(deadline, left);
}

uint64_t syscall_nanosleep(struct program_frame *frame)
{
    return sleep_for(frame->rdi, DOOR_CLOCK_MONOTONIC, false, frame->rsi);
}

uint64_t syscall_clock_nanosleep(struct program_frame *frame)
{
    bool is_absolute = (frame->rsi & TIMER_ABSTIME) != 0;
    if (frame->rdi != CLOCK_REALTIME && frame->rdi != CLOCK_MONOTONIC &&
        frame->rdi != CLOCK_BOOTTIME)
        return SYSCALL_ERROR(EINVAL);
    return sleep_for(frame->rdx,
                     frame->rdi == CLOCK_REALTIME ? DOOR_CLOCK_REAL : DOOR_CLOCK_MONOTONIC,
                     is_absolute, is_absolute ? 0 : frame->r10);
}
