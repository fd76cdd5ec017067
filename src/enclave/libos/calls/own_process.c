/* The library OS' own calls that make and end processes. */
#include <asm/siginfo.h>
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/order.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/wipe.h"

static struct order order_for(const struct process *process, enum order_kind kind)
{
    struct order order = {.kind = kind,
                          .process = (uint32_t)process->number,
                          .uid = process->vfs.creds.uid,
                          .gid = process->vfs.creds.gid,
                          .memory = memory_bounded()};
    memcpy(order.secret, process->secret, sizeof order.secret);
    return order;
}

/* --- without an enclave ----------------------------------------------------------------------- */

/* Threads that an enclave of its own takes here, and one to spare. */
#define ROOM_FOR_ONE 4

uint64_t own_borrow(struct program_frame *frame)
{
    struct process *process;
    if (frame->rsi && __builtin_popcountll(thread_bits()) > THREADS_MAX - ROOM_FOR_ONE)
        return SYSCALL_ERROR(EAGAIN);
    int status = process_new(process_self(), (int)frame->rdi, &process);
    if (status < 0)
        return (uint64_t)status;
    process->post = line_post; /* in this enclave, its thread says otherwise */
    return (uint64_t)process->number;
}

/* Whether it is such a process, and not one with an enclave. */
static bool is_borrowed(const struct process *process)
{
    return process != process_first() && !process->line;
}

uint64_t own_return(struct program_frame *frame)
{
    if (!is_borrowed(process_self()))
        return SYSCALL_ERROR(EINVAL);
    process_end(process_self(), process_status(frame->rdi));
    return 0;
}

static int send_program(struct line *line, struct order *order, const char *path,
                        const uint8_t *texts, size_t size)
{
    int status = line_send(line, order, sizeof *order);
    if (status == 0)
        status = line_send(line, path, order->path_size);
    return status < 0 ? status : line_send(line, texts, size);
}

static int spawn(struct process *process, struct order *order, const char *path, uint64_t texts)
{
    struct line *line;
    size_t size = order->size - order->path_size;
    int status = line_open(process, &line);
    if (status < 0)
        return status;
    status = send_program(line, order, path, (const uint8_t *)texts, size);
    if (status == 0)
        line_start(line);
    else
        line_give_up(line);
    return status;
}

uint64_t own_spawn(struct program_frame *frame)
{
    char path[SYSCALL_PATH_MAX];
    struct own_words words;
    struct process *process = process_self();
    int status = syscall_path(frame->rsi, path);
    if (status < 0)
        return (uint64_t)status;
    if (!can_read(frame->r10, sizeof words) || frame->r9 == 0 || frame->r9 > PROGRAM_WORDS_MAX ||
        !can_read(frame->r8, frame->r9))
        return SYSCALL_FAULT;
    if (!is_borrowed(process))
        return SYSCALL_ERROR(EINVAL);
    memcpy(&words, (const void *)frame->r10, sizeof words);
    struct order order = order_for(process, ORDER_PROGRAM);
    order.path_size = (uint32_t)strlen(path) + 1;
    order.size = order.path_size + (uint32_t)frame->r9;
    order.at = (int)frame->rdi;
    order.flags = (unsigned)frame->rdx;
    order.mask = words.mask;
    order.ignored = words.ignored;
    order.arguments = words.arguments;
    order.environment = words.environment;
    memcpy(order.name, words.name, sizeof order.name);
    status = spawn(process, &order, path, frame->r8);
    libos_wipe(order.secret, sizeof order.secret);
    return (uint64_t)status;
}

/* --- with a snapshot -------------------------------------------------------------------------- */

/* What this process has of shared memory now, the child has too. */
static void share(const struct process *process)
{
    shared_home_fork(process_index(process_of_enclave(process_self())), process_index(process));
}

static void cancel(struct process *process)
{
    shared_home_leave(process_index(process));
    process_cancel(process);
}

/* An enclave for the process, which is to be a copy of another one. */
static int give_enclave(struct process *process)
{
    struct line *line;
    struct order order = order_for(process, ORDER_SNAPSHOT);
    int status = line_open(process, &line);
    if (status == 0 && (status = line_send(line, &order, sizeof order)) < 0)
        line_give_up(line);
    libos_wipe(order.secret, sizeof order.secret);
    return status;
}

uint64_t own_fork(struct program_frame *frame)
{
    struct process *process;
    int status = process_new(process_self(), (int)frame->rdi, &process);
    if (status < 0)
        return (uint64_t)status;
    process->post = line_post; /* what comes before its enclave runs waits */
    share(process);
    status = give_enclave(process);
    if (status < 0)
        cancel(process);
    return status < 0 ? (uint64_t)status : (uint64_t)process->number;
}

/* The child of this process by that number, which is alive; NULL for none. */
static struct process *find_child(uint64_t number)
{
    struct process *process = process_find((int)number);
    return process && process->parent == process_self() && process->state == PROCESS_ALIVE ? process
                                                                                           : NULL;
}

uint64_t own_move(struct program_frame *frame)
{
    struct process *process = find_child(frame->rdi);
    if (!process || !is_borrowed(process))
        return SYSCALL_ERROR(ESRCH);
    return (uint64_t)give_enclave(process);
}

/* Of a child that this process is making. */
static struct line *line_of(uint64_t number)
{
    struct process *process = find_child(number);
    return process ? line_in_making(process) : NULL;
}

uint64_t own_fork_send(struct program_frame *frame)
{
    struct line *line = line_of(frame->rdi);
    if (!line)
        return SYSCALL_ERROR(ESRCH);
    if (frame->rdx == 0 || !can_read(frame->rsi, frame->rdx))
        return SYSCALL_FAULT;
    return (uint64_t)line_send(line, (const void *)frame->rsi, frame->rdx);
}

static void post_all(struct process *process, uint64_t signals)
{
    for (; signals != 0; signals &= signals - 1) {
        const struct signal_info info = {.number = __builtin_ctzll(signals) + 1, .code = SI_USER};
        (void)process_signal(process, &info);
    }
}

uint64_t own_fork_end(struct program_frame *frame)
{
    struct process *process = find_child(frame->rdi);
    struct line *line = process ? line_in_making(process) : NULL;
    if (!process || (!line && (!is_borrowed(process) || frame->rsi == OWN_FORK_WHOLE)))
        return SYSCALL_ERROR(ESRCH);
    if (frame->rsi == OWN_FORK_WHOLE) {
        share(process); /* what another thread has mapped meanwhile */
        line_start(line);
        post_all(process, frame->rdx);
        return 0;
    }
    if (line)
        line_give_up(line);
    if (frame->rsi == OWN_FORK_KILLED)
        process_end(process, SIGKILL);
    else
        cancel(process);
    return 0;
}
