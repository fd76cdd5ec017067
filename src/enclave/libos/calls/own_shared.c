/* The library OS' own calls about memory that processes share. */
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/futex.h"
#include "enclave/libos/threads/lock.h"

static size_t self(void)
{
    return process_index(process_of_enclave(process_self()));
}

/* --- objects ---------------------------------------------------------------------------------- */

/* As mmap(2) has it. */
static int check_file(const struct file *file, uint64_t access)
{
    if (!file || file->flags & O_PATH)
        return -EBADF;
    bool writes = access & MEMORY_WRITE;
    if ((file->flags & O_ACCMODE) == O_WRONLY || (writes && (file->flags & O_ACCMODE) != O_RDWR))
        return -EACCES;
    if (file->kind != &file_plain || file->node->special)
        return -ENODEV;
    return writes && file->node->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? -EPERM : 0;
}

static bool may_write(const struct file *file)
{
    return (file->flags & O_ACCMODE) == O_RDWR &&
           !(file->node->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

static int64_t open_node(struct node *node, bool writes)
{
    uint32_t object;
    int status = shared_home_open(node, self(), writes, &object);
    return status < 0 ? status : (int64_t)(object | (uint64_t)writes << 32);
}

/* Memory without a name is a file without one. */
static int64_t open_memory(uint64_t size)
{
    const struct vfs *vfs = syscall_files();
    const struct node_new what = {
        .mode = EXT4_FILE << 12 | 0600, .uid = vfs->creds.uid, .gid = vfs->creds.gid};
    struct node *node = NULL;
    int64_t status = node_new(vfs->root->tree, &what, &node);
    if (status == 0)
        status = node_truncate(node, size);
    if (status == 0)
        status = open_node(node, true);
    node_put(node);
    return status;
}

uint64_t own_shared_open(struct program_frame *frame)
{
    uint64_t offset = frame->rsi, size = frame->rdx, end;
    if (offset % MEMORY_PAGE != 0 || __builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
        return SYSCALL_ERROR(EINVAL);
    if ((int)frame->rdi == -1)
        return (uint64_t)open_memory(size);
    const struct file *file = syscall_file(frame->rdi);
    int status = check_file(file, frame->r10);
    return status < 0 ? (uint64_t)status : (uint64_t)open_node(file->node, may_write(file));
}

/* --- pages ------------------------------------------------------------------------------------ */

#define MOMENT 20000 /* nanoseconds that whoever has just got a page has it for */

static int grant_page(const struct program_frame *frame, struct shared_grant *out)
{
    return !shared_can_recall(self())
               ? -EACCES
               : shared_home_page(self(), (uint32_t)frame->rdi, frame->rsi, frame->rdx,
                                  (enum shared_wanted)frame->r10, out);
}

uint64_t own_shared_page(struct program_frame *frame)
{
    static struct shared_grant grant; /* the lock's */
    int status = -EBUSY;
    if (!can_write(frame->r8, sizeof grant))
        return SYSCALL_FAULT;
    if (frame->r10 > SHARED_WANTS_EITHER)
        return SYSCALL_ERROR(EINVAL);
    while ((status = grant_page(frame, &grant)) == -EBUSY) {
        lock_release();
        (void)door_park(door_clock(DOOR_CLOCK_MONOTONIC) + MOMENT, 0);
        lock_take();
    }
    if (status == 0)
        memcpy((void *)frame->r8, &grant, sizeof grant);
    return (uint64_t)status;
}

uint64_t own_shared_drop(struct program_frame *frame)
{
    shared_home_drop(self(), (uint32_t)frame->rdi, frame->rsi, frame->rdx, frame->r10,
                     (unsigned)frame->r8);
    return 0;
}

/* -EIO where a page could not be had back: now, or before. */
uint64_t own_shared_leave(struct program_frame *frame)
{
    (void)frame;
    shared_home_leave(self());
    return shared_can_recall(self()) ? 0 : SYSCALL_ERROR(EIO);
}

/* --- futexes ---------------------------------------------------------------------------------- */

/* The lock is held from the look at the word until this thread is in the queue. */
uint64_t own_shared_wait(struct program_frame *frame)
{
    uint32_t object = (uint32_t)frame->rdi, value;
    uint64_t deadline = frame->r8 == UINT64_MAX ? DOOR_FOREVER : wait_deadline(frame->r8);
    int status = shared_home_word(self(), object, frame->rsi, &value);
    if (status < 0)
        return (uint64_t)status;
    if (value != (uint32_t)frame->rdx)
        return SYSCALL_ERROR(EAGAIN);
    return (uint64_t)futex_wait_shared(object, frame->rsi, (uint32_t)frame->r10, deadline);
}

uint64_t own_shared_wake(struct program_frame *frame)
{
    return (uint64_t)futex_wake_shared((uint32_t)frame->rdi, frame->rsi, (uint32_t)frame->rdx,
                                       (uint32_t)frame->r10);
}
