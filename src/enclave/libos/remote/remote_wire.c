#include "enclave/libos/remote/remote_wire.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/remote/mirror.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wipe.h"
#include "enclave/libos/wire/arrivals.h"

_Static_assert(REMOTE_MESSAGE_MAX == WIRE_MESSAGE_MAX, "a message is a wire's");
_Static_assert(sizeof((struct remote_hello){0}.secret) == PROCESS_SECRET_SIZE, "a process' secret");

static int send(void *end, const void *bytes, size_t size)
{
    return wire_send(end, bytes, size);
}

static int64_t receive(void *end, void *out, size_t room, bool may_interrupt)
{
    return may_interrupt ? wire_receive(end, out, room) : wire_receive_patiently(end, out, room);
}

/* What is not ready at the host has nothing but what came with a message before. */
static int64_t receive_now(void *end, void *out, size_t room, bool is_ready)
{
    const struct wire *wire = end;
    return is_ready || wire->in.size > 0 ? wire_receive_now(end, out, room) : -EAGAIN;
}

static struct remote_link link_of(struct wire *wire)
{
    return (struct remote_link){send, receive, receive_now, wire};
}

/* --- a child's side --------------------------------------------------------------------------- */

/* By a thread's index, until the thread ends. */
struct child_end {
    struct remote_side side;
    struct wire wire;
    bool is_left; /* by a process before: the next one has not been named */
};

static struct child_end *ends[THREADS_MAX];

/* For which process it is, the one that this enclave is now. */
static int greet(struct wire *wire, uint32_t arrival)
{
    const struct process *process = process_first();
    struct remote_hello hello = {arrival, (uint32_t)process->number, {0}};
    memcpy(hello.secret, process->secret, sizeof hello.secret);
    int status = wire_send(wire, &hello, sizeof hello);
    libos_wipe(hello.secret, sizeof hello.secret);
    return status;
}

int remote_dial(struct wire *wire, uint32_t arrival)
{
    int status = wire_dial(wire);
    if (status == 0)
        status = greet(wire, arrival);
    if (status < 0)
        wire_close(wire);
    return status;
}

static struct remote_side *greet_again(struct child_end *end)
{
    lock_release();
    int status = greet(&end->wire, ARRIVAL_CALLS);
    lock_take();
    if (status < 0)
        remote_lost();
    end->is_left = false;
    return &end->side;
}

struct remote_side *remote_side(void)
{
    struct child_end **place = &ends[thread_index(thread_self())];
    if (*place)
        return (*place)->is_left ? greet_again(*place) : &(*place)->side;
    struct child_end *end = alloc_zeroed(1, sizeof *end);
    if (!end)
        return NULL;
    lock_release();
    int status = remote_dial(&end->wire, ARRIVAL_CALLS);
    lock_take();
    if (status < 0) {
        libos_free(end);
        return NULL;
    }
    end->side.link = link_of(&end->wire);
    *place = end;
    return &end->side;
}

void remote_end_thread(void)
{
    struct child_end **place = &ends[thread_index(thread_self())];
    if (!*place)
        return;
    wire_close(&(*place)->wire);
    libos_free(*place);
    *place = NULL;
}

void remote_leave(void)
{
    struct child_end *end = ends[thread_index(thread_self())];
    uint8_t bytes[sizeof(struct remote_head)];
    struct remote_buffer word = {bytes, sizeof bytes, sizeof bytes};
    if (!end || end->is_left)
        return;
    lock_release();
    end->is_left = !end->side.is_asked &&
                   remote_send(&end->side, &word, REMOTE_LEFT, end->side.serial) == 0;
    lock_take();
    if (!end->is_left)
        remote_end_thread();
}

_Noreturn void remote_lost(void)
{
    finish_all(DOOR_DIED | SIGKILL);
}

/* --- the first enclave's side ----------------------------------------------------------------- */

int remote_proved_by(const void *first, size_t size, uint32_t arrival)
{
    struct remote_hello hello;
    if (size != sizeof hello)
        return 0;
    memcpy(&hello, first, sizeof hello);
    const struct process *process = process_find_any((int)hello.process);
    bool is_proved = hello.arrival == arrival && process && process != process_first() &&
                     process->state == PROCESS_ALIVE &&
                     libos_same(hello.secret, process->secret, sizeof hello.secret);
    libos_wipe(hello.secret, sizeof hello.secret);
    return is_proved ? process->number : 0;
}

/* Whom this message proves: whether another one's may follow. */
static bool serve_process(struct remote_side *side, struct wire *wire, const void *first,
                          size_t size)
{
    lock_take();
    int process = remote_proved_by(first, size, ARRIVAL_CALLS);
    thread_self()->mirrors = process;
    lock_release();
    bool is_left = process != 0 && mirror_serve(side, process, wire->handle);
    lock_take();
    thread_self()->mirrors = 0;
    lock_release();
    return is_left;
}

void mirror_serve_wire(struct wire *wire, const void *first, size_t size)
{
    uint8_t next[sizeof(struct remote_hello)];
    lock_take();
    struct remote_side *side = alloc_zeroed(1, sizeof *side);
    lock_release();
    if (!side)
        return;
    side->link = link_of(wire);
    while (serve_process(side, wire, first, size)) {
        int64_t got = wire_receive_patiently(wire, next, sizeof next);
        if (got <= 0)
            break;
        first = next;
        size = (size_t)got;
    }
    libos_wipe(next, sizeof next);
    lock_take();
    libos_free(side);
    lock_release();
}
