#include "enclave/libos/processes/spawn.h"

#include <asm/errno.h>
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wipe.h"

static uint64_t ignored(void)
{
    uint64_t set = 0;
    for (int i = 1; i <= SIGNALS; i++)
        set |= signal_action(i)->handler == (uintptr_t)SIG_IGN ? SIGNAL_BIT(i) : 0;
    return set;
}

static struct order describe(const struct process *process, const struct program_name *name,
                             const struct program_words *words)
{
    const struct thread *self = thread_self();
    struct order order = {.kind = ORDER_PROGRAM,
                          .process = (uint32_t)process->number,
                          .uid = process->vfs.creds.uid,
                          .gid = process->vfs.creds.gid,
                          .mask = self->signals.mask,
                          .ignored = ignored(),
                          .path_size = (uint32_t)strlen(name->path) + 1,
                          .arguments = (uint32_t)words->arguments,
                          .environment = (uint32_t)words->environment,
                          .at = name->at,
                          .flags = name->flags};
    order.size = order.path_size + (uint32_t)words->size;
    memcpy(order.secret, process->secret, sizeof order.secret);
    memcpy(order.name, self->name, sizeof order.name);
    return order;
}

static int send(struct line *line, const struct order *order, const struct program_name *name,
                const struct program_words *words)
{
    int status = line_send(line, order, sizeof *order);
    if (status == 0)
        status = line_send(line, name->path, order->path_size);
    return status < 0 ? status : line_send(line, words->texts, words->size);
}

int spawn_program(struct program_frame *frame, const struct program_name *name,
                  const struct program_words *words)
{
    struct process *process = process_self();
    struct line *line;
    struct order order = describe(process, name, words);
    int status = line_open(process, &line);
    if (status == 0) {
        status = send(line, &order, name, words);
        if (status == 0)
            line_start(line);
        else
            line_give_up(line);
    }
    libos_wipe(order.secret, sizeof order.secret);
    return status < 0 ? status : persona_leave(frame);
}
