/* What inodes, and file systems, say of themselves. */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/vfs.h"

#define BLOCK        4096 /* bytes that are best read at once */
#define STATFS_VALID 0x20 /* ST_VALID: statfs(2), f_flags are filled in */

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

/* --- file systems ----------------------------------------------------------------------------- */

static uint64_t give_statfs(const struct file_system_stat *from, uint64_t out)
{
    const struct statfs all = {
        .f_type = from->magic,
        .f_bsize = BLOCK,
        .f_blocks = (long)from->blocks,
        .f_bfree = (long)from->free_blocks,
        .f_bavail = (long)from->free_blocks,
        .f_files = (long)from->files,
        .f_ffree = (long)from->free_files,
        .f_namelen = EXT4_NAME_MAX,
        .f_frsize = BLOCK,
        .f_flags = STATFS_VALID | from->flags,
    };
    if (!can_write(out, sizeof all))
        return SYSCALL_FAULT;
    memcpy((void *)out, &all, sizeof all);
    return 0;
}

uint64_t syscall_statfs(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    struct file_system_stat all = {0};
    int status = syscall_path(frame->rdi, text);
    if (status == 0)
        status = vfs_statfs(syscall_files(), AT_FDCWD, text, 0, &all);
    return status < 0 ? (uint64_t)status : give_statfs(&all, frame->rsi);
}

uint64_t syscall_fstatfs(struct program_frame *frame)
{
    struct file_system_stat all = {0};
    int status = vfs_statfs(syscall_files(), (int)frame->rdi, "", AT_EMPTY_PATH, &all);
    return status < 0 ? (uint64_t)status : give_statfs(&all, frame->rsi);
}
