/* System calls of inotify(7). */
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/notify_file.h"
#include "enclave/libos/files/walk.h"

#define MASK_KNOWN                                                                                 \
    (IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | \
     IN_ISDIR | IN_ONESHOT | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED)

static uint64_t make(unsigned flags)
{
    struct file *file;
    if (flags & ~(unsigned)(IN_CLOEXEC | IN_NONBLOCK))
        return SYSCALL_ERROR(EINVAL);
    int status = notify_file_new(flags, &file);
    if (status < 0)
        return (uint64_t)status;
    int number = file_table_add(&syscall_files()->files, file, 0, flags & IN_CLOEXEC);
    if (number < 0)
        file_put(file);
    return (uint64_t)number;
}

uint64_t syscall_inotify_init(struct program_frame *frame)
{
    (void)frame;
    return make(0);
}

uint64_t syscall_inotify_init1(struct program_frame *frame)
{
    return make((unsigned)frame->rdi);
}

static int check_file(const struct file *file)
{
    if (!file)
        return -EBADF;
    return notify_file_is(file) ? 0 : -EINVAL;
}

/* Who may read a file may watch it. */
static int watch_path(struct file *file, const char *path, uint32_t mask)
{
    struct vfs *vfs = syscall_files();
    struct walk walk;
    int status = walk_path(vfs, AT_FDCWD, path, mask & IN_DONT_FOLLOW ? WALK_NOFOLLOW : 0, &walk);
    if (status < 0)
        return status;
    if (mask & IN_ONLYDIR && walk.node->mode >> 12 != EXT4_DIR)
        status = -ENOTDIR;
    if (status == 0)
        status = access_node(&vfs->creds, walk.node, ACCESS_READ);
    if (status == 0)
        status = notify_file_watch(file, walk.node, mask);
    walk_fini(&walk);
    return status;
}

/* fs/notify/inotify/inotify_user.c, in its order. */
uint64_t syscall_inotify_add_watch(struct program_frame *frame)
{
    char path[SYSCALL_PATH_MAX];
    uint32_t mask = (uint32_t)frame->rdx;
    struct file *file = syscall_file(frame->rdi);
    if (!(mask & MASK_KNOWN) || (mask & IN_MASK_ADD && mask & IN_MASK_CREATE))
        return SYSCALL_ERROR(EINVAL);
    int status = check_file(file);
    if (status == 0)
        status = syscall_path(frame->rsi, path);
    return (uint64_t)(status < 0 ? status : watch_path(file, path, mask));
}

uint64_t syscall_inotify_rm_watch(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    int status = check_file(file);
    return (uint64_t)(status < 0 ? status : notify_file_forget(file, (int)frame->rsi));
}
