#include "enclave/libos/threads/alarm.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <limits.h>

#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"

struct alarm {
    bool is_there;
    uint64_t deadline; /* of the monotonic clock; DOOR_FOREVER: it is stopped */
    uint64_t interval;
    uint64_t missed; /* intervals */
    struct signal_info info;
    int target; /* number of a thread, or 0 */
};

static struct alarm alarms[ALARMS] = {
    [ALARM_REAL] = {.is_there = true,
                    .deadline = DOOR_FOREVER,
                    .info = {.number = SIGALRM, .code = SI_KERNEL}}};

/* Of a thread that is to look at the clock. */
static struct {
    const struct thread *thread;
    uint64_t deadline;
} turn = {.deadline = DOOR_FOREVER};

static struct alarm *find(int alarm)
{
    return alarm >= 0 && alarm < ALARMS && alarms[alarm].is_there ? &alarms[alarm] : NULL;
}

static uint64_t next_deadline(void)
{
    uint64_t next = turn.deadline;
    for (int i = 0; i < ALARMS; i++) {
        if (alarms[i].is_there && alarms[i].deadline < next)
            next = alarms[i].deadline;
    }
    return next;
}

int alarm_new(const struct signal_info *info, int target)
{
    for (int i = ALARM_REAL + 1; i < ALARMS; i++) {
        if (alarms[i].is_there)
            continue;
        alarms[i] = (struct alarm){
            .is_there = true, .deadline = DOOR_FOREVER, .info = *info, .target = target};
        alarms[i].info.words[0] = (uint64_t)i;
        return i;
    }
    return -EAGAIN;
}

int alarm_end(int alarm)
{
    struct alarm *one = find(alarm);
    if (!one || alarm == ALARM_REAL)
        return -EINVAL;
    one->is_there = false;
    return 0;
}

void alarm_reset(void)
{
    for (int i = ALARM_REAL + 1; i < ALARMS; i++)
        alarms[i].is_there = false;
}

void alarm_begin(void)
{
    alarm_reset();
    alarms[ALARM_REAL].deadline = turn.deadline = DOOR_FOREVER;
    alarms[ALARM_REAL].interval = alarms[ALARM_REAL].missed = 0;
}

int alarm_set(int alarm, uint64_t first, uint64_t interval)
{
    struct alarm *one = find(alarm);
    if (!one)
        return -EINVAL;
    uint64_t before = next_deadline();
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    one->deadline = first != 0 && first < DOOR_FOREVER - now ? now + first : DOOR_FOREVER;
    one->interval = interval;
    one->missed = 0;
    uint64_t next = next_deadline();
    if (next != before)
        door_alarm(next);
    return 0;
}

int alarm_get(int alarm, uint64_t *left, uint64_t *interval)
{
    const struct alarm *one = find(alarm);
    if (!one)
        return -EINVAL;
    *interval = one->interval;
    *left = 0;
    if (one->deadline == DOOR_FOREVER)
        return 0;
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    *left = one->deadline > now ? one->deadline - now : 1; /* it has yet to be seen */
    return 0;
}

int alarm_overrun(int alarm)
{
    const struct alarm *one = find(alarm);
    if (!one || alarm == ALARM_REAL)
        return -EINVAL;
    return one->missed < INT_MAX ? (int)one->missed : INT_MAX;
}

void alarm_set_turn(uint64_t deadline)
{
    uint64_t before = next_deadline();
    turn.thread = thread_self();
    turn.deadline = deadline;
    if (next_deadline() < before) /* one that comes in vain does no harm */
        door_alarm(next_deadline());
}

static void take_turn(void)
{
    const uint64_t bit = thread_bit(turn.thread);
    turn.deadline = DOOR_FOREVER;
    lock_wake_later(bit, turn.thread == thread_self() ? 0 : bit);
}

static void run_out(struct alarm *alarm, uint64_t now)
{
    struct thread *target = alarm->target != 0 ? thread_find(alarm->target) : NULL;
    uint64_t times = alarm->interval != 0 ? (now - alarm->deadline) / alarm->interval + 1 : 0;
    uint64_t step;
    alarm->missed = times > 0 ? times - 1 : 0;
    if (times == 0 || __builtin_mul_overflow(times, alarm->interval, &step) ||
        __builtin_add_overflow(alarm->deadline, step, &alarm->deadline))
        alarm->deadline = DOOR_FOREVER;
    if (alarm->info.number != 0 && (target || alarm->target == 0))
        (void)signal_send(target, &alarm->info);
}

void alarm_poll(void)
{
    if (next_deadline() == DOOR_FOREVER)
        return;
    uint64_t now = clock_now(DOOR_CLOCK_MONOTONIC);
    for (int i = 0; i < ALARMS; i++) {
        if (alarms[i].is_there && alarms[i].deadline <= now)
            run_out(&alarms[i], now);
    }
    if (turn.deadline <= now)
        take_turn();
    uint64_t next = next_deadline();
    if (next != DOOR_FOREVER)
        door_alarm(next);
}
