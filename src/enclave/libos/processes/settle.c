#include "enclave/libos/processes/settle.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/program/memory.h"

struct order settle_order(const struct process *process, enum order_kind kind)
{
    struct order order = {.kind = kind,
                          .process = (uint32_t)process->number,
                          .uid = process->vfs.creds.uid,
                          .gid = process->vfs.creds.gid,
                          .watched = process->watched,
                          .memory = memory_bounded()};
    memcpy(order.secret, process->secret, sizeof order.secret);
    return order;
}

static int send_program(struct line *line, const struct order *order, const char *path,
                        const void *texts)
{
    int status = line_send(line, order, sizeof *order);
    if (status == 0)
        status = line_send(line, path, order->path_size);
    return status < 0 ? status : line_send(line, texts, order->size - order->path_size);
}

int settle_program(struct process *process, const struct order *order, const char *path,
                   const void *texts)
{
    struct line *line;
    int status = line_open(process, &line);
    if (status < 0)
        return status;
    status = send_program(line, order, path, texts);
    if (status < 0)
        line_give_up(line);
    return status;
}

int settle_and_run(struct process *process, const struct order *order, const char *path,
                   const void *texts)
{
    int status = settle_program(process, order, path, texts);
    return status < 0 ? status : line_start(process->line, 0);
}
