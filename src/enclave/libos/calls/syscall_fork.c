/* System calls that make processes. */
#include "enclave/libos/calls/syscall_fork.h"

#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/processes/fork.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/program/kept.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/posted.h"

#define ADDRESS_LIMIT (UINT64_C(1) << 47)

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)
#endif

/* What it shares with its parent besides its memory is for none of these. */
#define KNOWN_FLAGS                                                                                \
    (CLONE_VM | CLONE_VFORK | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |            \
     CLONE_CHILD_CLEARTID | CLONE_CLEAR_SIGHAND | CLONE_PIDFD)

bool syscall_is_process(const struct clone_args *args)
{
    bool shares = args->flags & CLONE_VM;
    return (args->flags & ~KNOWN_FLAGS) == 0 && (!shares || args->flags & CLONE_VFORK);
}

static int check(const struct clone_args *args)
{
    if (args->exit_signal > SIGNALS || (args->flags & CLONE_SETTLS && args->tls >= ADDRESS_LIMIT))
        return -EINVAL;
    if ((args->flags & CLONE_PIDFD && !can_write(args->pidfd, sizeof(int))) ||
        (args->flags & CLONE_PARENT_SETTID && !can_write(args->parent_tid, sizeof(int))) ||
        (args->flags & CLONE_CHILD_SETTID && !can_write(args->child_tid, sizeof(int))))
        return -EFAULT;
    return 0;
}

static void clear_handlers(void)
{
    for (int i = 1; i <= SIGNALS; i++) {
        const struct signal_action none = {0};
        if (signal_action(i)->handler > (uintptr_t)SIG_IGN)
            (void)signal_set_action(i, &none, NULL);
    }
}

/* A signal to it is one to the thread that it is. */
static int post_to_persona(struct process *process, const struct signal_info *info)
{
    return signal_send(process->post_to, info);
}

/* The process in this enclave, or what there is here of one that the first enclave made. */
static struct process *take_process(int number)
{
    struct process *process = remote_is_child() ? process_note(number) : process_find(number);
    if (!process)
        return NULL;
    process->post = post_to_persona;
    process->post_to = thread_self();
    return process;
}

/* How the process begins: with what its parent asked for. */
static void begin(struct program_frame *frame, const struct clone_args *args, int number)
{
    if (args->stack != 0)
        frame->rsp = args->stack;
    if (args->flags & CLONE_SETTLS)
        program_set_fs(args->tls);
    if (args->flags & CLONE_CLEAR_SIGHAND)
        clear_handlers();
    if (args->flags & CLONE_CHILD_SETTID)
        memcpy((void *)args->child_tid, &number, sizeof number);
}

/* The process, which the first enclave has made, was never there. */
static void cancel(int number)
{
    (void)own_make_call(OWN_FORK_END, (uint64_t)number, OWN_FORK_NEVER, 0);
}

/* A process to become, and a pidfd of it where one is wanted, which it does not have itself. */
static int borrow(const struct clone_args *args, int *pidfd)
{
    int number = (int)own_make_call(OWN_BORROW, args->exit_signal, 0, 0);
    if (number < 0 || !(args->flags & CLONE_PIDFD))
        return number;
    *pidfd = (int)own_make_call(OWN_PIDFD, (uint64_t)number, 0, 0);
    if (*pidfd < 0)
        cancel(number);
    return *pidfd < 0 ? *pidfd : number;
}

/* A process that this thread has become in the same memory: its number. */
static int enter(struct program_frame *frame, const struct clone_args *args, int *pidfd)
{
    posted_hold(); /* it may be sent signals before its number is here */
    int number = borrow(args, pidfd);
    struct process *process = number > 0 ? take_process(number) : NULL;
    int status = number < 0 ? number : process ? persona_enter(frame, process) : -EAGAIN;
    posted_go_on();
    if (status < 0 && number > 0)
        cancel(number); /* else its parent waits for it for good */
    return status < 0 ? status : number;
}

/* This thread goes on in the same memory. */
static int64_t become(struct program_frame *frame, const struct clone_args *args)
{
    int pidfd = -1;
    int number = enter(frame, args, &pidfd);
    if (number < 0) {
        fork_close(pidfd);
        return number; /* the note of a process that never ran goes with the enclave */
    }
    begin(frame, args, number);
    if (args->flags & CLONE_PARENT_SETTID)
        memcpy((void *)args->parent_tid, &number, sizeof number);
    if (args->flags & CLONE_PIDFD)
        memcpy((void *)args->pidfd, &pidfd, sizeof pidfd);
    return 0;
}

/* Likewise, and its memory is put back: the process moves to an enclave of its own later, if it
 * lives so long (fork.h). False where it cannot be so. */
static bool stay(struct program_frame *frame, const struct clone_args *args, int64_t *result)
{
    struct kept *kept;
    const uint64_t told = CLONE_PARENT_SETTID | CLONE_PIDFD; /* in memory that is put back */
    if (thread_count() > 1 || args->flags & told || kept_take(&kept) < 0)
        return false;
    posted_hold();
    int number = (int)own_make_call(OWN_BORROW, args->exit_signal, true, 0);
    struct process *process = number > 0 ? take_process(number) : NULL;
    int status = number < 0 ? number : process ? persona_fork(frame, process, kept) : -EAGAIN;
    posted_go_on();
    *result = status;
    if (status < 0) {
        kept_free(kept);
        if (number > 0)
            cancel(number);
        return true;
    }
    begin(frame, args, number);
    if (args->flags & CLONE_CHILD_CLEARTID)
        thread_self()->clear_number = args->child_tid;
    return true;
}

static int64_t copy(const struct program_frame *frame, const struct clone_args *args)
{
    struct snapshot_thread thread = {.frame = *frame, .fs = program_get_fs()};
    thread.frame.rax = 0;
    thread.frame.number = PROGRAM_NO_CALL;
    if (args->stack != 0)
        thread.frame.rsp = args->stack;
    if (args->flags & CLONE_SETTLS)
        thread.fs = args->tls;
    thread.set_number = args->flags & CLONE_CHILD_SETTID ? args->child_tid : 0;
    thread.clear_number = args->flags & CLONE_CHILD_CLEARTID ? args->child_tid : 0;
    int pidfd;
    bool has_pidfd = args->flags & CLONE_PIDFD;
    int number = fork_process((int)args->exit_signal, &thread, has_pidfd ? &pidfd : NULL);
    if (number > 0 && has_pidfd && can_write(args->pidfd, sizeof pidfd))
        memcpy((void *)args->pidfd, &pidfd, sizeof pidfd);
    if (number > 0 && args->flags & CLONE_PARENT_SETTID && can_write(args->parent_tid, sizeof(int)))
        memcpy((void *)args->parent_tid, &number, sizeof number);
    return number;
}

/* A process of vfork(2) makes another one: it does so in an enclave of its own, from a copy of what
 * its parent's memory has come to. The parent goes on, which POSIX lets it. What the process did
 * there cannot be taken back: without an enclave it is killed. */
static uint64_t move_first(struct program_frame *frame)
{
    persona_note_seen();
    return (uint64_t)fork_move(frame, frame->number);
}

uint64_t syscall_make_process(struct program_frame *frame, const struct clone_args *args)
{
    int64_t status = check(args);
    if (status == 0 && persona_is_there())
        return move_first(frame);
    if (status == 0 && args->flags & CLONE_VM)
        status = become(frame, args);
    else if (status == 0 && !stay(frame, args, &status))
        status = copy(frame, args);
    return (uint64_t)status;
}

uint64_t syscall_fork(struct program_frame *frame)
{
    const struct clone_args args = {.exit_signal = SIGCHLD};
    return syscall_make_process(frame, &args);
}

uint64_t syscall_vfork(struct program_frame *frame)
{
    const struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    return syscall_make_process(frame, &args);
}
