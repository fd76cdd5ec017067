/* A child's enclave: what it is told to be, the signals that it gets, and what it tells at its end.
 */
#include "enclave/libos/processes/child.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/program/exec.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/snapshot.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_source.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/deliver.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
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

/* 0, NOT_WANTED when the wire ends before an order, or a negative errno. */
static int take_order(struct wire *wire)
{
    struct order *order = &child.order;
    int64_t got = wire_receive_patiently(wire, order, sizeof *order);
    if (got == 0)
        return NOT_WANTED;
    if (got != sizeof *order || !order_is_good(order))
        return -EPROTO;
    child.wire = wire;
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

/* Nothing else runs yet. */
static void become(struct order *order)
{
    struct process *process = process_first();
    process_begin();
    process->number = (int)order->process;
    memcpy(process->secret, order->secret, sizeof process->secret);
    libos_wipe(order->secret, sizeof order->secret);
    remote_begin_child();
}

/* What is shared goes on without this process. No signal ends it a second time meanwhile. */
static void leave_shared(void)
{
    lock_take();
    lock_keep();
    syscall_end_robust_locks();
    (void)own_make_call(OWN_SHARED_LEAVE, 0, 0, 0);
    lock_keep_no_more();
    lock_release();
}

/* Without the lock, once. */
static void tell_end(uint64_t result)
{
    if (shared_is_used())
        leave_shared();
    const struct order_result message = {result};
    (void)wire_send(child.wire, &message, sizeof message);
}

int64_t child_serve(struct wire *wire)
{
    struct order_signal message;
    int64_t got = take_order(wire);
    if (got != 0)
        return got == NOT_WANTED ? 0 : got;
    become(&child.order);
    finish_tells(tell_end);
    if (door_begin(0) < 0)
        return -EAGAIN;
    while ((got = wire_receive_patiently(wire, &message, sizeof message)) == sizeof message) {
        const struct signal_info info = {
            message.number, message.code, {message.words[0], message.words[1]}};
        if (info.number >= 1 && info.number <= SIGNALS)
            deliver_post_info((int)message.process, &info);
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

static void resume(struct program_frame *frame)
{
    if (shared_is_used() && shared_prepare() < 0)
        finish_all(DOOR_DIED | SIGKILL);
    snapshot_resume(child.snapshot, frame);
    snapshot_free(child.snapshot);
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
}

void child_load(void *frame)
{
    lock_take();
    struct thread *self = thread_new(process_first(), process_first()->number);
    self->state = THREAD_RUNS;
    spent_begin(self);
    if (child.snapshot)
        resume(frame);
    else
        begin_program(frame);
    const struct program_frame *begin = frame;
    bool calls = begin->number != PROGRAM_NO_CALL;
    lock_release();
    if (calls)
        syscall_answer(frame);
    program_end(PROGRAM_BEGINS);
}
