#include "enclave/libos/processes/spawn.h"

#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/processes/persona.h"

static uint64_t ignored(void)
{
    uint64_t set = 0;
    for (int i = 1; i <= SIGNALS; i++)
        set |= signal_action(i)->handler == (uintptr_t)SIG_IGN ? SIGNAL_BIT(i) : 0;
    return set;
}

int spawn_program(struct program_frame *frame, const struct program_name *name,
                  const struct program_words *words)
{
    struct thread *self = thread_self();
    struct own_words head = {.mask = self->signals.mask,
                             .ignored = ignored(),
                             .pending = self->signals.pending.set,
                             .arguments = (uint32_t)words->arguments,
                             .environment = (uint32_t)words->environment};
    memcpy(head.name, self->name, sizeof head.name);
    const uint64_t arguments[6] = {(uint64_t)name->at, (uintptr_t)name->path,   name->flags,
                                   (uintptr_t)&head,   (uintptr_t)words->texts, words->size};
    int status = (int)own_make_long_call(OWN_SPAWN, arguments);
    if (status < 0)
        return status;
    signal_drop(self, head.pending);
    persona_settle(OWN_FORK_BEGINS);
    return persona_leave(frame);
}
