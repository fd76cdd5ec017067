/* Between the first enclave, which recalls pages, and the children's that have them: a wire each,
 * over which the first enclave says struct shared_recall and hears struct shared_answer. */
#include "enclave/libos/shared/reach.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
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

static enum state { NONE, DIALS, READY } state;
static struct wait_queue changes;

static void go_on(enum state next)
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
 * change. The first enclave, which may wait for an answer, hears of it by the wire's end, before
 * those threads end that wait for the first enclave. */
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
    wire_close(wire);
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

/* Where a process has been in the table the next one soon is, and then the thread that served the
 * first may not have had the lock since. */
static struct {
    struct wire *wire; /* borrowed from its thread */
    int number;        /* of the process whose it is */
} wires[PROCESSES_MAX];

static struct wire *wire_of(size_t process)
{
    return wires[process].number == process_at(process)->number ? wires[process].wire : NULL;
}

static int exchange(struct wire *wire, const struct shared_recall *recall,
                    struct shared_answer *out)
{
    int status = wire_send(wire, recall, sizeof *recall);
    int64_t size = status < 0 ? status : wire_receive_patiently(wire, out, sizeof *out);
    bool is_good = size >= (int64_t)HEAD_SIZE && out->serial == recall->serial &&
                   size == (int64_t)(out->has_bytes ? sizeof *out : HEAD_SIZE);
    return is_good ? 0 : -EIO;
}

/* A page of the first enclave's own that the host does not take away would be changed in two
 * places: all ends. */
static int give_own(const struct shared_recall *recall, struct shared_answer *out)
{
    int status = shared_give(recall, out);
    if (status == 0 || status == -EBUSY)
        return status;
    log_number("the program ended: the host takes no page away, errno ", (uint64_t)-status);
    while (lock_is_kept())
        lock_keep_no_more();
    finish_all(DOOR_DIED | SIGKILL);
}

bool shared_can_recall(size_t process)
{
    return process_at(process) == process_first() || wire_of(process);
}

int shared_recall(size_t process, const struct shared_recall *recall, struct shared_answer *out)
{
    if (process_at(process) == process_first())
        return give_own(recall, out);
    struct wire *wire = wire_of(process);
    if (!wire)
        return -EIO;
    lock_keep();
    int status = exchange(wire, recall, out);
    lock_keep_no_more();
    if (status < 0)
        wires[process].wire = NULL; /* what comes later would be another's answer */
    return status;
}

/* Until the process is over, or its wire is of no use. */
static void serve_process(struct wire *wire, const struct process *process)
{
    const uint32_t word = 1;
    const int number = process->number;
    const size_t place = process_index(process);
    wires[place].wire = wire;
    wires[place].number = thread_self()->recalls = number;
    lock_release();
    int status = wire_send(wire, &word, sizeof word);
    lock_take();
    while (status == 0 && wires[place].wire == wire && process->number == number &&
           (process->state == PROCESS_ALIVE || process->state == PROCESS_ENDING))
        (void)wait_on(&process_changes, DOOR_FOREVER, NULL, 0);
    if (wires[place].wire == wire)
        wires[place].wire = NULL;
}

void shared_serve_wire(struct wire *wire, const void *first, size_t size)
{
    lock_take();
    const struct process *process = process_find_any(remote_proved_by(first, size, ARRIVAL_PAGES));
    if (process && process->line && !wire_of(process_index(process)))
        serve_process(wire, process);
    lock_release();
}
