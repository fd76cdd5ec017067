/* prctl(2), and system calls on resources: limits, priorities, what was used. */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sysinfo.h>
#include <linux/times.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/threads/spent.h"
#include "enclave/libos/threads/thread.h"

#define NANOSECONDS UINT64_C(1000000000)
#define TICKS       100 /* a second, as AT_CLKTCK says */
#define TIMER_SLACK 50000
#define NICE_MOST   19
#define NICE_LEAST  (-20)

/* --- prctl ------------------------------------------------------------------------------------ */

static uint64_t put_int(uint64_t at, int value)
{
    if (!can_write(at, sizeof value))
        return SYSCALL_FAULT;
    memcpy((void *)at, &value, sizeof value);
    return 0;
}

static uint64_t set_name(uint64_t at)
{
    struct thread *self = thread_self();
    char name[THREAD_NAME_SIZE] = {0};
    for (size_t i = 0; i < sizeof name - 1; i++) {
        if (!can_read(at + i, 1))
            return SYSCALL_FAULT;
        name[i] = *(const char *)(at + i);
        if (name[i] == 0)
            break;
    }
    memcpy(self->name, name, sizeof name);
    if (self->number == process_self()->number) /* its process' own, which others see */
        (void)own_make_call(OWN_NAMED, (uintptr_t)name, 0, 0);
    return 0;
}

static uint64_t get_name(uint64_t at)
{
    if (!can_write(at, THREAD_NAME_SIZE))
        return SYSCALL_FAULT;
    memcpy((void *)at, thread_self()->name, THREAD_NAME_SIZE);
    return 0;
}

static uint64_t set_death_signal(struct process *self, uint64_t number)
{
    if (number > SIGNALS)
        return SYSCALL_ERROR(EINVAL);
    self->death_signal = (int)number;
    return 0;
}

static uint64_t change_ambient(struct identity *identity, const struct program_frame *frame)
{
    if (frame->rsi == PR_CAP_AMBIENT_CLEAR_ALL) {
        identity->ambient = 0;
        return frame->rdx | frame->r10 ? SYSCALL_ERROR(EINVAL) : 0;
    }
    if (frame->rdx > CAP_LAST_CAP || frame->r10 != 0)
        return SYSCALL_ERROR(EINVAL);
    if (frame->rsi == PR_CAP_AMBIENT_IS_SET)
        return identity->ambient >> frame->rdx & 1;
    if (frame->rsi != PR_CAP_AMBIENT_RAISE && frame->rsi != PR_CAP_AMBIENT_LOWER)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)identity_set_ambient(identity, (unsigned)frame->rdx,
                                          frame->rsi == PR_CAP_AMBIENT_RAISE);
}

static uint64_t change_sets(struct identity *identity, const struct program_frame *frame)
{
    switch (frame->rdi) {
    case PR_CAPBSET_READ:
        return frame->rsi > CAP_LAST_CAP ? SYSCALL_ERROR(EINVAL)
                                         : identity->bounding >> frame->rsi & 1;
    case PR_CAPBSET_DROP:
        return (uint64_t)identity_drop_bounding(
            identity, frame->rsi > CAP_LAST_CAP ? CAP_LAST_CAP + 1 : (unsigned)frame->rsi);
    case PR_CAP_AMBIENT:
        return change_ambient(identity, frame);
    case PR_SET_KEEPCAPS:
        if (frame->rsi > 1)
            return SYSCALL_ERROR(EINVAL);
        identity->keeps_sets = frame->rsi != 0;
        return 0;
    default: /* PR_GET_KEEPCAPS */
        return identity->keeps_sets;
    }
}

/* Set-user-ID bits mean nothing here, and so new privileges come from nowhere; there are no cores
 * and no filters. */
uint64_t syscall_prctl(struct program_frame *frame)
{
    struct process *self = process_self();
    switch (frame->rdi) {
    case PR_SET_NAME:
        return set_name(frame->rsi);
    case PR_GET_NAME:
        return get_name(frame->rsi);
    case PR_SET_PDEATHSIG:
        return set_death_signal(self, frame->rsi);
    case PR_GET_PDEATHSIG:
        return put_int(frame->rsi, self->death_signal);
    case PR_SET_CHILD_SUBREAPER:
        self->keeps_orphans = frame->rsi != 0;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return put_int(frame->rsi, self->keeps_orphans);
    case PR_SET_NO_NEW_PRIVS:
        return frame->rsi == 1 && !(frame->rdx | frame->r10 | frame->r8) ? 0
                                                                         : SYSCALL_ERROR(EINVAL);
    case PR_GET_NO_NEW_PRIVS:
        return 1;
    case PR_SET_DUMPABLE:
        if (frame->rsi > 1)
            return SYSCALL_ERROR(EINVAL);
        self->is_undumpable = frame->rsi == 0;
        return 0;
    case PR_GET_DUMPABLE:
        return !self->is_undumpable;
    case PR_GET_SECCOMP:
    case PR_GET_SECUREBITS:
    case PR_SET_TIMERSLACK:
        return 0;
    case PR_GET_TIMERSLACK:
        return TIMER_SLACK;
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_CAP_AMBIENT:
    case PR_SET_KEEPCAPS:
    case PR_GET_KEEPCAPS:
        return change_sets(&self->identity, frame);
    default:
        return SYSCALL_ERROR(EINVAL);
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

static uint64_t change_limit(struct process *process, unsigned which, const struct limit *wanted)
{
    bool may_raise = identity_has(&process_self()->identity, CAP_SYS_RESOURCE);
    int status = limits_set(&process->limits, which, wanted, may_raise);
    process->vfs.files.limit = limits_files(&process->limits);
    return (uint64_t)status;
}

static bool may_limit(const struct process *process)
{
    const struct process *self = process_self();
    const struct identity_ids *own = &self->identity.ids[IDENTITY_USER];
    const struct identity_ids *its = &process->identity.ids[IDENTITY_USER];
    return process == self || identity_has(&self->identity, CAP_SYS_RESOURCE) ||
           (own->real == its->real && own->real == its->effective && own->real == its->saved);
}

/* Of another process only while it lives. */
static uint64_t limit(uint64_t number, uint64_t which, uint64_t wanted_at, uint64_t before_at)
{
    struct limit wanted, before;
    struct process *process = (int)number == 0 ? process_self() : process_find((int)number);
    if ((wanted_at != 0 && !can_read(wanted_at, sizeof wanted)) ||
        (before_at != 0 && !can_write(before_at, sizeof before)))
        return SYSCALL_FAULT;
    if (!process || process->state != PROCESS_ALIVE)
        return SYSCALL_ERROR(ESRCH);
    if (which >= LIMITS)
        return SYSCALL_ERROR(EINVAL);
    if (!may_limit(process))
        return SYSCALL_ERROR(EPERM);
    before = process->limits.values[which];
    if (wanted_at != 0) {
        memcpy(&wanted, (const void *)wanted_at, sizeof wanted);
        uint64_t status = change_limit(process, (unsigned)which, &wanted);
        if (status != 0)
            return status;
    }
    if (before_at != 0)
        memcpy((void *)before_at, &before, sizeof before);
    return 0;
}

uint64_t syscall_prlimit64(struct program_frame *frame)
{
    return limit(frame->rdi, frame->rsi, frame->rdx, frame->r10);
}

uint64_t syscall_getrlimit(struct program_frame *frame)
{
    return frame->rsi == 0 ? SYSCALL_FAULT : limit(0, frame->rdi, 0, frame->rsi);
}

uint64_t syscall_setrlimit(struct program_frame *frame)
{
    return frame->rsi == 0 ? SYSCALL_FAULT : limit(0, frame->rdi, frame->rsi, 0);
}

/* --- priorities ------------------------------------------------------------------------------- */

static bool is_meant(const struct process *process, uint64_t kind, uint64_t who)
{
    const struct process *self = process_self();
    int number = (int)who;
    uint32_t user = number == 0 ? self->identity.ids[IDENTITY_USER].real : (uint32_t)who;
    if (process->state != PROCESS_ALIVE)
        return false;
    switch (kind) {
    case PRIO_PROCESS:
        return number == 0 ? process == self : process->number == number;
    case PRIO_PGRP:
        return process->group == (number == 0 ? self->group : number);
    default:
        return process->identity.ids[IDENTITY_USER].real == user;
    }
}

static int set_nice(struct process *process, int nice)
{
    const struct process *self = process_self();
    const struct identity_ids *own = &self->identity.ids[IDENTITY_USER];
    const struct identity_ids *its = &process->identity.ids[IDENTITY_USER];
    bool has_right = identity_has(&self->identity, CAP_SYS_NICE);
    if (!has_right && own->effective != its->real && own->effective != its->effective)
        return -EPERM;
    if (nice < process->nice && !has_right)
        return -EACCES;
    process->nice = nice;
    return 0;
}

uint64_t syscall_setpriority(struct program_frame *frame)
{
    int nice = (int)frame->rdx;
    int result = -ESRCH;
    nice = nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
    if (frame->rdi > PRIO_USER)
        return SYSCALL_ERROR(EINVAL);
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (!process_sees(process_self(), process_at(i)) ||
            !is_meant(process_at(i), frame->rdi, frame->rsi))
            continue;
        int status = set_nice(process_at(i), nice);
        if (status < 0 || result == -ESRCH)
            result = status;
    }
    return (uint64_t)result;
}

/* 20 less the nicest, as the kernel's own call answers. */
uint64_t syscall_getpriority(struct program_frame *frame)
{
    int best = 0;
    if (frame->rdi > PRIO_USER)
        return SYSCALL_ERROR(EINVAL);
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (process_sees(process_self(), process_at(i)) &&
            is_meant(process_at(i), frame->rdi, frame->rsi) && 20 - process_at(i)->nice > best)
            best = 20 - process_at(i)->nice;
    }
    return best > 0 ? (uint64_t)best : SYSCALL_ERROR(ESRCH);
}

/* --- what was used: the time of the processor is not counted -----------------------------------
 */

uint64_t syscall_getrusage(struct program_frame *frame)
{
    int who = (int)frame->rdi;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rsi, sizeof(struct rusage)))
        return SYSCALL_FAULT;
    uint64_t spent = who == RUSAGE_SELF     ? spent_process()
                     : who == RUSAGE_THREAD ? spent_thread(thread_self())
                                            : 0;
    const struct rusage all = {
        .ru_utime = {(int64_t)(spent / NANOSECONDS), (int64_t)(spent % NANOSECONDS / 1000)}};
    memcpy((void *)frame->rsi, &all, sizeof all);
    return 0;
}

uint64_t syscall_times(struct program_frame *frame)
{
    if (frame->rdi != 0 && !can_write(frame->rdi, sizeof(struct tms)))
        return SYSCALL_FAULT;
    const struct tms all = {.tms_utime = (int64_t)(spent_process() / (NANOSECONDS / TICKS))};
    if (frame->rdi != 0)
        memcpy((void *)frame->rdi, &all, sizeof all);
    return clock_now(DOOR_CLOCK_MONOTONIC) / (NANOSECONDS / TICKS);
}

uint64_t syscall_sysinfo(struct program_frame *frame)
{
    struct sysinfo info = {.mem_unit = 1};
    if (!can_write(frame->rdi, sizeof info))
        return SYSCALL_FAULT;
    info.uptime = (long)(clock_now(DOOR_CLOCK_MONOTONIC) / NANOSECONDS);
    info.totalram = memory_all() * MEMORY_PAGE;
    info.freeram = info.totalram - memory_taken() * MEMORY_PAGE;
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        info.procs = (uint16_t)(info.procs + (process_at(i)->state == PROCESS_ALIVE &&
                                              process_sees(process_self(), process_at(i))));
    memcpy((void *)frame->rdi, &info, sizeof info);
    return 0;
}
