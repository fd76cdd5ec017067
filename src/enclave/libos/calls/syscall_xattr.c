/* Extended attributes: of a path, of a link itself, of an open file. */
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/vfs.h"

#define VALUE_MAX 65536 /* XATTR_SIZE_MAX: more room than that is not looked at */

/* Whose they are: a path's, or an open file's with the empty path and AT_EMPTY_PATH. */
struct object {
    char path[SYSCALL_PATH_MAX];
    int at;
    unsigned flags;
};

static int take_path(uint64_t path, unsigned flags, struct object *out)
{
    out->at = AT_FDCWD;
    out->flags = flags;
    return syscall_path(path, out->path);
}

static int take_file(uint64_t number, struct object *out)
{
    out->path[0] = 0;
    out->at = (int)number;
    out->flags = AT_EMPTY_PATH;
    const struct file *file = syscall_file(number);
    return file && !(file->flags & O_PATH) ? 0 : -EBADF;
}

/* XATTR_NAME_MAX, as Linux answers: -ERANGE for a name that is too long, or none. */
static int take_name(uint64_t at, char out[XATTR_NAME_MAX + 1])
{
    for (size_t i = 0; i <= XATTR_NAME_MAX; i++) {
        if (!can_read(at + i, 1))
            return -EFAULT;
        out[i] = *(const char *)(at + i);
        if (out[i] == 0)
            return i > 0 ? 0 : -ERANGE;
    }
    return -ERANGE;
}

/* RSI, RDX and R10 are the name, the value's place and its room. */
static uint64_t get(int status, const struct object *object, const struct program_frame *frame)
{
    char name[XATTR_NAME_MAX + 1];
    size_t size = frame->r10 < VALUE_MAX ? frame->r10 : VALUE_MAX;
    if (status == 0)
        status = take_name(frame->rsi, name);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->rdx, size))
        return SYSCALL_FAULT;
    return (uint64_t)vfs_get_xattr(syscall_files(), object->at, object->path, name,
                                   (void *)frame->rdx, size, object->flags);
}

uint64_t syscall_getxattr(struct program_frame *frame)
{
    struct object object;
    return get(take_path(frame->rdi, 0, &object), &object, frame);
}

uint64_t syscall_lgetxattr(struct program_frame *frame)
{
    struct object object;
    return get(take_path(frame->rdi, AT_SYMLINK_NOFOLLOW, &object), &object, frame);
}

uint64_t syscall_fgetxattr(struct program_frame *frame)
{
    struct object object;
    return get(take_file(frame->rdi, &object), &object, frame);
}

/* RSI and RDX are the list's place and its room. */
static uint64_t list(int status, const struct object *object, const struct program_frame *frame)
{
    size_t size = frame->rdx < VALUE_MAX ? frame->rdx : VALUE_MAX;
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->rsi, size))
        return SYSCALL_FAULT;
    return (uint64_t)vfs_list_xattrs(syscall_files(), object->at, object->path, (char *)frame->rsi,
                                     size, object->flags);
}

uint64_t syscall_listxattr(struct program_frame *frame)
{
    struct object object;
    return list(take_path(frame->rdi, 0, &object), &object, frame);
}

uint64_t syscall_llistxattr(struct program_frame *frame)
{
    struct object object;
    return list(take_path(frame->rdi, AT_SYMLINK_NOFOLLOW, &object), &object, frame);
}

uint64_t syscall_flistxattr(struct program_frame *frame)
{
    struct object object;
    return list(take_file(frame->rdi, &object), &object, frame);
}

/* RSI, RDX, R10 and R8 are the name, the value, its size and flags. */
static uint64_t set(int status, const struct object *object, const struct program_frame *frame)
{
    char name[XATTR_NAME_MAX + 1];
    if (frame->r8 & ~(uint64_t)(XATTR_MUST_BE_NEW | XATTR_MUST_BE_THERE))
        return SYSCALL_ERROR(EINVAL);
    if (status == 0)
        status = take_name(frame->rsi, name);
    if (status < 0)
        return (uint64_t)status;
    if (frame->r10 > VALUE_MAX)
        return SYSCALL_ERROR(E2BIG);
    if (!can_read(frame->rdx, frame->r10))
        return SYSCALL_FAULT;
    return (uint64_t)vfs_set_xattr(syscall_files(), object->at, object->path, name,
                                   span_of((const void *)frame->rdx, frame->r10),
                                   (unsigned)frame->r8, object->flags);
}

uint64_t syscall_setxattr(struct program_frame *frame)
{
    struct object object;
    return set(take_path(frame->rdi, 0, &object), &object, frame);
}

uint64_t syscall_lsetxattr(struct program_frame *frame)
{
    struct object object;
    return set(take_path(frame->rdi, AT_SYMLINK_NOFOLLOW, &object), &object, frame);
}

uint64_t syscall_fsetxattr(struct program_frame *frame)
{
    struct object object;
    return set(take_file(frame->rdi, &object), &object, frame);
}

static uint64_t take_away(int status, const struct object *object,
                          const struct program_frame *frame)
{
    char name[XATTR_NAME_MAX + 1];
    if (status == 0)
        status = take_name(frame->rsi, name);
    if (status < 0)
        return (uint64_t)status;
    return (uint64_t)vfs_remove_xattr(syscall_files(), object->at, object->path, name,
                                      object->flags);
}

uint64_t syscall_removexattr(struct program_frame *frame)
{
    struct object object;
    return take_away(take_path(frame->rdi, 0, &object), &object, frame);
}

uint64_t syscall_lremovexattr(struct program_frame *frame)
{
    struct object object;
    return take_away(take_path(frame->rdi, AT_SYMLINK_NOFOLLOW, &object), &object, frame);
}

uint64_t syscall_fremovexattr(struct program_frame *frame)
{
    struct object object;
    return take_away(take_file(frame->rdi, &object), &object, frame);
}
