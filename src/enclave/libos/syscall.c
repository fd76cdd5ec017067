#include "enclave/libos/syscall.h"

#include <asm/errno.h>
#include <asm/prctl.h>
#include <asm/stat.h>
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/uio.h>
#include <linux/utsname.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/memory.h"

#define SYSCALLS_MAX  512
#define IOV_MAX       1024
#define RANDOM_MAX    (UINT64_C(1) << 20) /* bytes that one call gives */
#define NANOSECONDS   UINT64_C(1000000000)
#define PROCESS       1
#define ADDRESS_LIMIT (UINT64_C(1) << 47)
#define FAULTY        SYSCALL_ERROR(EFAULT)
#define STREAM_MODE   0010600 /* S_IFIFO, read and written by its owner */

typedef uint64_t syscall_fn(struct program_frame *frame);

static bool can_read(uint64_t at, uint64_t size)
{
    return memory_allows(at, size, MEMORY_READ);
}

static bool can_write(uint64_t at, uint64_t size)
{
    return memory_allows(at, size, MEMORY_READ | MEMORY_WRITE);
}

/* --- streams ---------------------------------------------------------------------------------- */

static uint64_t write_bytes(uint64_t stream, uint64_t at, uint64_t size)
{
    uint64_t done = 0;
    if (stream != 1 && stream != 2)
        return SYSCALL_ERROR(EBADF);
    if (!can_read(at, size))
        return FAULTY;
    while (done < size) {
        int64_t taken = door_write((int)stream, (const void *)(at + done), size - done);
        if (taken <= 0)
            return done > 0 ? done : (uint64_t)taken;
        done += (uint64_t)taken;
    }
    return done;
}

static uint64_t do_write(struct program_frame *frame)
{
    return write_bytes(frame->rdi, frame->rsi, frame->rdx);
}

static uint64_t do_read(struct program_frame *frame)
{
    if (frame->rdi != 0)
        return SYSCALL_ERROR(EBADF);
    if (!can_write(frame->rsi, frame->rdx))
        return FAULTY;
    return (uint64_t)door_read((void *)frame->rsi, frame->rdx);
}

static uint64_t do_writev(struct program_frame *frame)
{
    const struct iovec *parts = (const struct iovec *)frame->rsi;
    uint64_t done = 0;
    if (frame->rdx > IOV_MAX)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, frame->rdx * sizeof *parts))
        return FAULTY;
    for (uint64_t i = 0; i < frame->rdx; i++) {
        struct iovec part = parts[i];
        uint64_t taken = write_bytes(frame->rdi, (uint64_t)part.iov_base, part.iov_len);
        if ((int64_t)taken < 0)
            return done > 0 ? done : taken;
        done += taken;
        if (taken < part.iov_len)
            break;
    }
    return done;
}

/* The streams are pipes as far as a program can tell. */
static uint64_t tell_stream(uint64_t stream, uint64_t out)
{
    struct stat stat = {.st_mode = STREAM_MODE, .st_nlink = 1, .st_blksize = MEMORY_PAGE};
    if (stream > 2)
        return SYSCALL_ERROR(EBADF);
    if (!can_write(out, sizeof stat))
        return FAULTY;
    stat.st_ino = stream + 1;
    __builtin_memcpy((void *)out, &stat, sizeof stat);
    return 0;
}

static uint64_t do_fstat(struct program_frame *frame)
{
    return tell_stream(frame->rdi, frame->rsi);
}

static uint64_t do_newfstatat(struct program_frame *frame)
{
    if (!can_read(frame->rsi, 1))
        return FAULTY;
    if (*(const char *)frame->rsi != '\0' || !(frame->r10 & AT_EMPTY_PATH))
        return SYSCALL_ERROR(ENOENT);
    return tell_stream(frame->rdi, frame->rdx);
}

static uint64_t do_ioctl(struct program_frame *frame)
{
    return frame->rdi > 2 ? SYSCALL_ERROR(EBADF) : SYSCALL_ERROR(ENOTTY);
}

/* There are no files yet. */
static uint64_t do_no_file(struct program_frame *frame)
{
    (void)frame;
    return SYSCALL_ERROR(ENOENT);
}

/* --- the process ------------------------------------------------------------------------------ */

static uint64_t do_exit(struct program_frame *frame)
{
    program_end(frame->rdi & DOOR_CODE);
}

static uint64_t do_process(struct program_frame *frame)
{
    (void)frame;
    return PROCESS;
}

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
        return FAULTY;
    *(uint64_t *)frame->rsi = program_get_fs();
    return 0;
}

static uint64_t do_uname(struct program_frame *frame)
{
    static const struct new_utsname name = {.sysname = "Linux",
                                            .nodename = "caisson",
                                            .release = "6.12.0-caisson",
                                            .version = "caisson library OS",
                                            .machine = "x86_64",
                                            .domainname = "(none)"};
    if (!can_write(frame->rdi, sizeof name))
        return FAULTY;
    __builtin_memcpy((void *)frame->rdi, &name, sizeof name);
    return 0;
}

static uint64_t do_prlimit64(struct program_frame *frame)
{
    const struct rlimit64 stack = {PROGRAM_STACK_SIZE, PROGRAM_STACK_SIZE};
    const struct rlimit64 unlimited = {RLIM64_INFINITY, RLIM64_INFINITY};
    if (frame->rdi > PROCESS)
        return SYSCALL_ERROR(ESRCH);
    if (frame->rsi >= RLIM_NLIMITS)
        return SYSCALL_ERROR(EINVAL);
    if (frame->rdx != 0)
        return SYSCALL_ERROR(EPERM);
    if (frame->r10 == 0)
        return 0;
    if (!can_write(frame->r10, sizeof stack))
        return FAULTY;
    *(struct rlimit64 *)frame->r10 = frame->rsi == RLIMIT_STACK ? stack : unlimited;
    return 0;
}

static uint64_t do_getrandom(struct program_frame *frame)
{
    uint64_t size = frame->rsi < RANDOM_MAX ? frame->rsi : RANDOM_MAX;
    if (frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rdi, size))
        return FAULTY;
    return enclave_random((void *)frame->rdi, size) ? size : SYSCALL_ERROR(EIO);
}

static uint64_t do_clock_gettime(struct program_frame *frame)
{
    struct __kernel_timespec *out = (struct __kernel_timespec *)frame->rsi;
    bool is_real = frame->rdi == CLOCK_REALTIME || frame->rdi == CLOCK_REALTIME_COARSE;
    if (!is_real && frame->rdi != CLOCK_MONOTONIC && frame->rdi != CLOCK_MONOTONIC_COARSE &&
        frame->rdi != CLOCK_MONOTONIC_RAW && frame->rdi != CLOCK_BOOTTIME)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(frame->rsi, sizeof *out))
        return FAULTY;
    uint64_t now = door_clock(is_real ? DOOR_CLOCK_REAL : DOOR_CLOCK_MONOTONIC);
    *out = (struct __kernel_timespec){(int64_t)(now / NANOSECONDS), (int64_t)(now % NANOSECONDS)};
    return 0;
}

static uint64_t do_time(struct program_frame *frame)
{
    uint64_t now = door_clock(DOOR_CLOCK_REAL) / NANOSECONDS;
    if (frame->rdi != 0 && !can_write(frame->rdi, sizeof now))
        return FAULTY;
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
    [__NR_arch_prctl] = do_arch_prctl,
    [__NR_brk] = syscall_brk,
    [__NR_clock_gettime] = do_clock_gettime,
    [__NR_exit] = do_exit,
    [__NR_exit_group] = do_exit,
    [__NR_fstat] = do_fstat,
    [__NR_getegid] = do_zero,
    [__NR_geteuid] = do_zero,
    [__NR_getgid] = do_zero,
    [__NR_getpid] = do_process,
    [__NR_getppid] = do_zero,
    [__NR_getrandom] = do_getrandom,
    [__NR_gettid] = do_process,
    [__NR_getuid] = do_zero,
    [__NR_ioctl] = do_ioctl,
    [__NR_mmap] = syscall_mmap,
    [__NR_mprotect] = syscall_mprotect,
    [__NR_munmap] = syscall_munmap,
    [__NR_newfstatat] = do_newfstatat,
    [__NR_open] = do_no_file,
    [__NR_openat] = do_no_file,
    [__NR_prlimit64] = do_prlimit64,
    [__NR_read] = do_read,
    [__NR_readlink] = do_no_file,
    [__NR_readlinkat] = do_no_file,
    [__NR_rseq] = do_not_there,          /* libc does without */
    [__NR_sched_yield] = do_zero,        /* one thread */
    [__NR_set_robust_list] = do_zero,    /* one thread, whose locks die with it */
    [__NR_set_tid_address] = do_process, /* likewise: nobody waits for its end */
    [__NR_time] = do_time,
    [__NR_uname] = do_uname,
    [__NR_write] = do_write,
    [__NR_writev] = do_writev,
};

static const char *const names[SYSCALLS_MAX] = {
#include "enclave/libos/syscall_names.inc"
};

static bool is_logged[SYSCALLS_MAX];

static uint64_t answer_unknown(uint64_t number)
{
    if (number >= SYSCALLS_MAX) {
        log_number("ENOSYS: a system call that Linux does not have: ", number);
    } else if (!is_logged[number]) {
        is_logged[number] = true;
        log_line("ENOSYS: ", names[number] ? names[number] : "a number without a name");
    }
    return SYSCALL_ERROR(ENOSYS);
}

uint64_t syscall_answer(struct program_frame *frame)
{
    uint64_t number = frame->rax;
    if (number >= SYSCALLS_MAX || !table[number])
        return answer_unknown(number);
    return table[number](frame);
}

void syscall_begin(const struct program *program)
{
    syscall_begin_memory(program->heap);
}
