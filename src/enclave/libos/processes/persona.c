#include "enclave/libos/processes/persona.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/kept.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/alarm.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

/* Nanoseconds for which a process of fork(2) may keep its parent waiting. */
#define PERSONA_STAY UINT64_C(20000000)

/* What the thread was, and the actions of what it is. */
struct persona {
    _Alignas(64) uint8_t vectors[PROGRAM_VECTORS_SIZE];
    void *memory;      /* it lies at a multiple of 64 in this */
    struct kept *kept; /* its memory, or NULL: that is shared */
    uint64_t due;      /* by the monotonic clock: when it is to move (fork.h) */
    bool was_seen;
    struct process *process;
    int number;
    char name[THREAD_NAME_SIZE];
    uint64_t clear_number, robust, fs;
    struct signal_thread signals;
    struct program_frame frame;
    struct signal_action actions[SIGNALS + 1];
};

static struct persona *make(void)
{
    void *memory;
    struct persona *persona = alloc_aligned(sizeof *persona, _Alignof(struct persona), &memory);
    if (persona)
        persona->memory = memory;
    return persona;
}

/* What a call does not keep is set as at the return of one. */
static struct program_frame whole(const struct program_frame *frame)
{
    struct program_frame out = *frame;
    if (!out.is_whole)
        out.flags = PROGRAM_FLAGS_FIXED;
    out.is_whole = 1;
    out.number = PROGRAM_NO_CALL;
    return out;
}

int persona_enter(const struct program_frame *frame, struct process *process)
{
    struct thread *self = thread_self();
    struct persona *persona = make();
    if (!persona)
        return -ENOMEM;
    persona->process = self->process;
    persona->number = self->number;
    memcpy(persona->name, self->name, sizeof persona->name);
    persona->clear_number = self->clear_number;
    persona->robust = self->robust;
    persona->fs = program_get_fs();
    persona->signals = self->signals;
    persona->frame = whole(frame);
    program_save_vectors(persona->vectors);
    signal_copy_actions(persona->actions);
    self->persona = persona;
    self->process = process;
    self->number = process->number;
    self->clear_number = self->robust = 0;
    self->signals.pending = (struct signal_queue){0};
    self->signals.actions = persona->actions;
    return 0;
}

int persona_fork(const struct program_frame *frame, struct process *process, struct kept *kept)
{
    int status = persona_enter(frame, process);
    if (status < 0)
        return status;
    struct persona *persona = thread_self()->persona;
    persona->kept = kept;
    persona->due = wait_deadline(PERSONA_STAY);
    alarm_set_turn(persona->due);
    return 0;
}

bool persona_is_there(void)
{
    return thread_self()->persona != NULL;
}

bool persona_is_forked(void)
{
    return persona_is_there() && thread_self()->persona->kept;
}

struct process *persona_parent(void)
{
    return thread_self()->persona->process;
}

bool persona_is_due(void)
{
    return persona_is_forked() && clock_now(DOOR_CLOCK_MONOTONIC) >= thread_self()->persona->due;
}

void persona_note_seen(void)
{
    thread_self()->persona->was_seen = true;
}

bool persona_was_seen(void)
{
    return thread_self()->persona->was_seen;
}

/* One stay: whatever else this thread is wanted for, what is on its way comes first. */
static void stay(void)
{
    lock_release();
    (void)door_park(DOOR_FOREVER, 0);
    lock_take();
    wait_poll();
}

/* Said by the parent, whose child it is. What the first enclave has sent here for the process is
 * waited for: it would find nobody. */
void persona_settle(enum own_fork_end end)
{
    struct thread *self = thread_self();
    struct process *process = self->process;
    uint64_t arguments[6] = {(uint64_t)process->number, end};
    int64_t status = -EAGAIN;
    while (status == -EAGAIN) {
        arguments[2] = self->signals.pending.set;
        arguments[3] = process->carried;
        self->process = self->persona->process;
        status = own_make_long_call(OWN_FORK_END, arguments);
        self->process = process;
        while (status == -EAGAIN && process->carried == arguments[3])
            stay();
    }
}

int persona_leave(struct program_frame *frame)
{
    struct thread *self = thread_self();
    struct persona *persona = self->persona;
    int number = self->number;
    if (remote_is_child())
        process_forget(self->process); /* the note of it */
    signal_drop(self, UINT64_MAX);
    self->persona = NULL;
    self->process = persona->process;
    self->number = persona->number;
    memcpy(self->name, persona->name, sizeof self->name);
    self->clear_number = persona->clear_number;
    self->robust = persona->robust;
    self->signals = persona->signals;
    signal_set_mask(self, self->signals.mask);
    if (persona->kept) {
        kept_put_back(persona->kept);
        alarm_set_turn(DOOR_FOREVER);
    }
    kept_free(persona->kept);
    program_set_fs(persona->fs);
    program_load_vectors(persona->vectors);
    *frame = persona->frame;
    frame->rax = (uint64_t)number;
    libos_free(persona->memory);
    return number;
}

int persona_end(struct program_frame *frame, uint64_t result)
{
    (void)own_make_call(OWN_RETURN, result, 0, 0);
    return persona_leave(frame);
}
