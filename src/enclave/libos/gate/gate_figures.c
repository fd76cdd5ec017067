/* What the gate tells of the container in figures, as far as this enclave knows them: what nobody
 * counts is left out. */
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/spent.h"
#include "format/channel.h"

#define TICK          UINT64_C(10000000)           /* nanoseconds */
#define LIST_SIZE_MAX (CHANNEL_PAYLOAD_MAX - 1024) /* less than the answer: room for one more */

static int take_lock(struct error *err)
{
    return lock_take_by_gate() ? 0 : error_set(err, ERROR_NOT_FOUND, "the container has ended");
}

/* --- processes -------------------------------------------------------------------------------- */

/* The program's own choice. */
static void plain_name(const struct told *told, char out[THREAD_NAME_SIZE])
{
    size_t size = 0;
    for (; size < THREAD_NAME_SIZE - 1 && told->name[size] != 0; size++) {
        char each = told->name[size];
        out[size] = each >= ' ' && each <= '~' && each != '"' && each != '\\' ? each : '?';
    }
    out[size] = '\0';
}

/* Of what runs in this enclave more is known than of others. */
static int append_process(const struct process *process, struct buf *out, struct error *err)
{
    char name[THREAD_NAME_SIZE];
    plain_name(&process->told, name);
    const char *comma = out->data[out->size - 1] == '[' ? "" : ",";
    if (buf_printf(out, err, "%s{\"pid\":%d,\"user\":%u,\"name\":\"%s\"", comma, process->number,
                   process->identity.ids[IDENTITY_USER].effective, name) < 0)
        return -1;
    if (process->state == PROCESS_ENDED && buf_append_text(out, ",\"state\":\"Z\"", err) < 0)
        return -1;
    if (process == process_first() &&
        buf_printf(out, err, ",\"ticks\":%llu,\"pages\":%zu",
                   (unsigned long long)(spent_process() / TICK), memory_taken()) < 0)
        return -1;
    return buf_append_text(out, "}", err);
}

int gate_tell_processes(void *argument, const char *id, struct buf *out, struct error *err)
{
    (void)argument;
    (void)id;
    if (buf_append_text(out, "[", err) < 0 || take_lock(err) < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < PROCESSES_MAX && status == 0 && out->size < LIST_SIZE_MAX; i++) {
        if (process_at(i)->state != PROCESS_FREE && !process_at(i)->is_apart)
            status = append_process(process_at(i), out, err);
    }
    lock_release();
    return status < 0 ? -1 : buf_append_text(out, "]", err);
}

/* --- the container ---------------------------------------------------------------------------- */

static size_t count_alive(void)
{
    size_t count = 0;
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        count += !process_at(i)->is_apart &&
                 (process_at(i)->state == PROCESS_ALIVE || process_at(i)->state == PROCESS_ENDING);
    return count;
}

/* The texts are those of a control group's files. Each enclave knows its own memory alone. */
static int append_usage(struct buf *out, struct error *err)
{
    size_t count = count_alive();
    if (buf_printf(out, err, "\"pids.current\":\"%zu\\n\"", count) < 0)
        return -1;
    if (count > 1)
        return 0;
    return buf_printf(out, err, ",\"memory.current\":\"%llu\\n\",\"memory.max\":\"%llu\\n\"",
                      (unsigned long long)memory_taken() * MEMORY_PAGE,
                      (unsigned long long)memory_bounded());
}

int gate_tell_usage(void *argument, const char *id, struct buf *out, struct error *err)
{
    (void)argument;
    (void)id;
    if (take_lock(err) < 0)
        return -1;
    int status = append_usage(out, err);
    lock_release();
    return status;
}
