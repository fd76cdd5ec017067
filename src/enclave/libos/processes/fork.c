#include "enclave/libos/processes/fork.h"

#include <asm/errno.h>

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/threads/lock.h"

static int send(void *argument, const void *bytes, size_t size)
{
    const int *number = argument;
    lock_take();
    int status = (int)own_make_call(OWN_FORK_SEND, (uint64_t)*number, (uintptr_t)bytes, size);
    lock_release();
    return status;
}

int64_t fork_move(struct program_frame *frame, uint64_t number)
{
    struct thread *self = thread_self();
    struct process *child = self->process;
    int own = child->number;
    const struct snapshot_sink sink = {send, &own};
    struct snapshot_thread thread = {.frame = *frame,
                                     .fs = program_get_fs(),
                                     .clear_number = self->clear_number,
                                     .robust = self->robust};
    thread.frame.number = number;
    bool was_seen = persona_was_seen();
    const uint64_t pending = self->signals.pending.set;
    self->process = persona_parent();
    int status = (int)own_make_call(OWN_MOVE, (uint64_t)own, pending, 0);
    if (status == 0) {
        signal_drop(self, pending); /* it has them there; others may come */
        status = snapshot_send(&thread, &sink);
    }
    enum own_fork_end end = status == 0 ? OWN_FORK_WHOLE
                            : was_seen  ? OWN_FORK_KILLED
                                        : OWN_FORK_NEVER;
    self->process = child;
    persona_settle(end);
    (void)persona_leave(frame);
    if (end == OWN_FORK_NEVER)
        frame->rax = (uint64_t)status;
    return (int64_t)frame->rax;
}

void fork_close(int pidfd)
{
    if (pidfd >= 0)
        (void)own_make_call(OWN_CLOSE, (uint64_t)pidfd, 0, 0);
}

int fork_process(int exit_signal, const struct snapshot_thread *thread, int *pidfd)
{
    int number = (int)own_make_call(OWN_FORK, (uint64_t)exit_signal, (uintptr_t)pidfd, 0);
    if (number < 0)
        return number;
    const struct snapshot_sink sink = {send, &number};
    int status = snapshot_send(thread, &sink);
    if (pidfd && status < 0)
        fork_close(*pidfd);
    (void)own_make_call(OWN_FORK_END, (uint64_t)number,
                        status == 0 ? OWN_FORK_WHOLE : OWN_FORK_NEVER, 0);
    return status < 0 ? status : number;
}
