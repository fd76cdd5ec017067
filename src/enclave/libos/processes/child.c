/* A child's enclave: what it is told to be, the signals that it gets, and what it tells at its end.
 */
#include "enclave/libos/processes/child.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <stdatomic.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/signal_file.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/program/exec.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/snapshot.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_source.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/posted.h"
#include "enclave/libos/threads/spent.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wipe.h"
#include "enclave/libos/wire/child.h"

#define NOT_WANTED 1

static struct {
    struct wire *wire;
    struct order order;
    char *texts; /* order.size bytes */
    struct program_words words;
    struct snapshot *snapshot;
    atomic_bool is_ready; /* for the first thread */
    atomic_bool is_over;  /* the process, and the first thread waits for another one */
} child;

/* --- the order -------------------------------------------------------------------------------- */

static int take_bytes(struct wire *wire, void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t got = wire_receive_patiently(wire, (uint8_t *)out + done, size - done);
        if (got <= 0)
            return -EIO;
        done += (size_t)got;
    }
    return 0;
}

static int64_t receive(void *wire, void *out, size_t room)
{
    return wire_receive_patiently(wire, out, room);
}

static int take_snapshot(struct wire *wire)
{
    const struct snapshot_source source = {receive, wire};
    return snapshot_take(&source, &child.snapshot);
}

/* What belongs to an order that has come. */
static int take_order(struct wire *wire)
{
    const struct order *order = &child.order;
    if (!order_is_good(order))
        return -EPROTO;
    memory_bound(order->memory);
    if (order->kind == ORDER_SNAPSHOT)
        return take_snapshot(wire);
    child.texts = libos_alloc(order->size);
    if (!child.texts)
        return -ENOMEM;
    int status = take_bytes(wire, child.texts, order->size);
    if (status == 0 && !order_words(order, child.texts, &child.words))
        status = -EPROTO;
    return status;
}

/* Nothing else runs yet, or any more. */
static void become(struct order *order)
{
    struct process *process = process_first();
    process_begin();
    process->number = (int)order->process;
    signal_files_watch = order->watched;
    memcpy(process->secret, order->secret, sizeof process->secret);
    libos_wipe(order->secret, sizeof order->secret);
    remote_begin_child();
}

/* What is shared goes on without this process: false where what it wrote there is lost. No signal
 * ends it a second time meanwhile. */
static bool leave_shared(void)
{
    lock_take();
    lock_keep();
    syscall_end_robust_locks();
    bool is_kept = own_make_call(OWN_SHARED_LEAVE, 0, 0, 0) == 0;
    lock_keep_no_more();
    lock_release();
    return is_kept;
}

/* Without the lock, once. Who has not done what it was to do has not ended well. */
static void tell_end(uint64_t result)
{
    if (shared_is_used() && !leave_shared())
        result = DOOR_DIED | SIGKILL;
    const struct order_result message = {.result = result};
    (void)wire_send(child.wire, &message, sizeof message);
}

/* --- another one ------------------------------------------------------------------------------ */

/* What a process may leave behind: pages stay the enclave's, and the next one may not find room. */
#define LEFT_MAX (UINT64_C(64) << 20)

/* Whether this thread is all that there is of a process that has ended of itself. What has gone
 * wrong, and what another enclave has a part in, ends with the enclave. */
static bool may_renew(uint64_t result)
{
    const struct thread *self = thread_self();
    return !(result & DOOR_DIED) && thread_index(self) == 0 && thread_taken() == 1 &&
           !persona_is_there() && !lock_is_kept() && !shared_is_used() &&
           memory_taken() <= LEFT_MAX / MEMORY_PAGE;
}

static void forget_process(void)
{
    late_cut(0, SIZE_MAX);
    exec_forget_program();
    signal_begin();
    alarm_begin();
    spent_forget();
    remote_leave();
}

/* All is as before the first order when the word goes: the next one may come at once. A wire that
 * takes it no more has ended, and so will the enclave. */
static bool renew(uint64_t result)
{
    const struct order_result message = {.result = result, .is_left = 1};
    if (!may_renew(result))
        return false;
    forget_process();
    atomic_store(&child.is_over, true);
    lock_release();
    (void)wire_send(child.wire, &message, sizeof message);
    return true;
}

/* --- its wire --------------------------------------------------------------------------------- */

static int begin(struct wire *wire)
{
    int status = take_order(wire);
    if (status < 0)
        return status;
    become(&child.order);
    atomic_store(&child.is_over, false);
    atomic_store(&child.is_ready, true);
    return 0;
}

static int begin_first(struct wire *wire)
{
    int64_t got = wire_receive_patiently(wire, &child.order, sizeof child.order);
    if (got == 0)
        return NOT_WANTED;
    if (got != sizeof child.order)
        return -EPROTO;
    child.wire = wire;
    int status = begin(wire);
    finish_tells(tell_end);
    finish_renews(renew);
    if (status == 0 && door_begin(0) < 0)
        status = -EAGAIN;
    return status;
}

/* The first thread waits, and touches nothing. */
static int begin_again(struct wire *wire, const struct order *order)
{
    if (!atomic_load(&child.is_over))
        return -EPROTO;
    child.order = *order;
    int status = begin(wire);
    if (status == 0)
        door_wake(thread_bit(thread_at(0)), 0);
    return status;
}

static int post(const struct order_signal *message)
{
    const struct signal_info info = {
        message->number, message->code, {message->words[0], message->words[1]}};
    if (!atomic_load(&child.is_over) && info.number >= 1 && info.number <= SIGNALS)
        posted_put_info((int)message->process, &info, &child.is_over);
    return 0;
}

int64_t child_serve(struct wire *wire)
{
    union {
        struct order_signal signal;
        struct order order;
    } message;
    int64_t got = begin_first(wire);
    if (got != 0)
        return got == NOT_WANTED ? 0 : got;
    while ((got = wire_receive_patiently(wire, &message, sizeof message)) > 0) {
        int status = -EPROTO;
        if (got == sizeof message.order)
            status = begin_again(wire, &message.order);
        else if (got == sizeof message.signal)
            status = post(&message.signal);
        libos_wipe(&message, sizeof message);
        if (status < 0)
            return status;
    }
    return got == 0 ? 0 : -EPROTO;
}

/* --- the first thread ------------------------------------------------------------------------- */

static void take_signals(const struct order *order)
{
    const struct signal_action ignore = {.handler = (uintptr_t)SIG_IGN};
    for (int i = 1; i <= SIGNALS; i++) {
        if (order->ignored & SIGNAL_BIT(i))
            (void)signal_set_action(i, &ignore, NULL);
    }
    signal_set_mask(thread_self(), order->mask);
}

static int load(struct program_frame *frame)
{
    const struct order *order = &child.order;
    const struct program_name name = {order->at, child.texts, order->flags};
    struct program_source source;
    struct program_image *image;
    remote_source_init(&source, order->uid, order->gid);
    int status = program_open(&source, &name, &child.words, &image);
    if (status < 0)
        return status;
    status = exec_image(frame, image);
    program_close(image);
    return status;
}

/* What was pending is so from the first instruction on. */
static void take_pending(void)
{
    process_signal_all(process_first(), child.order.pending);
    if (child.order.pending != 0)
        program_want();
}

static void resume(struct program_frame *frame)
{
    if (shared_is_used() && shared_prepare() < 0)
        finish_all(DOOR_DIED | SIGKILL);
    snapshot_resume(child.snapshot, frame);
    snapshot_free(child.snapshot);
    child.snapshot = NULL;
}

static void begin_program(struct program_frame *frame)
{
    struct thread *self = thread_self();
    memcpy(self->name, child.order.name, sizeof self->name);
    self->name[sizeof self->name - 1] = 0;
    take_signals(&child.order);
    int status = load(frame);
    if (status < 0) {
        log_number("the program ended: it cannot be opened, errno ", (uint64_t)-status);
        finish_all(DOOR_DIED | SIGKILL);
    }
    libos_free(child.texts);
    child.texts = NULL;
}

/* The host enters the first thread when it likes, and as often. */
bool child_take_program(void)
{
    return atomic_exchange(&child.is_ready, false);
}

void child_await_program(void)
{
    while (!child_take_program())
        (void)door_park(DOOR_FOREVER, 0);
}

void child_load(void *frame)
{
    lock_take();
    struct thread *self = thread_first(process_first(), process_first()->number);
    spent_begin(self);
    if (child.snapshot)
        resume(frame);
    else
        begin_program(frame);
    take_pending();
    const struct program_frame *begin = frame;
    bool calls = begin->number != PROGRAM_NO_CALL;
    lock_release();
    if (calls)
        syscall_answer(frame);
    program_end(PROGRAM_BEGINS);
}
