/* Locks on files: flock(2), and those of fcntl(2). */
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/lock_file.h"
#include "enclave/libos/threads/wait.h"

#define FLOCK_SHARED    1U /* flock(2): LOCK_SH and so on */
#define FLOCK_EXCLUSIVE 2U
#define FLOCK_NO_WAIT   4U
#define FLOCK_NONE      8U

enum { WHENCE_SET, WHENCE_CUR, WHENCE_END };

/* Waits, where it may, until nobody is in the way. */
static int set_lock(struct file *file, enum lock_kind kind, const struct lock_range *range,
                    bool waits)
{
    int process = syscall_files()->files.process;
    file_get(file);
    int status = lock_set(file, kind, process, range);
    while (status == -EAGAIN && waits) {
        status = wait_on(&wait_files, DOOR_FOREVER, NULL, 0);
        if (status < 0) /* -EAGAIN, too, of a thread that is not to wait */
            break;
        status = lock_set(file, kind, process, range);
    }
    file_put(file);
    return status;
}

uint64_t syscall_flock(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    unsigned type = (unsigned)frame->rsi & ~FLOCK_NO_WAIT;
    struct lock_range range = {.last = INT64_MAX};
    if (type != FLOCK_SHARED && type != FLOCK_EXCLUSIVE && type != FLOCK_NONE)
        return SYSCALL_ERROR(EINVAL);
    if (!file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    range.type = type == FLOCK_NONE     ? LOCK_NONE
                 : type == FLOCK_SHARED ? LOCK_SHARED
                                        : LOCK_EXCLUSIVE;
    return (uint64_t)set_lock(file, LOCK_FLOCK, &range, !(frame->rsi & FLOCK_NO_WAIT));
}

/* fs/locks.c, flock_to_posix_lock(). */
static int take_range(const struct file *file, const struct flock *from, struct lock_range *out)
{
    int64_t start = 0, end;
    if (from->l_whence == WHENCE_CUR)
        start = (int64_t)file->offset;
    else if (from->l_whence == WHENCE_END)
        start = (int64_t)file->node->size;
    else if (from->l_whence != WHENCE_SET)
        return -EINVAL;
    if (__builtin_add_overflow(start, from->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    end = INT64_MAX;
    if (from->l_len > 0 && __builtin_add_overflow(start, from->l_len - 1, &end))
        return -EOVERFLOW;
    if (from->l_len < 0) {
        end = start - 1;
        if (__builtin_add_overflow(start, from->l_len, &start) || start < 0)
            return -EINVAL;
    }
    *out = (struct lock_range){.first = (uint64_t)start, .last = (uint64_t)end};
    return 0;
}

static int take_type(const struct file *file, const struct flock *from, bool sets,
                     struct lock_range *out)
{
    unsigned mode = file->flags & O_ACCMODE;
    switch (from->l_type) {
    case F_UNLCK:
        out->type = LOCK_NONE;
        return sets ? 0 : -EINVAL;
    case F_RDLCK:
        out->type = LOCK_SHARED;
        return sets && mode == O_WRONLY ? -EBADF : 0;
    case F_WRLCK:
        out->type = LOCK_EXCLUSIVE;
        return sets && mode == O_RDONLY ? -EBADF : 0;
    default:
        return -EINVAL;
    }
}

/* What is in the way, as F_GETLK writes it. */
static void tell(struct flock *lock, const struct lock_range *range, int owner)
{
    lock->l_type = F_UNLCK;
    if (range->type == LOCK_NONE)
        return;
    lock->l_type = range->type == LOCK_SHARED ? F_RDLCK : F_WRLCK;
    lock->l_whence = WHENCE_SET;
    lock->l_start = (int64_t)range->first;
    lock->l_len = range->last == INT64_MAX ? 0 : (int64_t)(range->last - range->first) + 1;
    lock->l_pid = owner;
}

int syscall_lock_control(struct file *file, unsigned command, uint64_t at)
{
    bool is_open = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool sets = command != F_GETLK && command != F_OFD_GETLK;
    enum lock_kind kind = is_open ? LOCK_OPEN : LOCK_PROCESS;
    struct flock lock;
    struct lock_range range;
    int owner;
    if (!can_read(at, sizeof lock) || (!sets && !can_write(at, sizeof lock)))
        return -EFAULT;
    memcpy(&lock, (const void *)at, sizeof lock);
    if (is_open && lock.l_pid != 0)
        return -EINVAL;
    if (!file->node || file->flags & O_PATH)
        return -EBADF;
    int status = take_range(file, &lock, &range);
    if (status == 0)
        status = take_type(file, &lock, sets, &range);
    if (status < 0)
        return status;
    if (sets)
        return set_lock(file, kind, &range, command == F_SETLKW || command == F_OFD_SETLKW);
    lock_find(file, kind, syscall_files()->files.process, &range, &owner);
    tell(&lock, &range, owner);
    memcpy((void *)at, &lock, sizeof lock);
    return 0;
}
