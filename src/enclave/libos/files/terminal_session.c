/* Whose terminals are: the session that has one as its controlling terminal, the group of it that
 * is in the foreground, and the signals that these get. */
#include <asm/ioctls.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/errno.h>

#include "enclave/libos/files/terminal_parts.h"
#include "enclave/libos/processes/process.h"

static void signal_one(struct process *process, int number)
{
    const struct signal_info info = {.number = number, .code = SI_KERNEL};
    (void)process_signal(process, &info);
}

/* Number 1, which ends all, comes last. */
static void signal_group(int group, int number)
{
    for (size_t i = PROCESSES_MAX; i-- > 0 && group != 0;) {
        struct process *process = process_at(i);
        if (process->state == PROCESS_ALIVE && process->group == group)
            signal_one(process, number);
    }
}

void terminal_signal(const struct terminal *terminal, int number)
{
    signal_group(terminal->group, number);
}

static struct terminal *own_of(const struct process *process)
{
    for (size_t i = 0; i < TERMINALS_MAX && !process->has_no_terminal; i++) {
        struct terminal *terminal = terminal_at(i);
        if (terminal && terminal->session != 0 && terminal->session == process->session)
            return terminal;
    }
    return NULL;
}

struct terminal *terminal_own(void)
{
    return own_of(process_self());
}

static bool is_leader(const struct process *process)
{
    return process->session == process->number;
}

void terminal_give(struct terminal *terminal, const struct process *process)
{
    terminal->session = process->session;
    terminal->group = process->group;
}

void terminal_offer(struct terminal *terminal)
{
    const struct process *self = process_self();
    if (is_leader(self) && terminal->session == 0 && !own_of(self))
        terminal_give(terminal, self);
}

/* The thread that makes the call gets it at once, in whichever enclave it is. */
static void signal_own_group(const struct process *self, int number)
{
    for (size_t i = PROCESSES_MAX; i-- > 0;) {
        struct process *process = process_at(i);
        if (process->state == PROCESS_ALIVE && process->group == self->group && process != self)
            signal_one(process, number);
    }
    (void)signal_raise(thread_self(), number);
}

/* drivers/tty/tty_jobctrl.c, __tty_check_change(). One that is not its controlling terminal is
 * nobody's background. */
int terminal_check(const struct terminal *terminal, int number)
{
    const struct process *self = process_self();
    if (terminal->group == 0 || terminal->group == self->group || own_of(self) != terminal)
        return 0;
    if (signal_unheard() & SIGNAL_BIT(number))
        return number == SIGTTIN ? -EIO : 0;
    if (process_is_orphaned(self))
        return -EIO;
    signal_own_group(self, number);
    return -EINTR;
}

static void forget(struct terminal *terminal)
{
    terminal->session = terminal->group = 0;
}

/* drivers/tty/tty_io.c, __tty_hangup(): the session's leader hears of it. */
void terminal_hang_up(struct terminal *terminal)
{
    struct process *leader = terminal->session ? process_find(terminal->session) : NULL;
    forget(terminal);
    if (!leader || leader->state != PROCESS_ALIVE)
        return;
    signal_one(leader, SIGHUP);
    signal_one(leader, SIGCONT);
}

/* drivers/tty/tty_jobctrl.c, disassociate_ctty(). */
void terminal_leave(struct process *process)
{
    struct terminal *terminal = own_of(process);
    if (!terminal || !is_leader(process))
        return;
    int group = terminal->group;
    forget(terminal);
    signal_group(group, SIGHUP);
}

void terminal_tell(const struct process *process, int *device, int *group)
{
    const struct terminal *terminal = own_of(process);
    *device = terminal ? TERMINAL_MAJOR << 8 | (int)terminal->number : 0;
    *group = terminal ? terminal->group : -1;
}

/* --- ioctl(2) --------------------------------------------------------------------------------- */

static int take(struct terminal *terminal, bool steals)
{
    const struct process *self = process_self();
    if (is_leader(self) && terminal->session == self->session)
        return 0;
    if (!is_leader(self) || own_of(self))
        return -EPERM;
    if (terminal->session != 0 && !(steals && identity_has(&self->identity, CAP_SYS_ADMIN)))
        return -EPERM;
    terminal_give(terminal, self);
    return 0;
}

static int give_up(struct terminal *terminal)
{
    struct process *self = process_self();
    int group = terminal->group;
    if (own_of(self) != terminal)
        return -ENOTTY;
    if (!is_leader(self)) {
        self->has_no_terminal = true;
        return 0;
    }
    forget(terminal);
    signal_group(group, SIGHUP);
    signal_group(group, SIGCONT);
    return 0;
}

static int set_group(struct terminal *terminal, int group)
{
    const struct process *self = process_self();
    bool is_there = false;
    int status = terminal_check(terminal, SIGTTOU);
    if (status < 0)
        return status == -EIO ? -ENOTTY : status;
    if (own_of(self) != terminal)
        return -ENOTTY;
    if (group < 0)
        return -EINVAL;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = process_at(i);
        if (one->state == PROCESS_FREE || one->group != group)
            continue;
        if (one->session != self->session)
            return -EPERM;
        is_there = true;
    }
    if (is_there)
        terminal->group = group;
    return is_there ? 0 : -ESRCH;
}

/* A master tells of its slave to whomever has it. */
static int tell(const struct terminal *terminal, int number, bool is_master, int *out)
{
    if (!is_master && own_of(process_self()) != terminal)
        return -ENOTTY;
    *out = number;
    return 0;
}

int terminal_control_session(struct terminal *terminal, unsigned request, void *argument,
                             bool is_master)
{
    switch (request) {
    case TIOCSCTTY:
        return is_master ? -ENOTTY : take(terminal, (uintptr_t)argument == 1);
    case TIOCNOTTY:
        return give_up(terminal);
    case TIOCGPGRP:
        return tell(terminal, terminal->group, is_master, argument);
    case TIOCSPGRP:
        return set_group(terminal, *(const int *)argument);
    default: /* TIOCGSID */
        return terminal->session == 0 ? -ENOTTY
                                      : tell(terminal, terminal->session, is_master, argument);
    }
}
