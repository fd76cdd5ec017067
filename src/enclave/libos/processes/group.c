/* Signals from process to process, their groups and sessions. */
#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <limits.h>

#include "enclave/libos/processes/process.h"

/* --- signals ---------------------------------------------------------------------------------- */

int process_signal(struct process *process, const struct signal_info *info)
{
    if (process->state != PROCESS_ALIVE)
        return 0;
    return process->post ? process->post(process, info) : signal_send(NULL, info);
}

void process_signal_all(struct process *process, uint64_t signals)
{
    for (; signals != 0; signals &= signals - 1) {
        const struct signal_info info = {.number = __builtin_ctzll(signals) + 1, .code = SI_USER};
        (void)process_signal(process, &info);
    }
}

static bool is_meant(const struct process *from, const struct process *to, int whom)
{
    if (to->state == PROCESS_FREE)
        return false;
    if (whom > 0)
        return to->number == whom;
    if (whom == -1)
        return to->number != PROCESS_FIRST && to != from;
    return to->group == (whom == 0 ? from->group : -whom);
}

/* kernel/signal.c, kill_ok_by_cred() and check_kill_permission(). */
static bool may_signal(const struct process *from, const struct process *to, int number)
{
    return from == to || identity_may_signal(&from->identity, &to->identity) ||
           (number == SIGCONT && from->session == to->session);
}

/* One that can be told is enough for success, as in Linux. */
int process_kill(struct process *from, int whom, const struct signal_info *info)
{
    int result = -ESRCH;
    if (whom == INT_MIN)
        return -ESRCH;
    for (size_t i = PROCESSES_MAX; i-- > 0;) { /* number 1, which ends all, comes last */
        struct process *to = process_at(i);
        if (!process_sees(from, to) || !is_meant(from, to, whom))
            continue;
        int status = may_signal(from, to, info->number) ? 0 : -EPERM;
        if (status == 0 && info->number != 0)
            status = process_signal(to, info);
        if (result != 0)
            result = status;
    }
    return result;
}

/* --- groups ----------------------------------------------------------------------------------- */

static const struct process *find_in_group(int group)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state != PROCESS_FREE && process_at(i)->group == group)
            return process_at(i);
    }
    return NULL;
}

/* kernel/exit.c, will_become_orphaned_pgrp(). */
bool process_is_orphaned(const struct process *process)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = process_at(i), *parent = one->parent;
        bool is_there = one->state != PROCESS_FREE && one->state != PROCESS_ENDED;
        if (is_there && one->group == process->group && parent && parent->group != process->group &&
            parent->session == process->session)
            return false;
    }
    return true;
}

static bool has_stopped(int group)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = process_at(i);
        if (one->state == PROCESS_ALIVE && one->group == group && one->stopped_by != 0)
            return true;
    }
    return false;
}

/* Number 1, which ends all, comes last. */
static void signal_group(int group, int number)
{
    const struct signal_info info = {.number = number, .code = SI_KERNEL};
    for (size_t i = PROCESSES_MAX; i-- > 0;) {
        struct process *one = process_at(i);
        if (one->state == PROCESS_ALIVE && one->group == group)
            (void)process_signal(one, &info);
    }
}

/* kernel/exit.c, kill_orphaned_pgrp(). */
void process_lose_parent(const struct process *process, const struct process *parent)
{
    int group = process->group;
    if (!parent || parent->group == group || parent->session != process->session ||
        !process_is_orphaned(process) || !has_stopped(group))
        return;
    signal_group(group, SIGHUP);
    signal_group(group, SIGCONT);
}

/* kernel/sys.c, setpgid(). */
int process_set_group(struct process *self, int number, int group)
{
    struct process *process = number == 0 ? self : process_find(number);
    if (group < 0)
        return -EINVAL;
    if (!process || (process != self && process->parent != self))
        return -ESRCH;
    if (process != self && process->session != self->session)
        return -EPERM;
    if (process != self && process->has_executed)
        return -EACCES;
    if (process->session == process->number)
        return -EPERM;
    group = group == 0 ? process->number : group;
    const struct process *other = find_in_group(group);
    if (group != process->number && (!other || other->session != self->session))
        return -EPERM;
    process->group = group;
    return 0;
}

int process_set_session(struct process *self)
{
    if (self->session == self->number || find_in_group(self->number))
        return -EPERM;
    self->group = self->session = self->number;
    self->has_no_terminal = false;
    return self->number;
}
