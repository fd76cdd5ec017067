/* System calls on paths. */
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/vfs.h"

#define HERE ((uint64_t)AT_FDCWD)

int syscall_path(uint64_t at, char out[SYSCALL_PATH_MAX])
{
    for (size_t i = 0; i < SYSCALL_PATH_MAX; i++) {
        if ((i == 0 || (at + i) % MEMORY_PAGE == 0) && !can_read(at + i, 1))
            return -EFAULT;
        out[i] = *(const char *)(at + i);
        if (out[i] == 0)
            return 0;
    }
    return -ENAMETOOLONG;
}

/* Of a named pipe: until the other side is there. */
static int wait_for_other(int number)
{
    struct file *file = number >= 0 ? syscall_file((uint64_t)number) : NULL;
    int status = 0;
    if (!file || !pipe_awaits_other(file))
        return number;
    file_get(file);
    while (status == 0 && pipe_awaits_other(file))
        status = syscall_wait_for(file, 0, DOOR_FOREVER);
    if (status < 0 && syscall_file((uint64_t)number) == file)
        (void)file_close(&syscall_files()->files, number);
    file_put(file);
    return status < 0 ? status : number;
}

static uint64_t open_at(uint64_t at, uint64_t path, uint64_t flags, uint64_t mode)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)wait_for_other(
        vfs_open(syscall_files(), (int)at, text, (unsigned)flags, (uint16_t)(mode & 07777), 0));
}

uint64_t syscall_open(struct program_frame *frame)
{
    return open_at(HERE, frame->rdi, frame->rsi, frame->rdx);
}

uint64_t syscall_openat(struct program_frame *frame)
{
    return open_at(frame->rdi, frame->rsi, frame->rdx, frame->r10);
}

uint64_t syscall_creat(struct program_frame *frame)
{
    return open_at(HERE, frame->rdi, O_CREAT | O_WRONLY | O_TRUNC, frame->rsi);
}

uint64_t syscall_openat2(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    struct open_how how;
    if (frame->r10 != sizeof how) /* the only size that there is; a larger one would say more */
        return frame->r10 < sizeof how ? SYSCALL_ERROR(EINVAL) : SYSCALL_ERROR(E2BIG);
    if (!can_read(frame->rdx, sizeof how))
        return SYSCALL_FAULT;
    memcpy(&how, (const void *)frame->rdx, sizeof how);
    if (how.flags > UINT32_MAX || how.mode > 07777 || (how.mode != 0 && !(how.flags & O_CREAT)))
        return SYSCALL_ERROR(EINVAL);
    int status = syscall_path(frame->rsi, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)wait_for_other(vfs_open(syscall_files(), (int)frame->rdi, text,
                                             (unsigned)how.flags, (uint16_t)how.mode, how.resolve));
}

static uint64_t access_at(uint64_t at, uint64_t path, uint64_t wanted, uint64_t flags)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_access(syscall_files(), (int)at, text, (unsigned)wanted, (unsigned)flags);
}

uint64_t syscall_access(struct program_frame *frame)
{
    return access_at(HERE, frame->rdi, frame->rsi, 0);
}

uint64_t syscall_faccessat(struct program_frame *frame)
{
    return access_at(frame->rdi, frame->rsi, frame->rdx, 0);
}

uint64_t syscall_faccessat2(struct program_frame *frame)
{
    return access_at(frame->rdi, frame->rsi, frame->rdx, frame->r10);
}

static uint64_t read_link_at(uint64_t at, uint64_t path, uint64_t out, uint64_t size)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    if ((int)size <= 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(out, (uint32_t)size))
        return SYSCALL_FAULT;
    return (uint64_t)vfs_read_link(syscall_files(), (int)at, text, (char *)out, (uint32_t)size);
}

uint64_t syscall_readlink(struct program_frame *frame)
{
    return read_link_at(HERE, frame->rdi, frame->rsi, frame->rdx);
}

uint64_t syscall_readlinkat(struct program_frame *frame)
{
    return read_link_at(frame->rdi, frame->rsi, frame->rdx, frame->r10);
}

/* --- where the program stands ----------------------------------------------------------------- */

uint64_t syscall_getcwd(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    int size = vfs_getcwd(syscall_files(), text, sizeof text);
    if (size < 0)
        return (uint64_t)size;
    if ((uint64_t)size > frame->rsi)
        return SYSCALL_ERROR(ERANGE);
    if (!can_write(frame->rdi, (uint64_t)size))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rdi, text, (size_t)size);
    return (uint64_t)size;
}

uint64_t syscall_chdir(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(frame->rdi, text);
    return (uint64_t)(status < 0 ? status : vfs_chdir(syscall_files(), text));
}

uint64_t syscall_fchdir(struct program_frame *frame)
{
    return (uint64_t)vfs_fchdir(syscall_files(), (int)frame->rdi);
}

uint64_t syscall_chroot(struct program_frame *frame)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(frame->rdi, text);
    return (uint64_t)(status < 0 ? status : vfs_chroot(syscall_files(), text));
}

uint64_t syscall_umask(struct program_frame *frame)
{
    return vfs_umask(syscall_files(), (uint16_t)(frame->rdi & 0777));
}

/* --- names ------------------------------------------------------------------------------------ */

static uint64_t make_directory(uint64_t at, uint64_t path, uint64_t mode)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_mkdir(syscall_files(), (int)at, text, (uint16_t)(mode & 07777));
}

uint64_t syscall_mkdir(struct program_frame *frame)
{
    return make_directory(HERE, frame->rdi, frame->rsi);
}

uint64_t syscall_mkdirat(struct program_frame *frame)
{
    return make_directory(frame->rdi, frame->rsi, frame->rdx);
}

/* makedev(3): eight bits of the minor number, twelve of the major, the rest of both. */
static uint64_t make_node(uint64_t at, uint64_t path, uint64_t mode, uint64_t device)
{
    char text[SYSCALL_PATH_MAX];
    uint32_t major = (uint32_t)(device >> 8 & 0xFFF), minor = (uint32_t)(device & 0xFF);
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    minor |= (uint32_t)(device >> 12) & 0xFFF00;
    return (uint64_t)vfs_mknod(syscall_files(), (int)at, text, (uint16_t)mode, major, minor);
}

uint64_t syscall_mknod(struct program_frame *frame)
{
    return make_node(HERE, frame->rdi, frame->rsi, frame->rdx);
}

uint64_t syscall_mknodat(struct program_frame *frame)
{
    return make_node(frame->rdi, frame->rsi, frame->rdx, frame->r10);
}

static uint64_t unlink_at(uint64_t at, uint64_t path, uint64_t flags)
{
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_unlink(syscall_files(), (int)at, text, (unsigned)flags);
}

uint64_t syscall_unlink(struct program_frame *frame)
{
    return unlink_at(HERE, frame->rdi, 0);
}

uint64_t syscall_unlinkat(struct program_frame *frame)
{
    return unlink_at(frame->rdi, frame->rsi, frame->rdx);
}

uint64_t syscall_rmdir(struct program_frame *frame)
{
    return unlink_at(HERE, frame->rdi, AT_REMOVEDIR);
}

/* Two paths and flags: rename and link. */
typedef int pair_fn(struct vfs *vfs, int at, const char *path, int to, const char *new_path,
                    unsigned flags);

static uint64_t with_pair(pair_fn *call, const uint64_t from[2], const uint64_t to[2],
                          uint64_t flags)
{
    char old_path[SYSCALL_PATH_MAX];
    char new_path[SYSCALL_PATH_MAX];
    int status = syscall_path(from[1], old_path);
    if (status == 0)
        status = syscall_path(to[1], new_path);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)call(syscall_files(), (int)from[0], old_path, (int)to[0], new_path,
                          (unsigned)flags);
}

uint64_t syscall_rename(struct program_frame *frame)
{
    return with_pair(vfs_rename, (uint64_t[]){HERE, frame->rdi}, (uint64_t[]){HERE, frame->rsi}, 0);
}

uint64_t syscall_renameat(struct program_frame *frame)
{
    return with_pair(vfs_rename, (uint64_t[]){frame->rdi, frame->rsi},
                     (uint64_t[]){frame->rdx, frame->r10}, 0);
}

uint64_t syscall_renameat2(struct program_frame *frame)
{
    return with_pair(vfs_rename, (uint64_t[]){frame->rdi, frame->rsi},
                     (uint64_t[]){frame->rdx, frame->r10}, frame->r8);
}

uint64_t syscall_link(struct program_frame *frame)
{
    return with_pair(vfs_link, (uint64_t[]){HERE, frame->rdi}, (uint64_t[]){HERE, frame->rsi}, 0);
}

uint64_t syscall_linkat(struct program_frame *frame)
{
    return with_pair(vfs_link, (uint64_t[]){frame->rdi, frame->rsi},
                     (uint64_t[]){frame->rdx, frame->r10}, frame->r8);
}

static uint64_t symlink_at(uint64_t target, uint64_t at, uint64_t path)
{
    char target_text[SYSCALL_PATH_MAX];
    char text[SYSCALL_PATH_MAX];
    int status = syscall_path(target, target_text);
    if (status == 0)
        status = syscall_path(path, text);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_symlink(syscall_files(), target_text, (int)at, text);
}

uint64_t syscall_symlink(struct program_frame *frame)
{
    return symlink_at(frame->rdi, HERE, frame->rsi);
}

uint64_t syscall_symlinkat(struct program_frame *frame)
{
    return symlink_at(frame->rdi, frame->rsi, frame->rdx);
}
