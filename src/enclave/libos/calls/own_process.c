/* The library OS' own calls that make and end processes. */
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/process_file.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/settle.h"
#include "enclave/libos/processes/spares.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/wipe.h"

/* --- without an enclave ----------------------------------------------------------------------- */

/* Threads that an enclave of its own takes here, and one to spare. */
#define ROOM_FOR_ONE 4

uint64_t own_borrow(struct program_frame *frame)
{
    struct process *process;
    if (frame->rsi && thread_taken() - spares_count() > THREADS_MAX - ROOM_FOR_ONE)
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
    struct order order = settle_order(process, ORDER_PROGRAM);
    order.path_size = (uint32_t)strlen(path) + 1;
    order.size = order.path_size + (uint32_t)frame->r9;
    order.at = (int)frame->rdi;
    order.flags = (unsigned)frame->rdx;
    order.mask = words.mask;
    order.ignored = words.ignored;
    order.pending = words.pending;
    order.arguments = words.arguments;
    order.environment = words.environment;
    memcpy(order.name, words.name, sizeof order.name);
    status = settle_program(process, &order, path, (const void *)frame->r8);
    libos_wipe(order.secret, sizeof order.secret);
    return (uint64_t)status;
}

/* --- with a snapshot -------------------------------------------------------------------------- */

/* What this process has of shared memory now, the child has too. Before it runs: from then on what
 * it has is its own affair. */
static void share(const struct process *process)
{
    shared_home_fork(process_index(process_of_enclave(process_self())), process_index(process));
}

/* An enclave for the process, which is to be a copy of another one. */
static int give_enclave(struct process *process, uint64_t pending)
{
    struct line *line;
    struct order order = settle_order(process, ORDER_SNAPSHOT);
    order.pending = pending;
    share(process); /* it takes a thread more */
    int status = line_open(process, &line);
    if (status == 0 && (status = line_send(line, &order, sizeof order)) < 0)
        line_give_up(line);
    libos_wipe(order.secret, sizeof order.secret);
    return status;
}

/* An enclave for the process, and before that, where `at` is not 0, a pidfd, whose number is put
 * there: it may want what there is not. */
static int give_all(struct process *process, uint64_t at)
{
    struct file_table *files = &process_self()->vfs.files;
    int pidfd = at != 0 ? process_file_open(process, 0, files) : -1;
    if (at != 0 && pidfd < 0)
        return pidfd;
    int status = give_enclave(process, 0);
    if (at != 0 && status == 0)
        memcpy((void *)at, &pidfd, sizeof pidfd);
    else if (at != 0)
        (void)file_close(files, pidfd);
    return status;
}

uint64_t own_fork(struct program_frame *frame)
{
    struct process *process;
    if (frame->rsi != 0 && !can_write(frame->rsi, sizeof(int)))
        return SYSCALL_FAULT;
    int status = process_new(process_self(), (int)frame->rdi, &process);
    if (status < 0)
        return (uint64_t)status;
    process->post = line_post; /* what comes before its enclave runs waits */
    status = give_all(process, frame->rsi);
    if (status < 0)
        process_cancel(process);
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
    return (uint64_t)give_enclave(process, frame->rsi);
}

uint64_t own_fork_send(struct program_frame *frame)
{
    struct process *process = find_child(frame->rdi);
    struct line *line = process ? line_in_making(process) : NULL;
    if (!line)
        return SYSCALL_ERROR(ESRCH);
    if (frame->rdx == 0 || !can_read(frame->rsi, frame->rdx))
        return SYSCALL_FAULT;
    share(process); /* what another thread has mapped meanwhile, and this message may tell of */
    return (uint64_t)line_send(line, (const void *)frame->rsi, frame->rdx);
}

uint64_t own_fork_end(struct program_frame *frame)
{
    struct process *process = find_child(frame->rdi);
    struct line *line = process ? line_in_making(process) : NULL;
    bool goes_on = frame->rsi == OWN_FORK_WHOLE || frame->rsi == OWN_FORK_BEGINS;
    if (!process || (!line && (!is_borrowed(process) || goes_on)))
        return SYSCALL_ERROR(ESRCH);
    if (goes_on) {
        if (line_start(line, frame->r10) < 0)
            return SYSCALL_ERROR(EAGAIN);
        process_signal_all(process, frame->rdx);
        return 0;
    }
    if (line)
        line_give_up(line);
    if (frame->rsi == OWN_FORK_KILLED)
        process_end(process, SIGKILL);
    else
        process_cancel(process);
    return 0;
}
