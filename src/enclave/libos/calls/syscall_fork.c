/* System calls that make processes. */
#include "enclave/libos/calls/syscall_fork.h"

#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/persona.h"

#define ADDRESS_LIMIT (UINT64_C(1) << 47)

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)
#endif

/* What it shares with its parent besides its memory is for none of these. */
#define KNOWN_FLAGS                                                                                \
    (CLONE_VM | CLONE_VFORK | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |            \
     CLONE_CHILD_CLEARTID | CLONE_CLEAR_SIGHAND)

bool syscall_is_process(const struct clone_args *args)
{
    bool shares = args->flags & CLONE_VM;
    return (args->flags & ~KNOWN_FLAGS) == 0 && (!shares || args->flags & CLONE_VFORK);
}

static int check(const struct clone_args *args)
{
    if (args->exit_signal > SIGNALS || (args->flags & CLONE_SETTLS && args->tls >= ADDRESS_LIMIT))
        return -EINVAL;
    if ((args->flags & CLONE_PARENT_SETTID && !can_write(args->parent_tid, sizeof(int))) ||
        (args->flags & CLONE_CHILD_SETTID && !can_write(args->child_tid, sizeof(int))))
        return -EFAULT;
    if (persona_is_there()) {
        log_line("EAGAIN: ", "a process of one that is to call execve or exit");
        return -EAGAIN;
    }
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

/* In this thread, which goes on in the same memory. */
static uint64_t become(struct program_frame *frame, const struct clone_args *args,
                       struct process *process)
{
    int status = persona_enter(frame, process);
    if (status < 0)
        return (uint64_t)status;
    process->post = post_to_persona;
    process->post_to = thread_self();
    if (args->stack != 0)
        frame->rsp = args->stack;
    if (args->flags & CLONE_SETTLS)
        program_set_fs(args->tls);
    if (args->flags & CLONE_CLEAR_SIGHAND)
        clear_handlers();
    return 0;
}

uint64_t syscall_make_process(struct program_frame *frame, const struct clone_args *args)
{
    struct process *process;
    int status = check(args);
    if (status == 0 && !(args->flags & CLONE_VM)) {
        log_line("ENOSYS: ", "fork");
        status = -ENOSYS;
    }
    if (status == 0)
        status = process_new(process_self(), (int)args->exit_signal, &process);
    if (status < 0)
        return (uint64_t)status;
    uint64_t answer = become(frame, args, process);
    if ((int64_t)answer < 0) {
        process_cancel(process);
        return answer;
    }
    if (args->flags & CLONE_PARENT_SETTID)
        memcpy((void *)args->parent_tid, &process->number, sizeof process->number);
    if (args->flags & CLONE_CHILD_SETTID)
        memcpy((void *)args->child_tid, &process->number, sizeof process->number);
    return answer;
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
