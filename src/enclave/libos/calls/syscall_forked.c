#include "enclave/libos/calls/syscall_forked.h"

#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/processes/fork.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/remote/remote_call.h"

#define ATOMIC 4096 /* bytes that a pipe takes whole, or none of (PIPE_BUF) */

/* MOVES: whatever may wait for others, sees or changes what the parent has in this enclave, or
 * needs threads; all calls that are not named. */
enum way {
    MOVES,
    STAYS,
    HASTY, /* it is tried without waiting, and moves where it would have to */
};

static const uint8_t ways[] = {
    [__NR_access] = STAYS,
    [__NR_arch_prctl] = STAYS,
    [__NR_brk] = STAYS,
    [__NR_capget] = STAYS,
    [__NR_chdir] = STAYS,
    [__NR_chroot] = STAYS,
    [__NR_clock_getres] = STAYS,
    [__NR_clock_gettime] = STAYS,
    [__NR_close] = STAYS,
    [__NR_close_range] = STAYS,
    [__NR_dup] = STAYS,
    [__NR_dup2] = STAYS,
    [__NR_dup3] = STAYS,
    [__NR_execve] = STAYS,
    [__NR_execveat] = STAYS,
    [__NR_exit] = STAYS,
    [__NR_exit_group] = STAYS,
    [__NR_faccessat] = STAYS,
    [__NR_faccessat2] = STAYS,
    [__NR_fchdir] = STAYS,
    [__NR_fstat] = STAYS,
    [__NR_fstatfs] = STAYS,
    [__NR_getcwd] = STAYS,
    [__NR_getegid] = STAYS,
    [__NR_geteuid] = STAYS,
    [__NR_getgid] = STAYS,
    [__NR_getgroups] = STAYS,
    [__NR_getpgid] = STAYS,
    [__NR_getpgrp] = STAYS,
    [__NR_getpid] = STAYS,
    [__NR_getppid] = STAYS,
    [__NR_getpriority] = STAYS,
    [__NR_getrandom] = STAYS,
    [__NR_getresgid] = STAYS,
    [__NR_getresuid] = STAYS,
    [__NR_getrlimit] = STAYS,
    [__NR_getsid] = STAYS,
    [__NR_gettid] = STAYS,
    [__NR_gettimeofday] = STAYS,
    [__NR_getuid] = STAYS,
    [__NR_ioctl] = STAYS,
    [__NR_lseek] = STAYS,
    [__NR_lstat] = STAYS,
    [__NR_newfstatat] = STAYS,
    [__NR_pipe] = STAYS,
    [__NR_pipe2] = STAYS,
    [__NR_prlimit64] = STAYS,
    [__NR_readlink] = STAYS,
    [__NR_readlinkat] = STAYS,
    [__NR_rt_sigaction] = STAYS,
    [__NR_rt_sigpending] = STAYS,
    [__NR_rt_sigprocmask] = STAYS,
    [__NR_rt_sigreturn] = STAYS,
    [__NR_sched_getaffinity] = STAYS,
    [__NR_set_robust_list] = STAYS,
    [__NR_set_tid_address] = STAYS,
    [__NR_setfsgid] = STAYS,
    [__NR_setfsuid] = STAYS,
    [__NR_setgid] = STAYS,
    [__NR_setgroups] = STAYS,
    [__NR_setpgid] = STAYS,
    [__NR_setpriority] = STAYS,
    [__NR_setregid] = STAYS,
    [__NR_setresgid] = STAYS,
    [__NR_setresuid] = STAYS,
    [__NR_setreuid] = STAYS,
    [__NR_setrlimit] = STAYS,
    [__NR_setsid] = STAYS,
    [__NR_setuid] = STAYS,
    [__NR_sigaltstack] = STAYS,
    [__NR_stat] = STAYS,
    [__NR_statfs] = STAYS,
    [__NR_statx] = STAYS,
    [__NR_sysinfo] = STAYS,
    [__NR_time] = STAYS,
    [__NR_umask] = STAYS,
    [__NR_uname] = STAYS,
    [__NR_fcntl] = HASTY,
    [__NR_open] = HASTY,
    [__NR_openat] = HASTY,
    [__NR_read] = HASTY,
    [__NR_write] = HASTY,
};

/* Files and pipes: what they take or give without waiting is what it would be with. */
static bool is_simple(const struct program_frame *frame)
{
    const struct file *file = remote_is_child() ? NULL : syscall_file(frame->rdi);
    return file &&
           (file->kind == &file_plain || (file->kind->type == EXT4_FIFO && frame->rdx <= ATOMIC));
}

/* Memory where there is room goes again with all that came since. */
static bool is_new_memory(const struct program_frame *frame)
{
    const uint64_t plain = MAP_PRIVATE | MAP_ANONYMOUS;
    return (frame->r10 & (plain | MAP_SHARED | MAP_FIXED)) == plain;
}

static enum way way_of(const struct program_frame *frame)
{
    uint64_t number = frame->number;
    if (number == __NR_mmap)
        return is_new_memory(frame) ? STAYS : MOVES;
    if ((number == __NR_read || number == __NR_write) && !is_simple(frame))
        return MOVES;
    return number < sizeof ways ? (enum way)ways[number] : MOVES;
}

/* What it does to files is done, whatever becomes of it. */
static bool is_seen(const struct program_frame *frame)
{
    const uint64_t making = O_CREAT | O_TRUNC;
    return frame->number == __NR_write || (frame->number == __NR_open && frame->rsi & making) ||
           (frame->number == __NR_openat && frame->rdx & making);
}

uint64_t syscall_forked(struct program_frame *frame, syscall_fn *make)
{
    struct thread *self = thread_self();
    const struct program_frame before = *frame;
    enum way way = way_of(frame);
    if (way == MOVES || persona_is_due())
        return (uint64_t)fork_move(frame, frame->number);
    if (is_seen(frame))
        persona_note_seen();
    self->is_hasty = way == HASTY;
    uint64_t result = make(frame);
    self->is_hasty = false;
    if (way != HASTY || result != SYSCALL_ERROR(EAGAIN))
        return result;
    *frame = before;
    return (uint64_t)fork_move(frame, frame->number);
}
