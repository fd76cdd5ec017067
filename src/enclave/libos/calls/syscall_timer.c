/* Timers, and what a program asks of them. */
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/time.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/thread.h"

#define SECOND      UINT64_C(1000000000)
#define MICROSECOND 1000
#define LONGEST     (UINT64_C(1) << 32) /* seconds: what is more is that long */

/* False for a time that is none. */
static bool take_time(int64_t seconds, int64_t part, int64_t parts, uint64_t *out)
{
    if (seconds < 0 || part < 0 || part >= parts)
        return false;
    uint64_t whole = (uint64_t)seconds < LONGEST ? (uint64_t)seconds : LONGEST;
    *out = whole * SECOND + (uint64_t)part * (SECOND / (uint64_t)parts);
    return true;
}

uint64_t syscall_alarm(struct program_frame *frame)
{
    uint64_t left, interval;
    (void)alarm_get(ALARM_REAL, &left, &interval);
    (void)alarm_set(ALARM_REAL, (uint32_t)frame->rdi * SECOND, 0);
    return (left + SECOND / 2) / SECOND + (left != 0 && left < SECOND / 2);
}

/* The kernel's struct itimerval. */
struct interval_timer {
    int64_t interval[2], value[2]; /* seconds, microseconds */
};

static int give_interval(uint64_t at)
{
    uint64_t left, interval;
    if (!can_write(at, sizeof(struct interval_timer)))
        return -EFAULT;
    (void)alarm_get(ALARM_REAL, &left, &interval);
    const struct interval_timer out = {
        {(int64_t)(interval / SECOND), (int64_t)(interval % SECOND / MICROSECOND)},
        {(int64_t)(left / SECOND), (int64_t)(left % SECOND / MICROSECOND)}};
    memcpy((void *)at, &out, sizeof out);
    return 0;
}

/* Timers of the processor's time are not there. */
static int check_which(uint64_t which)
{
    if (which == ITIMER_REAL)
        return 0;
    return which <= ITIMER_PROF ? -ENOSYS : -EINVAL;
}

uint64_t syscall_getitimer(struct program_frame *frame)
{
    int status = check_which(frame->rdi);
    return (uint64_t)(status == 0 ? give_interval(frame->rsi) : status);
}

uint64_t syscall_setitimer(struct program_frame *frame)
{
    struct interval_timer wanted = {0};
    uint64_t first, interval;
    int status = check_which(frame->rdi);
    if (status == 0 && frame->rsi != 0 && !can_read(frame->rsi, sizeof wanted))
        status = -EFAULT;
    if (status == 0 && frame->rsi != 0)
        memcpy(&wanted, (const void *)frame->rsi, sizeof wanted);
    if (status == 0 && (!take_time(wanted.value[0], wanted.value[1], 1000000, &first) ||
                        !take_time(wanted.interval[0], wanted.interval[1], 1000000, &interval)))
        status = -EINVAL;
    if (status == 0 && frame->rdx != 0)
        status = give_interval(frame->rdx);
    return (uint64_t)(status == 0 ? alarm_set(ALARM_REAL, first, interval) : status);
}

/* --- timer_create and its kin ----------------------------------------------------------------- */

/* The kernel's struct sigevent, as far as it is looked at. */
struct event {
    uint64_t value;
    int number, notify, thread;
};

static int check_event(const struct event *event)
{
    if (event->notify != SIGEV_SIGNAL && event->notify != SIGEV_NONE &&
        event->notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID))
        return -EINVAL;
    if (event->notify != SIGEV_NONE && (event->number < 1 || event->number > SIGNALS))
        return -EINVAL;
    return event->notify & SIGEV_THREAD_ID && !thread_find(event->thread) ? -EINVAL : 0;
}

uint64_t syscall_timer_create(struct program_frame *frame)
{
    struct event event = {.number = SIGALRM, .notify = SIGEV_SIGNAL};
    bool is_default = frame->rsi == 0;
    if (frame->rdi != CLOCK_REALTIME && frame->rdi != CLOCK_MONOTONIC &&
        frame->rdi != CLOCK_BOOTTIME)
        return SYSCALL_ERROR(EINVAL);
    if ((!is_default && !can_read(frame->rsi, sizeof(struct sigevent))) ||
        !can_write(frame->rdx, sizeof(int)))
        return SYSCALL_FAULT;
    if (!is_default)
        memcpy(&event, (const void *)frame->rsi, sizeof event);
    int status = check_event(&event);
    const struct signal_info info = {
        event.notify == SIGEV_NONE ? 0 : event.number, SI_TIMER, {0, event.value}};
    if (status == 0)
        status = alarm_new(&info, event.notify & SIGEV_THREAD_ID ? event.thread : 0);
    if (status < 0)
        return (uint64_t)status;
    memcpy((void *)frame->rdx, &status, sizeof status);
    return 0;
}

static int give_timer(int timer, uint64_t at)
{
    uint64_t left, interval;
    if (!can_write(at, sizeof(struct __kernel_itimerspec)))
        return -EFAULT;
    if (timer <= ALARM_REAL || alarm_get(timer, &left, &interval) < 0)
        return -EINVAL;
    const struct __kernel_itimerspec out = {
        {(int64_t)(interval / SECOND), (int64_t)(interval % SECOND)},
        {(int64_t)(left / SECOND), (int64_t)(left % SECOND)}};
    memcpy((void *)at, &out, sizeof out);
    return 0;
}

uint64_t syscall_timer_gettime(struct program_frame *frame)
{
    return (uint64_t)give_timer((int)frame->rdi, frame->rsi);
}

/* An absolute time is the realtime clock's where it is beyond all that the other can be. */
static uint64_t since_now(uint64_t time)
{
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    uint64_t real = clock_now(DOOR_CLOCK_REAL);
    uint64_t clock = time > real / 2 ? real : now;
    return time > clock ? time - clock : 1;
}

uint64_t syscall_timer_settime(struct program_frame *frame)
{
    struct __kernel_itimerspec wanted;
    uint64_t first, interval;
    int timer = (int)frame->rdi;
    if (!can_read(frame->rdx, sizeof wanted))
        return SYSCALL_FAULT;
    memcpy(&wanted, (const void *)frame->rdx, sizeof wanted);
    if (!take_time(wanted.it_value.tv_sec, wanted.it_value.tv_nsec, 1000000000, &first) ||
        !take_time(wanted.it_interval.tv_sec, wanted.it_interval.tv_nsec, 1000000000, &interval))
        return SYSCALL_ERROR(EINVAL);
    int status = frame->r10 != 0 ? give_timer(timer, frame->r10) : 0;
    if (status == 0 && first != 0 && frame->rsi & TIMER_ABSTIME)
        first = since_now(first);
    if (status == 0)
        status = timer > ALARM_REAL ? alarm_set(timer, first, interval) : -EINVAL;
    return (uint64_t)status;
}

uint64_t syscall_timer_getoverrun(struct program_frame *frame)
{
    return (uint64_t)alarm_overrun((int)frame->rdi);
}

uint64_t syscall_timer_delete(struct program_frame *frame)
{
    return (uint64_t)alarm_end((int)frame->rdi);
}
