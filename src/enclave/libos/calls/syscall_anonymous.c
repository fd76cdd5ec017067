/* Files without a name: signalfd, eventfd, and memfd_create with its seals. */
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/signal_file.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/shared/home.h"

#define NAME_PREFIX "/memfd:"
#define NAME_MOST   249 /* bytes, as Linux has it */
#define SEALS                                                                                      \
    ((unsigned)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))

/* At a number; takes the file. */
static uint64_t add(struct file *file, bool cloexec)
{
    int number = file_table_add(&syscall_files()->files, file, 0, cloexec);
    if (number < 0)
        file_put(file);
    return (uint64_t)number;
}

static uint64_t make_signals(const struct program_frame *frame, unsigned flags)
{
    struct file *file;
    uint64_t set;
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK) || frame->rdx != sizeof set)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, sizeof set))
        return SYSCALL_FAULT;
    memcpy(&set, (const void *)frame->rsi, sizeof set);
    if ((int)frame->rdi != -1) {
        file = syscall_file(frame->rdi);
        int status = file ? signal_file_set(file, set) : -EBADF;
        return status < 0 ? (uint64_t)status : (uint32_t)frame->rdi;
    }
    int status = signal_file_new(set, flags, &file);
    return status < 0 ? (uint64_t)status : add(file, flags & O_CLOEXEC);
}

uint64_t syscall_signalfd(struct program_frame *frame)
{
    return make_signals(frame, 0);
}

uint64_t syscall_signalfd4(struct program_frame *frame)
{
    return make_signals(frame, (unsigned)frame->r10);
}

uint64_t syscall_eventfd(struct program_frame *frame)
{
    frame->rsi = 0;
    return syscall_eventfd2(frame);
}

/* --- memfd ------------------------------------------------------------------------------------ */

/* A plain file with no name in the process' root; `path` is taken. */
static int make_file(char *path, unsigned flags, struct file **out)
{
    struct vfs *vfs = syscall_files();
    const struct node_new what = {
        .mode = EXT4_FILE << 12 | 0777, .uid = vfs->creds.uid, .gid = vfs->creds.gid};
    struct node *node = NULL;
    int status = node_new(vfs->root->tree, &what, &node);
    if (status == 0)
        status = file_new(&file_plain, O_RDWR, node, out);
    if (status == 0) {
        node->seals = NODE_SEALABLE | (flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL);
        (*out)->path = path;
    } else {
        libos_free(path);
    }
    node_put(node);
    return status;
}

uint64_t syscall_memfd_create(struct program_frame *frame)
{
    const unsigned known = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    char name[SYSCALL_PATH_MAX];
    unsigned flags = (unsigned)frame->rsi;
    struct file *file = NULL;
    if (flags & ~known)
        return SYSCALL_ERROR(EINVAL);
    int status = syscall_path(frame->rdi, name);
    size_t size = status == 0 ? strlen(name) : 0;
    if (size > NAME_MOST || status == -ENAMETOOLONG)
        return SYSCALL_ERROR(EINVAL);
    if (status < 0)
        return (uint64_t)status;
    char *path = libos_alloc(sizeof NAME_PREFIX + size);
    if (!path)
        return SYSCALL_ERROR(ENOMEM);
    memcpy(path, NAME_PREFIX, sizeof NAME_PREFIX - 1);
    memcpy(path + sizeof NAME_PREFIX - 1, name, size + 1);
    status = make_file(path, flags, &file);
    return status < 0 ? (uint64_t)status : add(file, flags & MFD_CLOEXEC);
}

/* fcntl's F_ADD_SEALS and F_GET_SEALS. */
int syscall_seals(struct file *file, unsigned command, uint64_t seals)
{
    struct node *node = file->kind == &file_plain ? file->node : NULL;
    if (!node || !(node->seals & NODE_SEALABLE))
        return -EINVAL;
    if (command == F_GET_SEALS)
        return (int)(node->seals & SEALS);
    if ((file->flags & O_ACCMODE) == O_RDONLY || node->seals & F_SEAL_SEAL)
        return -EPERM;
    if (seals & ~(uint64_t)SEALS)
        return -EINVAL;
    if (seals & F_SEAL_WRITE && shared_home_is_written(node))
        return -EBUSY;
    node->seals |= (uint32_t)seals;
    return 0;
}
