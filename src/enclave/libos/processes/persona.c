#include "enclave/libos/processes/persona.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/thread.h"

/* What the thread was, and the actions of what it is. */
struct persona {
    _Alignas(64) uint8_t vectors[PROGRAM_VECTORS_SIZE];
    void *memory; /* it lies at a multiple of 64 in this */
    struct process *process;
    int number;
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

bool persona_is_there(void)
{
    return thread_self()->persona != NULL;
}

int persona_leave(struct program_frame *frame)
{
    struct thread *self = thread_self();
    struct persona *persona = self->persona;
    int number = self->number;
    if (remote_is_child())
        process_forget(self->process); /* the note of it */
    signal_drop(self);
    self->persona = NULL;
    self->process = persona->process;
    self->number = persona->number;
    self->clear_number = persona->clear_number;
    self->robust = persona->robust;
    self->signals = persona->signals;
    signal_set_mask(self, self->signals.mask);
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
