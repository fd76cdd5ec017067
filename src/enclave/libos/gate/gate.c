#include "enclave/libos/gate/gate.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/text.h"
#include "enclave/libos/calls/syscall.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/finish.h"

static struct container container;
static atomic_bool is_ready; /* for the program's thread */

bool gate_take_program(uint64_t *start, uint64_t *stack)
{
    bool ready = true;
    if (!atomic_compare_exchange_strong(&is_ready, &ready, false))
        return false;
    *start = container.program.start;
    *stack = container.stack;
    return true;
}

/* --- what happens ----------------------------------------------------------------------------- */

/* The container's process runs: the gate's answer, and its thread. */
static int begin(struct container *all, struct error *err)
{
    struct gate_process_name name = {.process = 0};
    struct error why;
    unsigned streams = 0;
    (void)text_copy(name.id, sizeof name.id, all->id);
    for (unsigned i = 0; i < 3; i++)
        streams |= all->standard[i] != 0 ? 1U << i : 0;
    syscall_begin(&all->program);
    if (all->first.terminal)
        gate_exec_watch(all);
    atomic_store(&is_ready, true);
    all->state = PROGRAM_RUNNING;
    if (door_begin(streams) == 0) {
        gate_give_input(all);
        return gate_created(&all->gate, &name, 1, err);
    }
    (void)error_set(&why, ERROR_SYSTEM, "cannot start the process: the host gives no thread");
    return gate_create_failed(&all->gate, &name, &why, err);
}

/* One of which the host says that it is over has been killed. */
static int tell_end(struct container *all, struct error *err)
{
    struct gate_process_name name = {.process = 0};
    uint64_t value;
    if (all->state != PROGRAM_RUNNING)
        return 0;
    if (!finish_outcome(&value))
        value = DOOR_DIED | SIGKILL;
    unsigned number = value & DOOR_DIED ? (unsigned)(value & DOOR_CODE) : 0;
    unsigned code = number ? 0 : (unsigned)(value & DOOR_CODE);
    (void)text_copy(name.id, sizeof name.id, all->id);
    all->state = PROGRAM_ENDED;
    if (gate_exec_end(all, err) < 0)
        return -1;
    for (size_t i = 1; i < 3; i++) {
        if (all->standard[i] != 0)
            (void)channel_close(&all->gate.channel, all->standard[i], NULL);
    }
    memset(all->standard, 0, sizeof all->standard);
    return gate_exited(&all->gate, &name, code, number, err);
}

static int take_output(struct container *all, size_t stream, struct span bytes, struct error *err)
{
    uint32_t number = all->standard[stream];
    if (number == 0)
        return 0;
    if (bytes.size > 0)
        return channel_send(&all->gate.channel, number, bytes, err);
    all->standard[stream] = 0;
    return channel_close(&all->gate.channel, number, err);
}

static int take_event(struct container *all, enum door_event event, struct span bytes,
                      struct error *err)
{
    switch (event) {
    case DOOR_SPOKEN:
        if (bytes.size == 0) {
            all->gate.power_off = true;
            return 0;
        }
        return gate_receive(&all->gate, bytes, err);
    case DOOR_OUTPUT:
    case DOOR_ERROR_OUTPUT:
        return take_output(all, event == DOOR_OUTPUT ? 1 : 2, bytes, err);
    case DOOR_TAKEN:
        return all->standard[0] == 0
                   ? 0
                   : channel_grant(&all->gate.channel, all->standard[0], bytes.size, err);
    case DOOR_OVER:
        return tell_end(all, err);
    case DOOR_CALLED:
        break; /* by further processes or for secrets, which are looked at behind each event */
    }
    return 0;
}

static int flush(struct container *all, struct error *err)
{
    struct span out = channel_output(&all->gate.channel);
    if (door_tell(out.data, out.size) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "whom the gate speaks to takes nothing");
    channel_output_written(&all->gate.channel, out.size);
    return 0;
}

/* One event, and what follows from it. `bytes` has room for a buffer of the door's. */
static int step(struct container *all, uint8_t *bytes, struct error *err)
{
    enum door_event event;
    const size_t wanted[2] = {channel_sendable(&all->gate.channel, all->standard[1]),
                              channel_sendable(&all->gate.channel, all->standard[2])};
    int64_t size = door_next(wanted, &event, bytes);
    if (size < 0)
        return error_set(err, ERROR_PROTOCOL, "the host answers what was not asked");
    if (take_event(all, event, span_of(bytes, (size_t)size), err) < 0 ||
        gate_secrets_pump(all, err) < 0 || (all->state == PROGRAM_LOADED && begin(all, err) < 0) ||
        gate_exec_pump(all, err) < 0)
        return -1;
    return flush(all, err);
}

int gate_serve(const struct door_start *start)
{
    struct container *all = &container;
    struct error err;
    uint8_t *bytes = malloc(DOOR_BUFFER_SIZE);
    all->start = *start;
    process_begin();
    all->vfs = &process_first()->vfs;
    thread_self()->process = process_first(); /* whose /proc/self paths of files may lead by */
    gate_init(&all->gate, &enclave_machine_ops, all, all->start.tee);
    int status = !bytes ? error_memory(&err) : gate_start(&all->gate, &err);
    if (status == 0)
        status = flush(all, &err);
    while (status == 0 && !all->gate.power_off)
        status = step(all, bytes, &err);
    if (status < 0)
        log_line("the gate ends: ", err.text);
    return status < 0 ? -EPROTO : 0;
}
