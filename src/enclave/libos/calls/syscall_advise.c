/* Calls on memory and files that change nothing here: all memory is resident, and of files nothing
 * is kept elsewhere. What is wrong with their arguments is told as Linux does. */
#include <linux/fadvise.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

#define MLOCK_KNOWN    1U /* MLOCK_ONFAULT */
#define MLOCKALL_KNOWN 7U
#define MSYNC_KNOWN    ((uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC))

/* Whether all of the pages are mapped, with whatever access. */
static bool is_mapped(uint64_t at, uint64_t end)
{
    struct memory_run run;
    while (at < end) {
        if (!memory_next(at, &run) || run.begin > at)
            return false;
        at = run.end;
    }
    return true;
}

/* The pages that hold these bytes: -ENOMEM where one is not mapped. */
static int check_pages(uint64_t at, uint64_t size)
{
    uint64_t begin = at & ~(uint64_t)(MEMORY_PAGE - 1), end;
    if (__builtin_add_overflow(at, size, &end) || end > UINT64_MAX - MEMORY_PAGE)
        return -EINVAL;
    end = (end + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
    return is_mapped(begin, end) ? 0 : -ENOMEM;
}

uint64_t syscall_mlock(struct program_frame *frame)
{
    return (uint64_t)check_pages(frame->rdi, frame->rsi);
}

uint64_t syscall_mlock2(struct program_frame *frame)
{
    return frame->rdx & ~(uint64_t)MLOCK_KNOWN ? SYSCALL_ERROR(EINVAL) : syscall_mlock(frame);
}

uint64_t syscall_mlockall(struct program_frame *frame)
{
    bool is_known = frame->rdi != 0 && !(frame->rdi & ~(uint64_t)MLOCKALL_KNOWN) &&
                    frame->rdi != 4; /* MCL_ONFAULT alone */
    return is_known ? 0 : SYSCALL_ERROR(EINVAL);
}

uint64_t syscall_munlockall(struct program_frame *frame)
{
    (void)frame;
    return 0;
}

uint64_t syscall_msync(struct program_frame *frame)
{
    const uint64_t both = MS_ASYNC | MS_SYNC;
    if (frame->rdx & ~MSYNC_KNOWN || frame->rdi % MEMORY_PAGE != 0 || (frame->rdx & both) == both)
        return SYSCALL_ERROR(EINVAL);
    int status = check_pages(frame->rdi, frame->rsi);
    return (uint64_t)(status == -EINVAL ? -ENOMEM : status);
}

uint64_t syscall_mincore(struct program_frame *frame)
{
    if (frame->rdi % MEMORY_PAGE != 0)
        return SYSCALL_ERROR(EINVAL);
    int status = check_pages(frame->rdi, frame->rsi);
    if (status < 0)
        return SYSCALL_ERROR(ENOMEM);
    uint64_t pages = (frame->rsi + MEMORY_PAGE - 1) / MEMORY_PAGE;
    if (!can_write(frame->rdx, pages))
        return SYSCALL_FAULT;
    memset((void *)frame->rdx, 1, pages);
    return 0;
}

uint64_t syscall_readahead(struct program_frame *frame)
{
    const struct file *file = syscall_file(frame->rdi);
    if (!file || file->flags & O_PATH || (file->flags & O_ACCMODE) == O_WRONLY)
        return SYSCALL_ERROR(EBADF);
    return file->kind == &file_plain ? 0 : SYSCALL_ERROR(EINVAL);
}

uint64_t syscall_fadvise64(struct program_frame *frame)
{
    const struct file *file = syscall_file(frame->rdi);
    if (!file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    if (file->kind->is_stream)
        return SYSCALL_ERROR(ESPIPE);
    return (int64_t)frame->rdx < 0 || frame->r10 > POSIX_FADV_NOREUSE ? SYSCALL_ERROR(EINVAL) : 0;
}
