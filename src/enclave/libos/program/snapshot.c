#include "enclave/libos/program/snapshot.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/vectors.h"
#include "enclave/libos/threads/lock.h"

#define ADDRESS_LIMIT (UINT64_C(1) << 47)

struct state_message {
    uint32_t kind;
    uint32_t size; /* bytes of all */
    struct snapshot snapshot;
};
_Static_assert(sizeof(struct state_message) <= SNAPSHOT_MESSAGE_MAX, "one message");

/* At a multiple of 64, which heap memory need not be. */
static struct state_message *new_message(void **memory)
{
    return alloc_aligned(sizeof(struct state_message), _Alignof(struct state_message), memory);
}

/* --- out -------------------------------------------------------------------------------------- */

static void fill(struct snapshot *out, const struct snapshot_thread *thread)
{
    const struct thread *self = thread_self();
    out->thread = *thread;
    memcpy(out->name, self->name, sizeof out->name);
    out->mask = self->signals.mask;
    out->stack = self->signals.stack;
    out->stack_size = self->signals.stack_size;
    signal_copy_actions(out->actions);
    out->heap = brk_get();
    rewrite_get_pieces(out->pieces);
    program_save_vectors(out->vectors);
}

int snapshot_send(const struct snapshot_thread *thread, const struct snapshot_sink *sink)
{
    void *memory;
    struct state_message *message = new_message(&memory);
    if (!message)
        return -ENOMEM;
    message->kind = SNAPSHOT_STATE;
    message->size = sizeof *message;
    fill(&message->snapshot, thread);
    lock_release();
    int status = sink->send(sink->argument, message, sizeof *message);
    lock_take();
    libos_free(memory);
    return status == 0 ? snapshot_send_memory(sink) : status;
}

/* --- in --------------------------------------------------------------------------------------- */

/* What of the state is more than numbers of the program's own. */
static int check(struct snapshot *snapshot)
{
    struct program_frame *frame = &snapshot->thread.frame;
    if (frame->rip >= ADDRESS_LIMIT || snapshot->thread.fs >= ADDRESS_LIMIT)
        return -EPROTO;
    if (!frame->is_whole)
        frame->flags = 0;
    frame->flags = (frame->flags & PROGRAM_FLAGS_FREE) | PROGRAM_FLAGS_FIXED;
    frame->is_whole = 1;
    snapshot->name[sizeof snapshot->name - 1] = 0;
    vectors_make_good(snapshot->vectors, UINT64_MAX);
    if (brk_set(&snapshot->heap) < 0 || rewrite_set_pieces(snapshot->pieces) < 0)
        return -EPROTO;
    return 0;
}

static int take_state(const struct snapshot_source *source, struct state_message *message)
{
    int64_t size = source->receive(source->argument, message, sizeof *message);
    if (size < 0)
        return (int)size;
    if (size != sizeof *message || message->kind != SNAPSHOT_STATE ||
        message->size != sizeof *message)
        return -EPROTO;
    return check(&message->snapshot);
}

/* A snapshot lies in its message, which lies in this memory. There is one process in an enclave. */
static struct {
    void *memory;
    struct snapshot *snapshot;
} held;

int snapshot_take(const struct snapshot_source *source, struct snapshot **out)
{
    struct state_message *message = held.memory ? NULL : new_message(&held.memory);
    if (!message)
        return -ENOMEM;
    held.snapshot = &message->snapshot;
    int status = take_state(source, message);
    if (status == 0)
        status = snapshot_take_memory(source);
    if (status == 0)
        *out = held.snapshot;
    else
        snapshot_free(held.snapshot);
    return status;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot || snapshot != held.snapshot)
        return;
    libos_free(held.memory);
    held.memory = NULL;
    held.snapshot = NULL;
}

static void put_number(uint64_t at, int number)
{
    if (at != 0 && memory_allows(at, sizeof number, MEMORY_READ | MEMORY_WRITE))
        memcpy((void *)at, &number, sizeof number); /* NOLINT: checked */
}

void snapshot_resume(const struct snapshot *snapshot, struct program_frame *frame)
{
    struct thread *self = thread_self();
    for (int i = 1; i <= SIGNALS; i++)
        (void)signal_set_action(i, &snapshot->actions[i], NULL);
    signal_set_mask(self, snapshot->mask);
    self->signals.stack = snapshot->stack;
    self->signals.stack_size = snapshot->stack_size;
    self->clear_number = snapshot->thread.clear_number;
    self->robust = snapshot->thread.robust;
    memcpy(self->name, snapshot->name, sizeof self->name);
    put_number(snapshot->thread.set_number, self->number);
    program_set_fs(snapshot->thread.fs);
    program_load_vectors(snapshot->vectors);
    *frame = snapshot->thread.frame;
}
