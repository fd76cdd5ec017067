/* What inodes are told of themselves. */
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/utime.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/vfs.h"

#define HERE         ((uint64_t)AT_FDCWD)
#define MICROSECONDS 1000000 /* of a second */

static uint64_t change_mode(uint64_t at, uint64_t path, uint64_t mode, uint64_t flags)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_chmod(syscall_files(), (int)at, text, (uint16_t)(mode & 07777),
                               (unsigned)flags);
}

uint64_t syscall_chmod(struct program_frame *frame)
{
    return change_mode(HERE, frame->rdi, frame->rsi, 0);
}

uint64_t syscall_fchmodat(struct program_frame *frame)
{
    return change_mode(frame->rdi, frame->rsi, frame->rdx, 0);
}

uint64_t syscall_fchmod(struct program_frame *frame)
{
    const struct file *file = syscall_file(frame->rdi);
    if (!file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    return (uint64_t)vfs_chmod(syscall_files(), (int)frame->rdi, "", (uint16_t)(frame->rsi & 07777),
                               AT_EMPTY_PATH);
}

uint64_t syscall_truncate(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(frame->rdi, text);
    return (uint64_t)(status < 0 ? status : vfs_truncate(syscall_files(), text, frame->rsi));
}

static int take_times(uint64_t at, struct file_time out[2])
{
    struct __kernel_timespec times[2];
    if (!can_read(at, sizeof times))
        return -EFAULT;
    memcpy(times, (const void *)at, sizeof times);
    for (int i = 0; i < 2; i++) {
        if (times[i].tv_nsec < 0 || times[i].tv_nsec > UINT32_MAX)
            return -EINVAL;
        out[i] = (struct file_time){times[i].tv_sec, (uint32_t)times[i].tv_nsec};
    }
    return 0;
}

/* Without a path, the open file itself. */
uint64_t syscall_utimensat(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX] = "";
    struct file_time times[2];
    unsigned flags = (unsigned)frame->r10 | (frame->rsi == 0 ? AT_EMPTY_PATH : 0);
    int status = frame->rsi == 0 ? 0 : syscall_path(frame->rsi, text);
    if (status == 0 && frame->rdx != 0)
        status = take_times(frame->rdx, times);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_utimens(syscall_files(), (int)frame->rdi, text,
                                 frame->rdx != 0 ? times : NULL, flags);
}

/* utime(2), utimes(2) and futimesat(2): whole seconds, or microseconds. */
static uint64_t set_times(uint64_t at, uint64_t path, const struct file_time *times)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_utimens(syscall_files(), (int)at, text, times, 0);
}

uint64_t syscall_utime(struct program_frame *frame)
{
    struct utimbuf given;
    if (frame->rsi == 0)
        return set_times(HERE, frame->rdi, NULL);
    if (!can_read(frame->rsi, sizeof given))
        return SYSCALL_FAULT;
    memcpy(&given, (const void *)frame->rsi, sizeof given);
    const struct file_time times[2] = {{given.actime, 0}, {given.modtime, 0}};
    return set_times(HERE, frame->rdi, times);
}

static uint64_t set_microseconds(uint64_t at, uint64_t path, uint64_t given)
{
    struct __kernel_old_timeval values[2];
    struct file_time times[2];
    if (given == 0)
        return set_times(at, path, NULL);
    if (!can_read(given, sizeof values))
        return SYSCALL_FAULT;
    memcpy(values, (const void *)given, sizeof values);
    for (int i = 0; i < 2; i++) {
        if (values[i].tv_usec < 0 || values[i].tv_usec >= MICROSECONDS)
            return SYSCALL_ERROR(EINVAL);
        times[i] = (struct file_time){values[i].tv_sec, (uint32_t)values[i].tv_usec * 1000};
    }
    return set_times(at, path, times);
}

uint64_t syscall_utimes(struct program_frame *frame)
{
    return set_microseconds(HERE, frame->rdi, frame->rsi);
}

uint64_t syscall_futimesat(struct program_frame *frame)
{
    return set_microseconds(frame->rdi, frame->rsi, frame->rdx);
}

/* --- owners ----------------------------------------------------------------------------------- */

static uint64_t change_owner(uint64_t at, uint64_t path, uint64_t uid, uint64_t gid, uint64_t flags)
{
    char text[SYSCALL_PATH_MAX];
    if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return SYSCALL_ERROR(EINVAL);
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_chown(syscall_files(), (int)at, text, (uint32_t)uid, (uint32_t)gid,
                               (unsigned)flags);
}

uint64_t syscall_chown(struct program_frame *frame)
{
    return change_owner(HERE, frame->rdi, frame->rsi, frame->rdx, 0);
}

uint64_t syscall_lchown(struct program_frame *frame)
{
    return change_owner(HERE, frame->rdi, frame->rsi, frame->rdx, AT_SYMLINK_NOFOLLOW);
}

uint64_t syscall_fchownat(struct program_frame *frame)
{
    return change_owner(frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8);
}

uint64_t syscall_fchown(struct program_frame *frame)
{
    const struct file *file = syscall_file(frame->rdi);
    if (!file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    return (uint64_t)vfs_chown(syscall_files(), (int)frame->rdi, "", (uint32_t)frame->rsi,
                               (uint32_t)frame->rdx, AT_EMPTY_PATH);
}
