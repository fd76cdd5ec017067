#include "enclave/libos/calls/syscall.h"

#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <string.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/quick_clock.h"
#include "enclave/libos/calls/syscall_forked.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/program/brk.h"
#include "enclave/libos/remote/mirror.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/system.h"
#include "enclave/libos/threads/deliver.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/spent.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

#define SYSCALLS_MAX  512
#define RANDOM_MAX    (UINT64_C(1) << 20) /* bytes that one call gives */
#define NANOSECONDS   UINT64_C(1000000000)
#define TICK          4000000 /* nanoseconds: of the coarse clocks */
#define ADDRESS_LIMIT (UINT64_C(1) << 47)

struct vfs *syscall_files(void)
{
    return &process_self()->vfs;
}

struct file *syscall_file(uint64_t number)
{
    return file_table_get(&syscall_files()->files, (int)number);
}

/* --- the process ------------------------------------------------------------------------------ */

static uint64_t do_zero(struct program_frame *frame)
{
    (void)frame;
    return 0;
}

static uint64_t do_arch_prctl(struct program_frame *frame)
{
    if (frame->rdi == ARCH_SET_FS) {
        if (frame->rsi >= ADDRESS_LIMIT)
            return SYSCALL_ERROR(EPERM);
        program_set_fs(frame->rsi);
        return 0;
    }
    if (frame->rdi != ARCH_GET_FS)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rsi, sizeof(uint64_t)))
        return SYSCALL_FAULT;
    *(uint64_t *)frame->rsi = program_get_fs();
    return 0;
}

static uint64_t do_uname(struct program_frame *frame)
{
    if (!can_write(frame->rdi, sizeof(struct new_utsname)))
        return SYSCALL_FAULT;
    *(struct new_utsname *)frame->rdi = *system_name();
    return 0;
}

static uint64_t do_getrandom(struct program_frame *frame)
{
    uint64_t size = frame->rsi < RANDOM_MAX ? frame->rsi : RANDOM_MAX;
    if (frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rdi, size))
        return SYSCALL_FAULT;
    return enclave_random((void *)frame->rdi, size) ? size : SYSCALL_ERROR(EIO);
}

static uint64_t read_clock(uint64_t clock)
{
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        return spent_process();
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return spent_thread(thread_self());
    bool is_real = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    return clock_now(is_real ? DOOR_CLOCK_REAL : DOOR_CLOCK_MONOTONIC);
}

static uint64_t do_clock_gettime(struct program_frame *frame)
{
    struct __kernel_timespec *out = (struct __kernel_timespec *)frame->rsi;
    if (frame->rdi > CLOCK_BOOTTIME)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rsi, sizeof *out))
        return SYSCALL_FAULT;
    uint64_t now = read_clock(frame->rdi);
    *out = (struct __kernel_timespec){(int64_t)(now / NANOSECONDS), (int64_t)(now % NANOSECONDS)};
    return 0;
}

static uint64_t do_clock_getres(struct program_frame *frame)
{
    const struct __kernel_timespec fine = {0, 1}, coarse = {0, TICK};
    bool is_coarse = frame->rdi == CLOCK_REALTIME_COARSE || frame->rdi == CLOCK_MONOTONIC_COARSE;
    if (frame->rdi > CLOCK_BOOTTIME)
        return SYSCALL_ERROR(EINVAL);
    if (frame->rsi != 0 && !can_write(frame->rsi, sizeof fine))
        return SYSCALL_FAULT;
    if (frame->rsi != 0)
        *(struct __kernel_timespec *)frame->rsi = is_coarse ? coarse : fine;
    return 0;
}

/* The time zone is UTC, as Linux's is that nobody has set. */
static uint64_t do_gettimeofday(struct program_frame *frame)
{
    const struct timezone zone = {0, 0};
    uint64_t now = clock_now(DOOR_CLOCK_REAL);
    const struct __kernel_old_timeval time = {(int64_t)(now / NANOSECONDS),
                                              (int64_t)(now % NANOSECONDS / 1000)};
    if ((frame->rdi != 0 && !can_write(frame->rdi, sizeof time)) ||
        (frame->rsi != 0 && !can_write(frame->rsi, sizeof zone)))
        return SYSCALL_FAULT;
    if (frame->rdi != 0)
        __builtin_memcpy((void *)frame->rdi, &time, sizeof time);
    if (frame->rsi != 0)
        __builtin_memcpy((void *)frame->rsi, &zone, sizeof zone);
    return 0;
}

static uint64_t do_time(struct program_frame *frame)
{
    uint64_t now = clock_now(DOOR_CLOCK_REAL) / NANOSECONDS;
    if (frame->rdi != 0 && !can_write(frame->rdi, sizeof now))
        return SYSCALL_FAULT;
    if (frame->rdi != 0)
        *(uint64_t *)frame->rdi = now;
    return now;
}

static uint64_t do_not_there(struct program_frame *frame)
{
    (void)frame;
    return SYSCALL_ERROR(ENOSYS);
}

/* --- which is which --------------------------------------------------------------------------- */

static syscall_fn *const table[SYSCALLS_MAX] = {
    [__NR_accept] = syscall_accept,
    [__NR_accept4] = syscall_accept4,
    [__NR_access] = syscall_access,
    [__NR_acct] = syscall_refused,
    [__NR_adjtimex] = syscall_refused,
    [__NR_alarm] = syscall_alarm,
    [__NR_arch_prctl] = do_arch_prctl,
    [__NR_bind] = syscall_bind,
    [__NR_brk] = syscall_brk,
    [__NR_capget] = syscall_capget,
    [__NR_capset] = syscall_capset,
    [__NR_chdir] = syscall_chdir,
    [__NR_chmod] = syscall_chmod,
    [__NR_chown] = syscall_chown,
    [__NR_chroot] = syscall_chroot,
    [__NR_clock_adjtime] = syscall_refused,
    [__NR_clock_getres] = do_clock_getres,
    [__NR_clock_gettime] = do_clock_gettime,
    [__NR_clock_nanosleep] = syscall_clock_nanosleep,
    [__NR_clock_settime] = syscall_refused,
    [__NR_clone] = syscall_clone,
    [__NR_clone3] = syscall_clone3,
    [__NR_close] = syscall_close,
    [__NR_close_range] = syscall_close_range,
    [__NR_connect] = syscall_connect,
    [__NR_copy_file_range] = syscall_copy_file_range,
    [__NR_creat] = syscall_creat,
    [__NR_delete_module] = syscall_refused,
    [__NR_dup] = syscall_dup,
    [__NR_dup2] = syscall_dup2,
    [__NR_dup3] = syscall_dup3,
    [__NR_epoll_create] = syscall_epoll_create,
    [__NR_epoll_create1] = syscall_epoll_create1,
    [__NR_epoll_ctl] = syscall_epoll_ctl,
    [__NR_epoll_pwait] = syscall_epoll_pwait,
    [__NR_epoll_pwait2] = syscall_epoll_pwait2,
    [__NR_epoll_wait] = syscall_epoll_wait,
    [__NR_eventfd] = syscall_eventfd,
    [__NR_eventfd2] = syscall_eventfd2,
    [__NR_execve] = syscall_execve,
    [__NR_execveat] = syscall_execveat,
    [__NR_exit] = syscall_exit,
    [__NR_exit_group] = syscall_exit_group,
    [__NR_faccessat] = syscall_faccessat,
    [__NR_faccessat2] = syscall_faccessat2,
    [__NR_fadvise64] = syscall_fadvise64,
    [__NR_fallocate] = syscall_fallocate,
    [__NR_fchdir] = syscall_fchdir,
    [__NR_fchmod] = syscall_fchmod,
    [__NR_fchmodat] = syscall_fchmodat,
    [__NR_fchown] = syscall_fchown,
    [__NR_fchownat] = syscall_fchownat,
    [__NR_fcntl] = syscall_fcntl,
    [__NR_fdatasync] = syscall_fsync,
    [__NR_fgetxattr] = syscall_fgetxattr,
    [__NR_finit_module] = syscall_refused,
    [__NR_flistxattr] = syscall_flistxattr,
    [__NR_flock] = syscall_flock,
    [__NR_fork] = syscall_fork,
    [__NR_fremovexattr] = syscall_fremovexattr,
    [__NR_fsconfig] = syscall_refused,
    [__NR_fsetxattr] = syscall_fsetxattr,
    [__NR_fsmount] = syscall_refused,
    [__NR_fsopen] = syscall_refused,
    [__NR_fspick] = syscall_refused,
    [__NR_fstat] = syscall_fstat,
    [__NR_fstatfs] = syscall_fstatfs,
    [__NR_fsync] = syscall_fsync,
    [__NR_ftruncate] = syscall_ftruncate,
    [__NR_futex] = syscall_futex,
    [__NR_futimesat] = syscall_futimesat,
    [__NR_get_robust_list] = syscall_get_robust_list,
    [__NR_getcpu] = syscall_getcpu,
    [__NR_getcwd] = syscall_getcwd,
    [__NR_getdents] = syscall_getdents,
    [__NR_getdents64] = syscall_getdents64,
    [__NR_getegid] = syscall_getegid,
    [__NR_geteuid] = syscall_geteuid,
    [__NR_getgid] = syscall_getgid,
    [__NR_getgroups] = syscall_getgroups,
    [__NR_getitimer] = syscall_getitimer,
    [__NR_getpeername] = syscall_getpeername,
    [__NR_getpgid] = syscall_getpgid,
    [__NR_getpgrp] = syscall_getpgrp,
    [__NR_getpid] = syscall_getpid,
    [__NR_getppid] = syscall_getppid,
    [__NR_getpriority] = syscall_getpriority,
    [__NR_getrandom] = do_getrandom,
    [__NR_getresgid] = syscall_getresgid,
    [__NR_getresuid] = syscall_getresuid,
    [__NR_getrlimit] = syscall_getrlimit,
    [__NR_getrusage] = syscall_getrusage,
    [__NR_getsid] = syscall_getsid,
    [__NR_getsockname] = syscall_getsockname,
    [__NR_getsockopt] = syscall_getsockopt,
    [__NR_gettid] = syscall_gettid,
    [__NR_gettimeofday] = do_gettimeofday,
    [__NR_getuid] = syscall_getuid,
    [__NR_getxattr] = syscall_getxattr,
    [__NR_init_module] = syscall_refused,
    [__NR_inotify_add_watch] = syscall_inotify_add_watch,
    [__NR_inotify_init] = syscall_inotify_init,
    [__NR_inotify_init1] = syscall_inotify_init1,
    [__NR_inotify_rm_watch] = syscall_inotify_rm_watch,
    [__NR_ioctl] = syscall_ioctl,
    [__NR_ioperm] = syscall_refused,
    [__NR_iopl] = syscall_refused,
    [__NR_ioprio_get] = syscall_ioprio_get,
    [__NR_ioprio_set] = syscall_ioprio_set,
    [__NR_kexec_file_load] = syscall_refused,
    [__NR_kexec_load] = syscall_refused,
    [__NR_kill] = syscall_kill,
    [__NR_lchown] = syscall_lchown,
    [__NR_lgetxattr] = syscall_lgetxattr,
    [__NR_link] = syscall_link,
    [__NR_linkat] = syscall_linkat,
    [__NR_listen] = syscall_listen,
    [__NR_listxattr] = syscall_listxattr,
    [__NR_llistxattr] = syscall_llistxattr,
    [__NR_lremovexattr] = syscall_lremovexattr,
    [__NR_lseek] = syscall_lseek,
    [__NR_lsetxattr] = syscall_lsetxattr,
    [__NR_lstat] = syscall_lstat,
    [__NR_madvise] = syscall_madvise,
    [__NR_membarrier] = syscall_membarrier,
    [__NR_memfd_create] = syscall_memfd_create,
    [__NR_mincore] = syscall_mincore,
    [__NR_mkdir] = syscall_mkdir,
    [__NR_mkdirat] = syscall_mkdirat,
    [__NR_mknod] = syscall_mknod,
    [__NR_mknodat] = syscall_mknodat,
    [__NR_mlock] = syscall_mlock,
    [__NR_mlock2] = syscall_mlock2,
    [__NR_mlockall] = syscall_mlockall,
    [__NR_mmap] = syscall_mmap,
    [__NR_mount] = syscall_refused,
    [__NR_mount_setattr] = syscall_refused,
    [__NR_move_mount] = syscall_refused,
    [__NR_mprotect] = syscall_mprotect,
    [__NR_mremap] = syscall_mremap,
    [__NR_msync] = syscall_msync,
    [__NR_munlock] = syscall_mlock,
    [__NR_munlockall] = syscall_munlockall,
    [__NR_munmap] = syscall_munmap,
    [__NR_nanosleep] = syscall_nanosleep,
    [__NR_newfstatat] = syscall_newfstatat,
    [__NR_open] = syscall_open,
    [__NR_open_by_handle_at] = syscall_refused,
    [__NR_open_tree] = syscall_refused,
    [__NR_openat] = syscall_openat,
    [__NR_openat2] = syscall_openat2,
    [__NR_pause] = syscall_pause,
    [__NR_perf_event_open] = syscall_refused,
    [__NR_personality] = syscall_personality,
    [__NR_pidfd_open] = syscall_pidfd_open,
    [__NR_pidfd_send_signal] = syscall_pidfd_send_signal,
    [__NR_pipe] = syscall_pipe,
    [__NR_pipe2] = syscall_pipe2,
    [__NR_pivot_root] = syscall_refused,
    [__NR_poll] = syscall_poll,
    [__NR_ppoll] = syscall_ppoll,
    [__NR_prctl] = syscall_prctl,
    [__NR_pread64] = syscall_pread64,
    [__NR_preadv] = syscall_preadv,
    [__NR_preadv2] = syscall_preadv2,
    [__NR_prlimit64] = syscall_prlimit64,
    [__NR_pselect6] = syscall_pselect6,
    [__NR_ptrace] = syscall_refused,
    [__NR_pwrite64] = syscall_pwrite64,
    [__NR_pwritev] = syscall_pwritev,
    [__NR_pwritev2] = syscall_pwritev2,
    [__NR_quotactl] = syscall_refused,
    [__NR_quotactl_fd] = syscall_refused,
    [__NR_read] = syscall_read,
    [__NR_readahead] = syscall_readahead,
    [__NR_readlink] = syscall_readlink,
    [__NR_readlinkat] = syscall_readlinkat,
    [__NR_readv] = syscall_readv,
    [__NR_reboot] = syscall_refused,
    [__NR_recvfrom] = syscall_recvfrom,
    [__NR_recvmmsg] = syscall_recvmmsg,
    [__NR_recvmsg] = syscall_recvmsg,
    [__NR_removexattr] = syscall_removexattr,
    [__NR_rename] = syscall_rename,
    [__NR_renameat] = syscall_renameat,
    [__NR_renameat2] = syscall_renameat2,
    [__NR_rmdir] = syscall_rmdir,
    [__NR_rseq] = do_not_there, /* libc does without */
    [__NR_rt_sigaction] = syscall_rt_sigaction,
    [__NR_rt_sigpending] = syscall_rt_sigpending,
    [__NR_rt_sigprocmask] = syscall_rt_sigprocmask,
    [__NR_rt_sigqueueinfo] = syscall_rt_sigqueueinfo,
    [__NR_rt_sigreturn] = syscall_rt_sigreturn,
    [__NR_rt_sigsuspend] = syscall_rt_sigsuspend,
    [__NR_rt_sigtimedwait] = syscall_rt_sigtimedwait,
    [__NR_rt_tgsigqueueinfo] = syscall_rt_tgsigqueueinfo,
    [__NR_sched_get_priority_max] = syscall_sched_get_priority_max,
    [__NR_sched_get_priority_min] = syscall_sched_get_priority_min,
    [__NR_sched_getaffinity] = syscall_sched_getaffinity,
    [__NR_sched_getattr] = syscall_sched_getattr,
    [__NR_sched_getparam] = syscall_sched_getparam,
    [__NR_sched_getscheduler] = syscall_sched_getscheduler,
    [__NR_sched_rr_get_interval] = syscall_sched_rr_get_interval,
    [__NR_sched_setaffinity] = syscall_sched_setaffinity,
    [__NR_sched_setattr] = syscall_sched_setattr,
    [__NR_sched_setparam] = syscall_sched_setparam,
    [__NR_sched_setscheduler] = syscall_sched_setscheduler,
    [__NR_sched_yield] = syscall_sched_yield,
    [__NR_select] = syscall_select,
    [__NR_semctl] = syscall_semctl,
    [__NR_semget] = syscall_semget,
    [__NR_semop] = syscall_semop,
    [__NR_semtimedop] = syscall_semtimedop,
    [__NR_sendfile] = syscall_sendfile,
    [__NR_sendmmsg] = syscall_sendmmsg,
    [__NR_sendmsg] = syscall_sendmsg,
    [__NR_sendto] = syscall_sendto,
    [__NR_set_robust_list] = syscall_set_robust_list,
    [__NR_set_tid_address] = syscall_set_tid_address,
    [__NR_setdomainname] = syscall_refused,
    [__NR_setfsgid] = syscall_setfsgid,
    [__NR_setfsuid] = syscall_setfsuid,
    [__NR_setgid] = syscall_setgid,
    [__NR_setgroups] = syscall_setgroups,
    [__NR_sethostname] = syscall_refused,
    [__NR_setitimer] = syscall_setitimer,
    [__NR_setns] = syscall_refused,
    [__NR_setpgid] = syscall_setpgid,
    [__NR_setpriority] = syscall_setpriority,
    [__NR_setregid] = syscall_setregid,
    [__NR_setresgid] = syscall_setresgid,
    [__NR_setresuid] = syscall_setresuid,
    [__NR_setreuid] = syscall_setreuid,
    [__NR_setrlimit] = syscall_setrlimit,
    [__NR_setsid] = syscall_setsid,
    [__NR_setsockopt] = syscall_setsockopt,
    [__NR_settimeofday] = syscall_refused,
    [__NR_setuid] = syscall_setuid,
    [__NR_setxattr] = syscall_setxattr,
    [__NR_shmat] = syscall_shmat,
    [__NR_shmctl] = syscall_shmctl,
    [__NR_shmdt] = syscall_shmdt,
    [__NR_shmget] = syscall_shmget,
    [__NR_shutdown] = syscall_shutdown,
    [__NR_sigaltstack] = syscall_sigaltstack,
    [__NR_signalfd] = syscall_signalfd,
    [__NR_signalfd4] = syscall_signalfd4,
    [__NR_socket] = syscall_socket,
    [__NR_socketpair] = syscall_socketpair,
    [__NR_splice] = syscall_splice,
    [__NR_stat] = syscall_stat,
    [__NR_statfs] = syscall_statfs,
    [__NR_statx] = syscall_statx,
    [__NR_swapoff] = syscall_refused,
    [__NR_swapon] = syscall_refused,
    [__NR_symlink] = syscall_symlink,
    [__NR_symlinkat] = syscall_symlinkat,
    [__NR_sync] = do_zero,
    [__NR_sync_file_range] = syscall_fsync, /* likewise */
    [__NR_syncfs] = syscall_syncfs,
    [__NR_sysinfo] = syscall_sysinfo,
    [__NR_syslog] = syscall_refused,
    [__NR_tgkill] = syscall_tgkill,
    [__NR_time] = do_time,
    [__NR_timer_create] = syscall_timer_create,
    [__NR_timer_delete] = syscall_timer_delete,
    [__NR_timer_getoverrun] = syscall_timer_getoverrun,
    [__NR_timer_gettime] = syscall_timer_gettime,
    [__NR_timer_settime] = syscall_timer_settime,
    [__NR_timerfd_create] = syscall_timerfd_create,
    [__NR_timerfd_gettime] = syscall_timerfd_gettime,
    [__NR_timerfd_settime] = syscall_timerfd_settime,
    [__NR_times] = syscall_times,
    [__NR_tkill] = syscall_tkill,
    [__NR_truncate] = syscall_truncate,
    [__NR_umask] = syscall_umask,
    [__NR_umount2] = syscall_refused,
    [__NR_uname] = do_uname,
    [__NR_unlink] = syscall_unlink,
    [__NR_unlinkat] = syscall_unlinkat,
    [__NR_unshare] = syscall_unshare,
    [__NR_userfaultfd] = syscall_refused,
    [__NR_utime] = syscall_utime,
    [__NR_utimensat] = syscall_utimensat,
    [__NR_utimes] = syscall_utimes,
    [__NR_vfork] = syscall_vfork,
    [__NR_vhangup] = syscall_refused,
    [__NR_wait4] = syscall_wait4,
    [__NR_waitid] = syscall_waitid,
    [__NR_write] = syscall_write,
    [__NR_writev] = syscall_writev,
};

static const char *const names[SYSCALLS_MAX] = {
#include "enclave/libos/calls/syscall_names.inc"
};

const char *syscall_name(uint64_t number)
{
    return number < SYSCALLS_MAX && names[number] ? names[number] : "a number without a name";
}

static bool is_logged[SYSCALLS_MAX];

static uint64_t answer_unknown(uint64_t number)
{
    if (number >= SYSCALLS_MAX) {
        log_number("ENOSYS: a system call that Linux does not have: ", number);
    } else if (!is_logged[number]) {
        is_logged[number] = true;
        log_line("ENOSYS: ", syscall_name(number));
    }
    return SYSCALL_ERROR(ENOSYS);
}

static uint64_t make_call(struct program_frame *frame)
{
    uint64_t number = frame->rax;
    if (number >= SYSCALLS_MAX || !table[number])
        return answer_unknown(number);
    return table[number](frame);
}

uint64_t mirror_make_call(struct program_frame *frame)
{
    syscall_fn *own = own_call(frame->rax);
    return own ? own(frame) : make_call(frame);
}

static uint64_t call_as_it_is(struct program_frame *frame)
{
    if (frame->rax != __NR_mmap)
        late_fill();
    if (remote_carries(frame))
        return remote_call(frame);
    return make_call(frame);
}

static uint64_t call(struct program_frame *frame)
{
    return persona_is_forked() ? syscall_forked(frame, call_as_it_is) : call_as_it_is(frame);
}

void syscall_answer(struct program_frame *frame)
{
    if (frame->rax == __NR_clock_gettime && quick_clock(frame))
        return;
    lock_take();
    do {
        frame->number = frame->rax;
        frame->rax = call(frame);
    } while (deliver_signals(frame));
    lock_release();
    deliver_look_again();
}

void syscall_begin(const struct program *program)
{
    file_changed = wait_files_changed;
    brk_begin(program->heap);
}
