/* System calls on processes: their numbers, groups and sessions, and signals between them. */
#include <asm/siginfo.h>
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/threads/thread.h"

#define INFO_SIZE 128 /* bytes of the kernel's siginfo */
#define WORDS_AT  16

uint64_t syscall_getpid(struct program_frame *frame)
{
    (void)frame;
    return (uint64_t)process_self()->number;
}

uint64_t syscall_getppid(struct program_frame *frame)
{
    const struct process *parent = process_self()->parent;
    (void)frame;
    return parent ? (uint64_t)parent->number : 0;
}

/* --- groups ----------------------------------------------------------------------------------- */

static const struct process *find_or_self(uint64_t number)
{
    return (int)number == 0 ? process_self() : process_find((int)number);
}

uint64_t syscall_getpgrp(struct program_frame *frame)
{
    (void)frame;
    return (uint64_t)process_self()->group;
}

uint64_t syscall_getpgid(struct program_frame *frame)
{
    const struct process *process = find_or_self(frame->rdi);
    return process ? (uint64_t)process->group : SYSCALL_ERROR(ESRCH);
}

uint64_t syscall_getsid(struct program_frame *frame)
{
    const struct process *process = find_or_self(frame->rdi);
    return process ? (uint64_t)process->session : SYSCALL_ERROR(ESRCH);
}

uint64_t syscall_setpgid(struct program_frame *frame)
{
    return (uint64_t)process_set_group(process_self(), (int)frame->rdi, (int)frame->rsi);
}

uint64_t syscall_setsid(struct program_frame *frame)
{
    (void)frame;
    return (uint64_t)process_set_session(process_self());
}

/* --- signals ---------------------------------------------------------------------------------- */

static uint64_t sender(void)
{
    const struct process *self = process_self();
    return (uint32_t)self->number | (uint64_t)self->identity.ids[IDENTITY_USER].real << 32;
}

uint64_t syscall_kill(struct program_frame *frame)
{
    const struct signal_info info = {(int)frame->rsi, SI_USER, {sender(), 0}};
    if (frame->rsi > SIGNALS)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)process_kill(process_self(), (int)frame->rdi, &info);
}

/* A thread of this process; of others the first one stands for all. */
static int raise_in(int group, int number, const struct signal_info *info)
{
    struct process *self = process_self();
    struct thread *thread = thread_find(number);
    bool is_own = thread && thread->process == self;
    if (number <= 0 || group == 0)
        return -EINVAL;
    if (info->number < 0 || info->number > SIGNALS)
        return -EINVAL;
    if (is_own && (group < 0 || group == self->number))
        return info->number == 0 ? 0 : signal_send(thread, info);
    if (group > 0 && group != number)
        return -ESRCH;
    return process_kill(self, number, info);
}

uint64_t syscall_tkill(struct program_frame *frame)
{
    const struct signal_info info = {(int)frame->rsi, SI_TKILL, {sender(), 0}};
    return (uint64_t)raise_in(-1, (int)frame->rdi, &info);
}

uint64_t syscall_tgkill(struct program_frame *frame)
{
    const struct signal_info info = {(int)frame->rdx, SI_TKILL, {sender(), 0}};
    if ((int)frame->rdi <= 0)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)raise_in((int)frame->rdi, (int)frame->rsi, &info);
}

void syscall_describe_sender(int number, struct signal_info *out)
{
    *out = (struct signal_info){number, SI_USER, {sender(), 0}};
}

/* Nobody passes off a signal of his own as the kernel's or kill's. */
int syscall_take_info(uint64_t at, uint64_t number, bool is_to_itself, struct signal_info *out)
{
    if (!can_read(at, INFO_SIZE))
        return -EFAULT;
    out->number = (int)number;
    memcpy(&out->code, (const uint8_t *)at + 8, sizeof out->code);
    memcpy(out->words, (const uint8_t *)at + WORDS_AT, sizeof out->words);
    if (number > SIGNALS)
        return -EINVAL;
    bool is_told = out->code >= 0 || out->code == SI_TKILL;
    return is_told && !is_to_itself ? -EPERM : 0;
}

uint64_t syscall_rt_sigqueueinfo(struct program_frame *frame)
{
    struct signal_info info;
    int to = (int)frame->rdi;
    bool is_to_itself = to == process_self()->number;
    int status = syscall_take_info(frame->rdx, frame->rsi, is_to_itself, &info);
    if (status < 0)
        return (uint64_t)status;
    return to > 0 ? (uint64_t)process_kill(process_self(), to, &info) : SYSCALL_ERROR(ESRCH);
}

uint64_t syscall_rt_tgsigqueueinfo(struct program_frame *frame)
{
    struct signal_info info;
    bool is_to_itself = (int)frame->rdi == process_self()->number;
    int status = syscall_take_info(frame->r10, frame->rdx, is_to_itself, &info);
    if (status == 0 && ((int)frame->rdi <= 0 || (int)frame->rsi <= 0))
        status = -EINVAL;
    return (uint64_t)(status < 0 ? status : raise_in((int)frame->rdi, (int)frame->rsi, &info));
}
