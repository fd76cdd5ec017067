#include "enclave/libos/remote/mirror.h"

#include <asm/errno.h>
#include <asm/unistd_64.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/remote/mirror_parts.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wipe.h"

/* A mirror while it makes a call. */
struct mirror {
    struct thread_mirror thread; /* the first member */
    struct remote_side *side;
    uint64_t serial; /* of the call */
    bool is_called;  /* its thread does not wait any more, or has gone */
    bool is_left;    /* its thread has ended, and the link has not */
};

/* Between a call and its answer only an interrupt comes; that the thread has gone is one, too. */
static bool is_called(struct thread_mirror *thread, bool is_ready)
{
    struct mirror *mirror = (struct mirror *)thread;
    struct remote_side *side = mirror->side;
    struct remote_head head = {0};
    if (mirror->is_called)
        return true;
    int64_t got = side->link.receive_now(side->link.end, side->message, sizeof side->message,
                                         is_ready);
    if (got == -EAGAIN)
        return false;
    mirror->is_called = true;
    if (got == sizeof head)
        memcpy(&head, side->message, sizeof head);
    if (head.size != sizeof head || head.kind != REMOTE_INTERRUPT || head.serial != mirror->serial)
        side->is_broken = true;
    return true;
}

/* A parent makes calls for a child that is still in its memory. */
static struct process *process_of(int own, uint32_t number)
{
    struct process *process = process_find_any((int)number);
    const struct process *above = process;
    for (size_t i = 0; above && above->number != own && i < PROCESSES_MAX; i++)
        above = above->parent;
    return above && above->number == own && process->state == PROCESS_ALIVE ? process : NULL;
}

/* A message of a socket that keeps them whole does not go in pieces. */
static bool is_too_large(const struct mirror_call *call)
{
    const struct file *file = syscall_file(call->arguments[0]);
    const struct socket *socket = file ? socket_of(file) : NULL;
    return call->request.flags & REMOTE_HAS_MORE && socket && socket->type != SOCKET_STREAM;
}

static uint64_t make_call(const struct mirror_call *call)
{
    const uint64_t *arguments = call->arguments;
    struct program_frame frame = {
        .rdi = arguments[0],
        .rsi = arguments[1],
        .rdx = arguments[2],
        .r10 = arguments[3],
        .r8 = arguments[4],
        .r9 = arguments[5],
        .rax = call->request.number,
        .number = call->request.number,
    };
    if (call->request.number == __NR_mmap)
        return syscall_tell_mapping(&frame); /* which is made where the memory is */
    return is_too_large(call) ? SYSCALL_ERROR(EMSGSIZE) : mirror_make_call(&frame);
}

/* With the thread's own memory, for the process. */
static int answer(struct mirror *mirror, int own, struct mirror_call *call,
                  struct remote_buffer *out)
{
    struct thread *self = thread_self();
    struct remote_answer answer = {0};
    int status = mirror_unpack(call);
    struct process *process = status == 0 ? process_of(own, call->request.process) : NULL;
    if (!process)
        return status < 0 ? status : -ESRCH;
    call->is_secret = process->is_apart; /* an agent's, which brings secrets */
    const struct thread_room room = {(uint64_t)call->parcel.bytes,
                                     (uint64_t)call->parcel.bytes + call->room_end};
    mirror->thread.is_hasty = call->request.flags & REMOTE_CONTINUES;
    mirror->thread.raised = mirror->thread.taken = 0;
    mirror->thread.pending = call->request.pending;
    mirror->thread.unheard = call->request.unheard;
    mirror->is_called = false;
    self->process = process;
    self->room = &room;
    self->mirror = &mirror->thread;
    answer.result = make_call(call);
    self->mirror = NULL;
    self->room = NULL;
    self->process = NULL;
    if (process->state != PROCESS_ALIVE)
        wait_wake_all(&process_changes); /* who waits for the last call (processes/line.c) */
    answer.signals = mirror->thread.raised;
    answer.watched = process->watched;
    answer.taken = mirror->thread.taken;
    return mirror_pack(call, &answer, out);
}

/* One call: 1 to go on. */
static int serve_one(struct mirror *mirror, int own)
{
    struct remote_side *side = mirror->side;
    struct mirror_call call = {0};
    struct remote_buffer out = {0};
    int status = remote_receive(side, &call.parcel, false);
    const struct remote_head head = remote_head_of(&call.parcel);
    bool is_late = status == 1 && head.kind == REMOTE_INTERRUPT; /* of a call that is answered */
    mirror->is_left = status == 1 && head.kind == REMOTE_LEFT && head.size == sizeof head;
    mirror->serial = head.serial;
    lock_take();
    if (status == 1 && !is_late)
        status = head.kind == REMOTE_CALL ? answer(mirror, own, &call, &out) : -EPROTO;
    lock_release();
    if (status == 0 && !is_late && out.size > 0)
        status = remote_send(side, &out, REMOTE_ANSWER, head.serial) < 0 ? -EIO : 1;
    lock_take();
    if (call.is_secret) {
        remote_buffer_wipe(&call.parcel);
        remote_buffer_wipe(&out);
        libos_wipe(side->message, sizeof side->message);
    }
    remote_buffer_fini(&call.parcel);
    remote_buffer_fini(&out);
    lock_release();
    return status;
}

bool mirror_serve(struct remote_side *side, int process, uint32_t handle)
{
    struct mirror mirror = {.thread = {.handle = handle, .is_called = is_called}, .side = side};
    while (serve_one(&mirror, process) == 1)
        continue;
    return mirror.is_left;
}
