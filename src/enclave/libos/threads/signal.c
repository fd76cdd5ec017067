#include "enclave/libos/threads/signal.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <string.h>

#include "enclave/libos/files/signal_file.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

#define NEVER_BLOCKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define LEFT_OUT                                                                                   \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))

_Static_assert(SIGSTOP == 19 && SIGTSTP == 20 && SIGTTIN == 21 && SIGTTOU == 22, "SIGNAL_STOPS");

struct signal_note {
    struct signal_note *next;
    struct signal_info info;
    bool is_used;
};

static struct signal_note notes[SIGNAL_NOTES];
static struct signal_action actions[SIGNALS + 1];
static struct signal_queue process;

/* --- queues ----------------------------------------------------------------------------------- */

static struct signal_note *new_note(void)
{
    for (size_t i = 0; i < SIGNAL_NOTES; i++) {
        if (notes[i].is_used)
            continue;
        notes[i] = (struct signal_note){.is_used = true};
        return &notes[i];
    }
    return NULL;
}

/* One of the first 32 is there once, and comes without its note when there is no room. */
static int put(struct signal_queue *queue, const struct signal_info *info)
{
    struct signal_note **place = &queue->first;
    if (info->number < SIGNAL_RT && queue->set & SIGNAL_BIT(info->number))
        return 0;
    struct signal_note *note = new_note();
    if (!note && info->number >= SIGNAL_RT)
        return -EAGAIN;
    queue->set |= SIGNAL_BIT(info->number);
    if (!note)
        return 0;
    note->info = *info;
    while (*place)
        place = &(*place)->next;
    *place = note;
    return 0;
}

static struct signal_note **find(struct signal_queue *queue, int number)
{
    struct signal_note **place = &queue->first;
    while (*place && (*place)->info.number != number)
        place = &(*place)->next;
    return place;
}

static int take(struct signal_queue *queue, uint64_t set, struct signal_info *out)
{
    uint64_t bits = queue->set & set;
    if (bits == 0)
        return 0;
    int number = __builtin_ctzll(bits) + 1;
    struct signal_note **place = find(queue, number);
    struct signal_note *note = *place;
    *out = note ? note->info : (struct signal_info){.number = number, .code = SI_USER};
    if (note) {
        *place = note->next;
        note->is_used = false;
    }
    if (!*find(queue, number))
        queue->set &= ~SIGNAL_BIT(number);
    return number;
}

static void drop(struct signal_queue *queue, uint64_t set)
{
    struct signal_info unused;
    while (take(queue, set, &unused) != 0)
        continue;
}

/* --- actions ---------------------------------------------------------------------------------- */

static struct signal_action *actions_of(const struct thread *thread)
{
    return thread->signals.actions ? thread->signals.actions : actions;
}

static bool is_ignored(const struct signal_action *action, int number)
{
    return action->handler == (uintptr_t)SIG_IGN ||
           (action->handler == (uintptr_t)SIG_DFL && LEFT_OUT & SIGNAL_BIT(number));
}

bool signal_is_ignored(int number)
{
    return is_ignored(signal_action(number), number);
}

const struct signal_action *signal_action(int number)
{
    return &actions_of(thread_self())[number];
}

void signal_copy_actions(struct signal_action out[SIGNALS + 1])
{
    memcpy(out, actions_of(thread_self()), sizeof actions);
}

/* Of all threads for which the actions are these: NULL for the enclave's process'. */
static void drop_everywhere(const struct signal_action *of, uint64_t set)
{
    if (!of)
        drop(&process, set);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (thread_at(i)->signals.actions == of)
            drop(&thread_at(i)->signals.pending, set);
    }
}

int signal_set_action(int number, const struct signal_action *wanted, struct signal_action *before)
{
    if (number < 1 || number > SIGNALS || (wanted && NEVER_BLOCKED & SIGNAL_BIT(number)))
        return -EINVAL;
    struct signal_action *action = &actions_of(thread_self())[number];
    if (before)
        *before = *action;
    if (!wanted)
        return 0;
    *action = *wanted;
    action->mask &= ~NEVER_BLOCKED;
    if (is_ignored(action, number))
        drop_everywhere(thread_self()->signals.actions, SIGNAL_BIT(number));
    return 0;
}

void signal_reset(void)
{
    for (int i = 1; i <= SIGNALS; i++) {
        uint64_t kept = actions[i].handler == (uintptr_t)SIG_IGN ? actions[i].handler : 0;
        actions[i] = (struct signal_action){.handler = kept};
    }
}

void signal_begin(void)
{
    drop(&process, UINT64_MAX);
    signal_drop(thread_self(), UINT64_MAX);
    memset(actions, 0, sizeof actions);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool can_take(const struct thread *thread, uint64_t bit)
{
    return thread->state != THREAD_FREE &&
           (!(thread->signals.mask & bit) || thread->signals.awaited & bit);
}

/* The first that can: the process' first thread before others, as Linux has it. */
static const struct thread *choose(uint64_t bit)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (!thread_at(i)->signals.actions && can_take(thread_at(i), bit))
            return thread_at(i);
    }
    return NULL;
}

static void wake(const struct thread *thread)
{
    uint64_t bit = thread_bit(thread);
    lock_wake_later(bit, thread == thread_self() ? 0 : bit);
}

void signal_go_on(struct process *stopped)
{
    if (!stopped->is_halted)
        return;
    stopped->is_halted = false;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        struct thread *one = thread_at(i);
        if (one->state != THREAD_FREE && one->process == stopped && !one->service)
            wait_wake_thread(one);
    }
}

/* kernel/signal.c, prepare_signal(): whatever becomes of it, the one takes the others away. */
static void stop_or_go_on(const struct thread *thread, int number)
{
    const struct signal_action *of = thread ? thread->signals.actions : NULL;
    if (SIGNAL_STOPS & SIGNAL_BIT(number))
        drop_everywhere(of, SIGNAL_BIT(SIGCONT));
    if (number != SIGCONT)
        return;
    drop_everywhere(of, SIGNAL_STOPS);
    signal_go_on(of ? thread->process : process_first());
}

/* Of those for which it is news: the thread, or with NULL any. */
static void wake_for_news(const struct thread *thread, uint64_t bit)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = thread_at(i);
        if ((!thread || one == thread) && one->state != THREAD_FREE && one->signals.news & bit)
            wake(one);
    }
}

int signal_send(struct thread *thread, const struct signal_info *info)
{
    uint64_t bit = SIGNAL_BIT(info->number);
    bool is_apart = thread && thread->signals.actions;
    if (thread && thread->mirror) {
        thread->mirror->raised |= bit; /* it is told where its thread is */
        return 0;
    }
    if (info->number == SIGKILL && !is_apart)
        finish_all(DOOR_DIED | SIGKILL);
    stop_or_go_on(thread, info->number);
    const struct thread *taker = thread ? (can_take(thread, bit) ? thread : NULL) : choose(bit);
    bool is_awaited = taker && taker->signals.awaited & bit;
    const struct signal_action *action = &(is_apart ? thread->signals.actions
                                                    : actions)[info->number];
    if (taker && !is_awaited && is_ignored(action, info->number))
        return 0;
    int status = put(thread ? &thread->signals.pending : &process, info);
    if (status == 0 && taker)
        wake(taker);
    if (status == 0 && signal_files_watch & bit) {
        wait_files_changed();
        wake_for_news(thread, bit);
    }
    return status;
}

int signal_raise(struct thread *thread, int number)
{
    const struct process *self = process_self();
    const struct signal_info info = {
        number,
        thread ? SI_TKILL : SI_USER,
        {(uint32_t)self->number | (uint64_t)self->identity.ids[IDENTITY_USER].real << 32, 0}};
    return signal_send(thread, &info);
}

uint64_t signal_unheard(void)
{
    const struct thread *self = thread_self();
    uint64_t bits = 0;
    if (self->mirror)
        return self->mirror->unheard;
    for (int number = SIGTTIN; number <= SIGTTOU; number++) {
        bool is_blocked = self->signals.mask & SIGNAL_BIT(number);
        bits |= is_blocked || signal_is_ignored(number) ? SIGNAL_BIT(number) : 0;
    }
    return bits;
}

/* --- taking ----------------------------------------------------------------------------------- */

uint64_t signal_pending(const struct thread *thread)
{
    return thread->signals.pending.set | (thread->signals.actions ? 0 : process.set);
}

bool signal_interrupts(const struct thread *thread)
{
    const struct signal_thread *mine = &thread->signals;
    uint64_t bits = ~mine->mask | mine->awaited | mine->news;
    bool halts = thread->process && thread->process->is_halted && !thread->service;
    return thread->must_end || (halts && !thread->stands) || (signal_pending(thread) & bits) != 0;
}

int signal_take(struct thread *thread, uint64_t set, struct signal_info *out)
{
    int number = take(&thread->signals.pending, set, out);
    return number != 0 || thread->signals.actions ? number : take(&process, set, out);
}

void signal_set_mask(struct thread *thread, uint64_t mask)
{
    thread->signals.mask = mask & ~NEVER_BLOCKED;
    for (uint64_t left = process.set & mask; left != 0; left &= left - 1) {
        const struct thread *other = choose(left & -left);
        if (other)
            wake(other); /* who takes what this thread no longer does */
    }
}

void signal_lend_mask(struct thread *thread, uint64_t mask)
{
    if (!thread->signals.has_before)
        thread->signals.before = thread->signals.mask;
    thread->signals.has_before = true;
    signal_set_mask(thread, mask);
}

void signal_drop(struct thread *thread, uint64_t set)
{
    drop(&thread->signals.pending, set);
}

void signal_forget(struct thread *thread)
{
    signal_drop(thread, UINT64_MAX);
    thread->signals.mask = UINT64_MAX;
    signal_set_mask(thread, UINT64_MAX);
}
