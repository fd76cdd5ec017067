/* What inodes say, and are told, of themselves. */
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/syscall_parts.h"
#include "enclave/libos/vfs.h"

#define BLOCK 4096 /* bytes that are best read at once */

/* How stat(2) writes a device's two numbers as one. */
static uint64_t device_of(uint32_t major, uint32_t minor)
{
    return (minor & 0xFF) | (uint64_t)major << 8 | (uint64_t)(minor & ~0xFFU) << 12;
}

static uint64_t give_stat(const struct file_stat *from, uint64_t out)
{
    const struct stat stat = {
        .st_dev = from->device,
        .st_ino = from->inode,
        .st_nlink = from->links,
        .st_mode = from->mode,
        .st_uid = from->uid,
        .st_gid = from->gid,
        .st_rdev = device_of(from->major, from->minor),
        .st_size = (long)from->size,
        .st_blksize = BLOCK,
        .st_blocks = (long)from->blocks,
        .st_atime = (uint64_t)from->atime.sec,
        .st_atime_nsec = from->atime.nsec,
        .st_mtime = (uint64_t)from->mtime.sec,
        .st_mtime_nsec = from->mtime.nsec,
        .st_ctime = (uint64_t)from->ctime.sec,
        .st_ctime_nsec = from->ctime.nsec,
    };
    if (!can_write(out, sizeof stat))
        return SYSCALL_FAULT;
    memcpy((void *)out, &stat, sizeof stat);
    return 0;
}

static int find(uint64_t at, uint64_t path, uint64_t flags, struct file_stat *out)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    return status < 0 ? status : vfs_stat(syscall_files(), (int)at, text, (unsigned)flags, out);
}

static uint64_t stat_at(uint64_t at, uint64_t path, uint64_t flags, uint64_t out)
{
    struct file_stat stat;
    int status = find(at, path, flags, &stat);
    return status < 0 ? (uint64_t)status : give_stat(&stat, out);
}

uint64_t syscall_stat(struct program_frame *frame)
{
    return stat_at((uint64_t)AT_FDCWD, frame->rdi, 0, frame->rsi);
}

uint64_t syscall_lstat(struct program_frame *frame)
{
    return stat_at((uint64_t)AT_FDCWD, frame->rdi, AT_SYMLINK_NOFOLLOW, frame->rsi);
}

uint64_t syscall_newfstatat(struct program_frame *frame)
{
    return stat_at(frame->rdi, frame->rsi, frame->r10, frame->rdx);
}

uint64_t syscall_fstat(struct program_frame *frame)
{
    struct file_stat stat;
    if (!syscall_file(frame->rdi))
        return SYSCALL_ERROR(EBADF);
    int status = vfs_stat(syscall_files(), (int)frame->rdi, "", AT_EMPTY_PATH, &stat);
    return status < 0 ? (uint64_t)status : give_stat(&stat, frame->rsi);
}

static struct statx_timestamp timestamp(struct file_time time)
{
    return (struct statx_timestamp){.tv_sec = time.sec, .tv_nsec = time.nsec};
}

static void fill_statx(const struct file_stat *from, struct statx *out)
{
    *out = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = BLOCK,
        .stx_nlink = from->links,
        .stx_uid = from->uid,
        .stx_gid = from->gid,
        .stx_mode = from->mode,
        .stx_ino = from->inode,
        .stx_size = from->size,
        .stx_blocks = from->blocks,
        .stx_atime = timestamp(from->atime),
        .stx_ctime = timestamp(from->ctime),
        .stx_mtime = timestamp(from->mtime),
        .stx_rdev_major = from->major,
        .stx_rdev_minor = from->minor,
        .stx_dev_major = from->device >> 8,
        .stx_dev_minor = from->device & 0xFF,
    };
}

uint64_t syscall_statx(struct program_frame *frame)
{
    const uint64_t ways = AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC;
    struct file_stat stat;
    struct statx all;
    if ((frame->rdx & ways) == ways || frame->r10 & STATX__RESERVED)
        return SYSCALL_ERROR(EINVAL);
    int status = find(frame->rdi, frame->rsi, frame->rdx & ~ways, &stat);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->r8, sizeof all))
        return SYSCALL_FAULT;
    fill_statx(&stat, &all);
    memcpy((void *)frame->r8, &all, sizeof all);
    return 0;
}

/* --- changes ---------------------------------------------------------------------------------- */

static uint64_t change_mode(uint64_t at, uint64_t path, uint64_t mode)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_chmod(syscall_files(), (int)at, text, (uint16_t)(mode & 07777), 0);
}

uint64_t syscall_chmod(struct program_frame *frame)
{
    return change_mode((uint64_t)AT_FDCWD, frame->rdi, frame->rsi);
}

uint64_t syscall_fchmodat(struct program_frame *frame)
{
    return change_mode(frame->rdi, frame->rsi, frame->rdx);
}

uint64_t syscall_fchmod(struct program_frame *frame)
{
    if (!syscall_file(frame->rdi))
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
