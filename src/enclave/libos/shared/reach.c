/* Between the first enclave, which recalls pages, and the children's that have them: a wire each,
 * over which the first enclave says struct shared_recall and hears struct shared_answer. */
#include "enclave/libos/shared/reach.h"

#include <asm/errno.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_wire.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wire/arrivals.h"

#define MOMENT    20000 /* nanoseconds that whoever has just got a page has it for */
#define HEAD_SIZE offsetof(struct shared_answer, bytes)

/* --- a child's side: gives pages back, in a thread of its own --------------------------------- */

static bool is_over(void)
{
    uint64_t unused;
    return finish_outcome(&unused);
}

/* A page that was granted and has not come is on its way to another thread, which does not wait for
 * this one. */
static int give(const struct shared_recall *recall, struct shared_answer *answer)
{
    for (;;) {
        int status = shared_give(recall, answer);
        if (is_over() || (status != -EAGAIN && status != -EBUSY))
            return status;
        (void)door_park(status == -EAGAIN ? 0 : door_clock(DOOR_CLOCK_MONOTONIC) + MOMENT, 0);
    }
}

static int64_t receive(struct wire *wire, struct shared_recall *out)
{
    const struct door_ready item = {.handle = wire->handle, .events = POLLIN};
    int64_t size;
    while ((size = wire_receive_now(wire, out, sizeof *out)) == -EAGAIN && !is_over())
        (void)door_park(DOOR_FOREVER, door_put_ready(&item, 1));
    return size;
}

static enum { NONE, DIALS, READY } state;
static struct wait_queue changes;

static void go_on(int next)
{
    state = next;
    wait_wake_all(&changes);
}

/* Whoever waits for the thread that gives pages back: signals wait, too, and who else may not wait
 * does. */
static void await(void)
{
    struct thread *self = thread_self();
    uint64_t mask = self->signals.mask;
    bool is_hasty = self->is_hasty;
    self->signals.mask = UINT64_MAX;
    self->is_hasty = false;
    while (state == DIALS)
        (void)wait_on(&changes, DOOR_FOREVER, NULL, 0);
    self->is_hasty = is_hasty;
    self->signals.mask = mask;
}

/* A service. What goes wrong is the end of the program: it would go on with pages that others
 * change. */
static void serve(void *argument)
{
    static struct shared_answer answer;
    struct wire *wire = argument;
    struct shared_recall recall;
    int status = 0;
    lock_take();
    go_on(READY);
    lock_release();
    thread_self()->is_lockless = true;
    while (status == 0 && receive(wire, &recall) == sizeof recall) {
        status = give(&recall, &answer);
        if (status == 0)
            status = wire_send(wire, &answer, answer.has_bytes ? sizeof answer : HEAD_SIZE);
    }
    if (!is_over())
        finish_lost();
    thread_self()->is_lockless = false;
}

/* The first enclave says one message when it can recall pages: before, none are asked for. */
static int dial(struct wire *wire)
{
    uint32_t word;
    int status = remote_dial(wire, ARRIVAL_PAGES);
    if (status == 0 && wire_receive_patiently(wire, &word, sizeof word) != sizeof word)
        status = -EIO;
    return status;
}

static int begin(struct wire *wire)
{
    lock_release();
    int status = dial(wire);
    lock_take();
    if (status == 0)
        status = thread_start_service(serve, wire);
    if (status < 0)
        wire_close(wire);
    return status;
}

int shared_prepare(void)
{
    if (!remote_is_child())
        return 0;
    await();
    struct wire *wire = state == NONE ? alloc_zeroed(1, sizeof *wire) : NULL;
    if (wire) {
        state = DIALS;
        if (begin(wire) < 0) {
            libos_free(wire);
            go_on(NONE);
        }
        await();
    }
    return state == READY ? 0 : -ENOMEM;
}

/* --- the first enclave's side ----------------------------------------------------------------- */

static struct wire *wires[PROCESSES_MAX]; /* each borrowed from its thread */

static int exchange(struct wire *wire, const struct shared_recall *recall,
                    struct shared_answer *out)
{
    int status = wire_send(wire, recall, sizeof *recall);
    int64_t size = status < 0 ? status : wire_receive_patiently(wire, out, sizeof *out);
    bool is_good = size >= (int64_t)HEAD_SIZE && out->serial == recall->serial &&
                   size == (int64_t)(out->has_bytes ? sizeof *out : HEAD_SIZE);
    return is_good ? 0 : -EIO;
}

int shared_recall(size_t process, const struct shared_recall *recall, struct shared_answer *out)
{
    if (process_at(process) == process_first())
        return shared_give(recall, out);
    if (!wires[process])
        return -EIO;
    lock_keep();
    int status = exchange(wires[process], recall, out);
    lock_keep_no_more();
    if (status < 0)
        wires[process] = NULL; /* what comes later would be another's answer */
    return status;
}

/* Until the process is over, or its wire is of no use. */
void shared_serve_wire(struct wire *wire, const void *first, size_t size)
{
    const uint32_t word = 1;
    lock_take();
    struct process *process = process_find(remote_proved_by(first, size, ARRIVAL_PAGES));
    if (process && process->line && !wires[process_index(process)]) {
        const int number = process->number;
        struct wire **place = &wires[process_index(process)];
        *place = wire;
        lock_release();
        int status = wire_send(wire, &word, sizeof word);
        lock_take();
        while (status == 0 && *place == wire && process->number == number &&
               (process->state == PROCESS_ALIVE || process->state == PROCESS_ENDING))
            (void)wait_on(&process_changes, DOOR_FOREVER, NULL, 0);
        if (*place == wire)
            *place = NULL;
    }
    lock_release();
}
