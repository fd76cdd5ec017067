/* Children that have ended, stand still or go on, and who waits for them. */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/wait.h>

#include "enclave/libos/processes/process.h"

struct wait_queue process_changes;

static bool is_meant(const struct process *parent, const struct process *child, int who)
{
    if (who > 0)
        return child->number == who;
    return who == -1 || child->group == (who == 0 ? parent->group : -who);
}

/* kernel/exit.c, eligible_child(): a child whose end sends another signal, or none, is a clone. */
static bool is_kind(const struct process *child, unsigned options)
{
    bool is_clone = child->exit_signal != SIGCHLD;
    return options & __WALL || is_clone == ((options & __WCLONE) != 0);
}

static bool has_changed(const struct process *child, unsigned options)
{
    if (child->state == PROCESS_ENDED)
        return options & WEXITED;
    return (child->news == PROCESS_STOPPED && options & WSTOPPED) ||
           (child->news == PROCESS_CONTINUED && options & WCONTINUED);
}

int process_find_changed(const struct process *parent, int who, unsigned options,
                         struct process **out)
{
    bool has_some = false;
    *out = NULL;
    for (size_t i = 0; i < PROCESSES_MAX && !*out; i++) {
        struct process *child = process_at(i);
        if (child->state == PROCESS_FREE || child->parent != parent ||
            !is_meant(parent, child, who) || !is_kind(child, options))
            continue;
        has_some = true;
        if (has_changed(child, options))
            *out = child;
    }
    return has_some ? 0 : -ECHILD;
}
