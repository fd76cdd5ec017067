#include "enclave/libos/processes/line.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door_children.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/processes/spares.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wire/arrivals.h"

#define SIGNALS_MAX 64 /* that wait to be sent; of others the number alone is kept */

#define TRIES_MAX 3

enum line_state {
    LINE_ASKED,   /* no enclave has arrived for it */
    LINE_THERE,   /* it is the opener's */
    LINE_STARTED, /* it is its thread's */
    LINE_BROKEN,
};

struct line {
    struct line *next; /* of those for which none has arrived, the oldest first */
    struct process *process;
    struct wire *wire; /* borrowed from its thread */
    enum line_state state;
    struct identity began; /* who the process was when it was started */
    unsigned tries;        /* to have another one come, where one failed */
    struct wait_queue changed;
    struct order_signal signals[SIGNALS_MAX];
    size_t signal_count;
    uint64_t more; /* signals beyond, a bit each */
};

static struct line *asked;

static size_t coming; /* enclaves that were asked for and have not arrived */
static size_t served; /* processes in enclaves of their own */
static size_t going;  /* threads of those that were sent away and have not gone */

/* Threads that stay free for what was asked for. */
#define SPARE_ROOM 16

/* --- opening ---------------------------------------------------------------------------------- */

/* Besides the line's: one that makes its calls, and where it shares memory, one that recalls pages.
 * Of these, those that it has not come to. */
static size_t missing(const struct process *process)
{
    size_t calls = 1;
    size_t pages = shared_home_has(process_index(process));
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = thread_at(i);
        if (one->state != THREAD_FREE && one->mirrors == process->number)
            calls = 0;
        if (one->state != THREAD_FREE && one->recalls == process->number)
            pages = 0;
    }
    return calls + pages;
}

/* Those that were begun must come to their threads before there is another one. A spare has the
 * line's thread. */
static bool has_room(const struct process *process)
{
    size_t left = going;
    size_t wanted = !spares_has(process) + missing(process);
    for (size_t i = 1; i < THREADS_MAX; i++)
        left += thread_at(i)->state == THREAD_FREE;
    for (const struct line *line = asked; line; line = line->next)
        wanted += 1 + missing(line->process);
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = process_at(i);
        bool is_begun = one->state == PROCESS_ALIVE && one->line && one->line->state != LINE_ASKED;
        wanted += is_begun ? missing(one) : 0;
    }
    return left >= wanted;
}

static void join(struct line *line)
{
    struct line **place = &asked;
    while (*place)
        place = &(*place)->next;
    *place = line;
}

/* Signals wait: they would find a thread that is half another process. So does what the thread of
 * another enclave says meanwhile, which can only be that it is interrupted. */
static void await(struct line *line, enum line_state state)
{
    struct thread *self = thread_self();
    struct thread_mirror *mirror = self->mirror;
    uint64_t mask = self->signals.mask;
    self->signals.mask = UINT64_MAX;
    self->mirror = NULL;
    while (line->state == state)
        (void)wait_on(&line->changed, DOOR_FOREVER, NULL, 0);
    self->mirror = mirror;
    self->signals.mask = mask;
}

static int ask(void)
{
    coming++;
    int status = arrivals_ask();
    if (status < 0 && coming > 0)
        coming--;
    return status;
}

static void leave(struct line *line)
{
    struct line **place = &asked;
    while (*place && *place != line)
        place = &(*place)->next;
    if (*place)
        *place = line->next;
}

/* From then on the line is its thread's as well. */
static bool take_spare(struct line *line)
{
    line->wire = spares_take(line->process, line);
    if (line->wire)
        line->state = LINE_THERE;
    return line->wire;
}

/* Spares make room for what is wanted now. They go while another enclave is made. */
static bool find_room(const struct process *process)
{
    if (has_room(process))
        return true;
    going += spares_dismiss();
    return has_room(process);
}

/* One arrives for it; another one than was asked for may. */
static void ask_for(struct line *line)
{
    join(line);
    if (ask() < 0 && line->state == LINE_ASKED) {
        leave(line);
        line->state = LINE_BROKEN;
    }
    await(line, LINE_ASKED);
}

/* Nobody else has it. What waits in it is for the process where that is for a while. */
static void fail(struct line *line)
{
    struct process *process = line->process;
    process->line = NULL;
    for (size_t i = 0; i < line->signal_count; i++) {
        const struct order_signal *one = &line->signals[i];
        const struct signal_info info = {one->number, one->code, {one->words[0], one->words[1]}};
        (void)process_signal(process, &info);
    }
    libos_free(line);
}

int line_open(struct process *process, struct line **out)
{
    if (!find_room(process))
        return -EAGAIN;
    struct line *line = alloc_zeroed(1, sizeof *line);
    if (!line)
        return -ENOMEM;
    line->process = process;
    process->line = line; /* where its signals wait */
    if (!take_spare(line))
        ask_for(line);
    if (line->state == LINE_BROKEN) {
        fail(line);
        return -EAGAIN;
    }
    *out = line;
    return 0;
}

static int send_piece(struct line *line, const void *bytes, size_t size)
{
    lock_release();
    int status = wire_send(line->wire, bytes, size);
    lock_take();
    return status < 0 ? -EAGAIN : 0;
}

int line_send(struct line *line, const void *bytes, size_t size)
{
    int status = 0;
    for (size_t done = 0; status == 0 && done < size;) {
        size_t piece = size - done < WIRE_MESSAGE_MAX ? size - done : WIRE_MESSAGE_MAX;
        status = send_piece(line, (const uint8_t *)bytes + done, piece);
        done += piece;
    }
    return status;
}

static void go_on(struct line *line, enum line_state state)
{
    line->state = state;
    wait_wake_all(&line->changed);
}

void line_give_up(struct line *line)
{
    line->process->line = NULL;
    go_on(line, LINE_BROKEN);
}

void arrival_missed(void)
{
    struct line *line = asked;
    coming -= coming > 0;
    if (!line)
        return;
    asked = line->next;
    go_on(line, LINE_BROKEN);
}

/* It may have been a wire for calls, of a process that was killed. */
void arrival_failed(void)
{
    if (asked && asked->tries++ < TRIES_MAX && door_child() == 0)
        return;
    arrival_missed();
}

/* --- signals ---------------------------------------------------------------------------------- */

/* Its own, or that of the process in whose enclave it is for a while. */
static struct line *find_line(const struct process *process)
{
    while (process && !process->line)
        process = process->parent;
    return process ? process->line : NULL;
}

int line_post(struct process *process, const struct signal_info *info)
{
    struct line *line = find_line(process);
    const uint32_t number = (uint32_t)process->number;
    if (!line)
        return -ESRCH;
    for (size_t i = 0; i < line->signal_count; i++) {
        const struct order_signal *one = &line->signals[i];
        if (one->number == info->number && one->process == number && info->number < SIGNAL_RT)
            return 0;
    }
    if (line->signal_count < SIGNALS_MAX) {
        line->signals[line->signal_count++] = (struct order_signal){
            info->number, info->code, number, 0, {info->words[0], info->words[1]}};
        process->carried += line->process != process;
    } else if (info->number < SIGNAL_RT && line->process == process)
        line->more |= SIGNAL_BIT(info->number);
    else
        return -EAGAIN;
    wait_wake_all(&line->changed);
    return 0;
}

struct line *line_in_making(const struct process *process)
{
    return process->line && process->line->state == LINE_THERE ? process->line : NULL;
}

int line_start(struct line *line, uint64_t carried)
{
    if (line->process->carried != carried)
        return -EAGAIN;
    line->process->post = line_post;
    line->process->post_to = NULL;
    line->began = line->process->identity;
    go_on(line, LINE_STARTED);
    return 0;
}

static bool next_signal(struct line *line, struct order_signal *out)
{
    if (line->signal_count > 0) {
        *out = line->signals[0];
        line->signal_count--;
        memmove(line->signals, line->signals + 1, line->signal_count * sizeof *line->signals);
        return true;
    }
    if (line->more == 0)
        return false;
    *out = (struct order_signal){.number = __builtin_ctzll(line->more) + 1,
                                 .process = (uint32_t)line->process->number};
    line->more &= line->more - 1;
    return true;
}

static int send_signals(struct line *line)
{
    struct order_signal message;
    int status = 0;
    while (status == 0 && next_signal(line, &message))
        status = send_piece(line, &message, sizeof message);
    return status;
}

/* --- its thread ------------------------------------------------------------------------------- */

/* Until the process is over: what it came to. Whatever else is said over the wire ends it. */
static struct order_result serve(struct line *line)
{
    const struct order_result killed = {.result = DOOR_DIED | SIGKILL};
    const struct door_ready item = {.handle = line->wire->handle, .events = POLLIN};
    struct order_result message;
    for (;;) {
        (void)send_signals(line); /* one that has ended takes none: what it came to is there */
        if (line->signal_count > 0 || line->more != 0)
            continue;
        int64_t got = wire_receive_now(line->wire, &message, sizeof message);
        if (got == sizeof message && order_result_is_good(&message))
            return message;
        if (got != -EAGAIN)
            return killed;
        (void)wait_on(&line->changed, DOOR_FOREVER, &item, 1);
    }
}

static bool has_calls(const struct process *process)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *thread = thread_at(i);
        if (thread->state != THREAD_FREE && thread->service && thread->process == process)
            return true;
    }
    return false;
}

/* Those that were in its enclave for a while are gone with it, and of those that it was making
 * nothing comes any more. */
static void end_unfinished(const struct process *process)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *one = process_at(i);
        if (one->state != PROCESS_ALIVE || one->parent != process)
            continue;
        if (line_in_making(one))
            line_give_up(one->line);
        if (!one->line)
            process_end(one, SIGKILL);
    }
}

static void end(struct line *line, uint64_t result)
{
    struct process *process = line->process;
    process->state = PROCESS_ENDING;
    process->post = NULL;
    while (has_calls(process))
        (void)wait_on(&process_changes, DOOR_FOREVER, NULL, 0);
    end_unfinished(process);
    process->line = NULL;
    process_end(process, process_status(result & (DOOR_DIED | DOOR_CODE)));
}

/* Who has waited longest for an enclave. */
static struct line *first_asked(struct wire *wire)
{
    struct line *line = asked;
    if (!line)
        return NULL;
    asked = line->next;
    line->wire = wire;
    go_on(line, LINE_THERE);
    return line;
}

/* One more, while there is room for what is asked for by name. Who runs one process after the other
 * has the enclave of the one before; a second one at the same time is seldom the last. */
static void ask_for_spare(void)
{
    if (served > 1 && spares_count() == 0 && coming == 0 &&
        thread_taken() < THREADS_MAX - SPARE_ROOM)
        (void)ask();
}

/* Whether the enclave may run others like this one. Who has become another has been two. */
static bool is_left(const struct line *line, const struct order_result *result)
{
    return result->is_left && spares_may_share(line->process) &&
           identity_is_same(&line->began, &line->process->identity) &&
           thread_taken() < THREADS_MAX - SPARE_ROOM;
}

/* Until the end of its process, and of the line: the next one that the enclave is for, or NULL. */
static struct line *serve_one(struct line *line)
{
    struct wire *wire = line->wire;
    bool goes_on = false;
    await(line, LINE_THERE);
    const struct identity began = line->began;
    if (line->state == LINE_STARTED) {
        const struct order_result result = serve(line);
        goes_on = is_left(line, &result);
        end(line, result.result);
    }
    libos_free(line);
    served--;
    return goes_on ? spares_wait(wire, &began) : NULL;
}

void line_serve(struct wire *wire)
{
    lock_take();
    coming -= coming > 0;
    struct line *line = first_asked(wire);
    if (!line)
        line = spares_wait(wire, NULL);
    while (line) {
        served++;
        ask_for_spare();
        line = serve_one(line);
    }
    going -= going > 0;
    lock_release();
}
