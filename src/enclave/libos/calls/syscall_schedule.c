/* Who runs when, and where: the host's to decide. Programs are told what an idle Linux tells. */
#include <linux/ioprio.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/thread.h"

#define PRIORITY_MOST   99
#define SLICE           3000000 /* nanoseconds */
#define IOPRIO_USUAL    (IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 4)
#define NO_RANDOM_ADDRS 0x0040000U /* ADDR_NO_RANDOMIZE: sys/personality.h */

/* 0, -EINVAL, or -ESRCH for a thread that is not there. */
static int check_thread(uint64_t number)
{
    if ((int)number < 0)
        return -EINVAL;
    bool is_there = (int)number == 0 || thread_find((int)number) || process_find((int)number);
    return is_there ? 0 : -ESRCH;
}

static bool is_real_time(uint64_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(uint64_t policy)
{
    return policy <= SCHED_BATCH || policy == SCHED_IDLE || policy == SCHED_DEADLINE;
}

/* Real time is for who may have it, and nobody may. */
static int check_policy(uint64_t policy, int priority)
{
    policy &= ~(uint64_t)SCHED_RESET_ON_FORK;
    if (!is_policy(policy) || policy == SCHED_DEADLINE)
        return -EINVAL;
    if (is_real_time(policy))
        return priority >= 1 && priority <= PRIORITY_MOST ? -EPERM : -EINVAL;
    return priority == 0 ? 0 : -EINVAL;
}

uint64_t syscall_sched_getscheduler(struct program_frame *frame)
{
    int status = check_thread(frame->rdi);
    return status < 0 ? (uint64_t)status : SCHED_NORMAL;
}

uint64_t syscall_sched_setscheduler(struct program_frame *frame)
{
    int priority;
    if (frame->rdx == 0 || (int)frame->rsi < 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rdx, sizeof priority))
        return SYSCALL_FAULT;
    memcpy(&priority, (const void *)frame->rdx, sizeof priority);
    int status = check_thread(frame->rdi);
    return (uint64_t)(status < 0 ? status : check_policy((uint32_t)frame->rsi, priority));
}

uint64_t syscall_sched_getparam(struct program_frame *frame)
{
    const int priority = 0;
    int status = frame->rsi == 0 ? -EINVAL : check_thread(frame->rdi);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->rsi, sizeof priority))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rsi, &priority, sizeof priority);
    return 0;
}

uint64_t syscall_sched_setparam(struct program_frame *frame)
{
    int priority;
    if (frame->rsi == 0 || (int)frame->rdi < 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, sizeof priority))
        return SYSCALL_FAULT;
    memcpy(&priority, (const void *)frame->rsi, sizeof priority);
    int status = check_thread(frame->rdi);
    return (uint64_t)(status < 0 ? status : check_policy(SCHED_NORMAL, priority));
}

uint64_t syscall_sched_get_priority_max(struct program_frame *frame)
{
    if (!is_policy(frame->rdi))
        return SYSCALL_ERROR(EINVAL);
    return is_real_time(frame->rdi) ? PRIORITY_MOST : 0;
}

uint64_t syscall_sched_get_priority_min(struct program_frame *frame)
{
    if (!is_policy(frame->rdi))
        return SYSCALL_ERROR(EINVAL);
    return is_real_time(frame->rdi);
}

uint64_t syscall_sched_rr_get_interval(struct program_frame *frame)
{
    const struct __kernel_timespec slice = {0, SLICE};
    int status = check_thread(frame->rdi);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->rsi, sizeof slice))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rsi, &slice, sizeof slice);
    return 0;
}

uint64_t syscall_sched_getattr(struct program_frame *frame)
{
    const struct sched_attr all = {.size = SCHED_ATTR_SIZE_VER0};
    uint64_t size = (uint32_t)frame->rdx;
    if (frame->rsi == 0 || size < SCHED_ATTR_SIZE_VER0 || size > MEMORY_PAGE || frame->r10 != 0)
        return SYSCALL_ERROR(EINVAL);
    int status = check_thread(frame->rdi);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->rsi, SCHED_ATTR_SIZE_VER0))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rsi, &all, SCHED_ATTR_SIZE_VER0);
    return 0;
}

uint64_t syscall_sched_setattr(struct program_frame *frame)
{
    struct sched_attr all = {0};
    if (frame->rsi == 0 || frame->rdx != 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, SCHED_ATTR_SIZE_VER0))
        return SYSCALL_FAULT;
    memcpy(&all, (const void *)frame->rsi, SCHED_ATTR_SIZE_VER0);
    if (all.size != 0 && all.size < SCHED_ATTR_SIZE_VER0)
        return SYSCALL_ERROR(E2BIG);
    int status = check_thread(frame->rdi);
    if (status == 0 && (all.sched_nice < -20 || all.sched_nice > 19 || all.sched_flags > 0x7F))
        status = -EINVAL;
    return (uint64_t)(status < 0 ? status
                                 : check_policy(all.sched_policy, (int)all.sched_priority));
}

/* Which one it is, the host decides and changes at will. */
uint64_t syscall_getcpu(struct program_frame *frame)
{
    const uint64_t at[2] = {frame->rdi, frame->rsi};
    const uint32_t none = 0;
    for (size_t i = 0; i < 2; i++) {
        if (at[i] != 0 && !can_write(at[i], sizeof none))
            return SYSCALL_FAULT;
        if (at[i] != 0)
            memcpy((void *)at[i], &none, sizeof none);
    }
    return 0;
}

/* None of its commands is there: nobody could make the host interrupt all threads in time. */
uint64_t syscall_membarrier(struct program_frame *frame)
{
    bool asks = frame->rdi == MEMBARRIER_CMD_QUERY && (uint32_t)frame->rsi == 0;
    return asks ? 0 : SYSCALL_ERROR(EINVAL);
}

static int check_ioprio(uint64_t which, uint64_t who)
{
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    return which == IOPRIO_WHO_PROCESS ? check_thread(who) : 0;
}

uint64_t syscall_ioprio_get(struct program_frame *frame)
{
    int status = check_ioprio(frame->rdi, frame->rsi);
    return status < 0 ? (uint64_t)(status == -EINVAL && frame->rdi == 1 ? -ESRCH : status)
                      : IOPRIO_USUAL;
}

/* Advice, but for what takes a capability. */
uint64_t syscall_ioprio_set(struct program_frame *frame)
{
    uint64_t class = (uint32_t)frame->rdx >> IOPRIO_CLASS_SHIFT;
    uint64_t data = frame->rdx & ((1U << IOPRIO_CLASS_SHIFT) - 1);
    if (class > IOPRIO_CLASS_IDLE || (class == IOPRIO_CLASS_NONE && data != 0) ||
        (class != IOPRIO_CLASS_IDLE && data > 7))
        return SYSCALL_ERROR(EINVAL);
    if (class == IOPRIO_CLASS_RT)
        return SYSCALL_ERROR(EPERM);
    return (uint64_t)check_ioprio(frame->rdi, frame->rsi);
}

/* Addresses are never random, so that who asks for that has it. */
uint64_t syscall_personality(struct program_frame *frame)
{
    uint32_t *now = &process_first()->personality;
    uint32_t before = *now, wanted = (uint32_t)frame->rdi;
    if (wanted == UINT32_MAX)
        return before;
    if (wanted & ~NO_RANDOM_ADDRS)
        return SYSCALL_ERROR(EINVAL);
    *now = wanted;
    return before;
}
