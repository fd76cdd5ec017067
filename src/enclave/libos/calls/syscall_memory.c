/* mmap and its kin. */
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "enclave/libos/calls/code_sites.h"
#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/program/brk.h"
#include "enclave/libos/program/rewrite.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_file.h"
#include "enclave/libos/shared/shared.h"

static uint64_t page_up(uint64_t value)
{
    return (value + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

uint64_t syscall_brk(struct program_frame *frame)
{
    return brk_move(frame->rdi);
}

_Static_assert(PROT_READ == MEMORY_READ && PROT_WRITE == MEMORY_WRITE &&
                   PROT_EXEC == MEMORY_EXECUTE,
               "the program's numbers are memory.h's");

/* A mapping of a file is a copy: of what is written to the file later it shows nothing, and so only
 * a private one can be written to. */
static int check_file(const struct file *file, uint64_t flags, uint64_t access, uint64_t offset)
{
    if (!file)
        return -EBADF;
    if (offset % MEMORY_PAGE != 0 || (int64_t)offset < 0)
        return -EINVAL;
    if (file->flags & O_PATH || (file->flags & O_ACCMODE) == O_WRONLY)
        return file->flags & O_PATH ? -EBADF : -EACCES;
    if (file->kind != &file_plain || (!(flags & MAP_PRIVATE) && access & PROT_WRITE))
        return -ENODEV;
    if (access & PROT_EXEC && file->node->tree->flags & TREE_NO_EXECUTE)
        return -EPERM;
    return 0;
}

/* What the file has; zeros behind its end. */
static int fill(struct file *file, uint64_t offset, uintptr_t at, size_t size)
{
    if (!file)
        return -EBADF;
    for (size_t done = 0; done < size;) {
        int64_t got = file_read(file, offset + done, (void *)(at + done), size - done);
        if (got <= 0)
            return (int)got;
        done += (size_t)got;
    }
    return 0;
}

uint64_t syscall_check_mapping(const struct program_frame *frame)
{
    return (uint64_t)check_file(syscall_file(frame->r8), frame->r10, frame->rdx, frame->r9);
}

uint64_t syscall_tell_mapping(const struct program_frame *frame)
{
    uint64_t result = syscall_check_mapping(frame);
    return result == 0 ? node_layer_number(syscall_file(frame->r8)->node) : result;
}

int syscall_fill_mapping(struct file *file, uint64_t number, uint64_t offset, uintptr_t at,
                         size_t size)
{
    int result = memory_touch(at, size);
    if (result < 0)
        return result;
    if (!remote_is_child())
        return fill(file, offset, at, size);
    int64_t layer = remote_file_layer(number);
    return layer < 0 ? (int)layer : remote_file_fill(number, layer, offset, at, size);
}

static int fill_at_once(const struct program_frame *frame, int64_t layer, uintptr_t at, size_t size)
{
    int result = memory_touch(at, size);
    if (result < 0)
        return result;
    return remote_is_child() ? remote_file_fill(frame->r8, layer, frame->r9, at, size)
                             : fill(syscall_file(frame->r8), frame->r9, at, size);
}

/* What a dynamic linker maps first, of a library. */
static bool may_be_late(const struct program_frame *frame, bool is_fixed)
{
    return !is_fixed && frame->rdx == PROT_READ && frame->rsi > MEMORY_PAGE;
}

static uint64_t map_file(const struct program_frame *frame, bool is_fixed)
{
    const uint64_t arguments[REMOTE_ARGUMENTS] = {frame->rdi, frame->rsi, frame->rdx,
                                                  frame->r10, frame->r8,  frame->r9};
    uintptr_t at = frame->rdi;
    size_t size = frame->rsi;
    int64_t layer = (int64_t)(remote_is_child() ? remote_make_call(__NR_mmap, arguments)
                                                : syscall_check_mapping(frame));
    int result = layer < 0 ? (int)layer : 0;
    if (result == 0 && may_be_late(frame, is_fixed)) {
        result = late_map(syscall_file(frame->r8), frame->r8, frame->r9, size, &at);
        return result < 0 ? (uint64_t)result : at;
    }
    if (result == 0)
        result = memory_map(&at, size, MEMORY_READ | MEMORY_WRITE | (unsigned)frame->rdx, is_fixed);
    if (result < 0)
        return (uint64_t)result;
    size = page_up(size); /* as Linux does: the last page shows all that the file has */
    result = fill_at_once(frame, layer, at, size);
    if (result == 0 && (frame->rdx & (PROT_WRITE | PROT_EXEC)) == PROT_EXEC) {
        const struct code_origin origin = {remote_is_child() ? NULL : syscall_file(frame->r8),
                                           frame->r8, frame->r9};
        rewrite_code(at, size, code_sites_find, &origin);
    }
    if (result == 0)
        result = memory_protect(at, size, (unsigned)frame->rdx);
    if (result < 0) {
        (void)memory_unmap(at, size);
        return (uint64_t)result;
    }
    return at;
}

/* Of a file, or of memory without a name: pages come when they are touched (shared/shared.h). */
static uint64_t map_shared(const struct program_frame *frame, bool is_fixed)
{
    bool is_file = !(frame->r10 & MAP_ANONYMOUS);
    const uint64_t arguments[6] = {is_file ? frame->r8 : UINT64_MAX, is_file ? frame->r9 : 0,
                                   page_up(frame->rsi), frame->rdx};
    uintptr_t at = frame->rdi;
    if (frame->rsi == 0 || page_up(frame->rsi) < frame->rsi || (is_fixed && at % MEMORY_PAGE != 0))
        return SYSCALL_ERROR(EINVAL);
    int64_t status = shared_prepare();
    int64_t object = status < 0 ? status : own_make_long_call(OWN_SHARED_OPEN, arguments);
    if (object < 0)
        return (uint64_t)object;
    const struct shared_source source = {.object = (uint32_t)object,
                                         .may_write = object >> 32 & 1,
                                         .first = is_file ? frame->r9 / MEMORY_PAGE : 0};
    status = shared_map(&at, page_up(frame->rsi), (unsigned)frame->rdx, is_fixed, &source);
    return status < 0 ? (uint64_t)status : at;
}

uint64_t syscall_mmap(struct program_frame *frame)
{
    const uint64_t known = MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE |
                           MAP_STACK | MAP_POPULATE | MAP_DENYWRITE;
    uint64_t flags = frame->r10;
    uint64_t type = flags & MAP_TYPE;
    uintptr_t at = frame->rdi;
    bool is_fixed = (flags & MAP_FIXED) != 0;
    if ((flags & ~known) != 0 || (type != MAP_PRIVATE && type != MAP_SHARED) || frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    if (is_fixed)
        late_cut(at, frame->rsi);
    if (type == MAP_SHARED && !(frame->rdx & PROT_EXEC) && memory_is_lazy())
        return map_shared(frame, is_fixed);
    if (is_fixed)
        shared_unmap(at, frame->rsi);
    if (!(flags & MAP_ANONYMOUS))
        return map_file(frame, is_fixed);
    int result = memory_map(&at, frame->rsi, (unsigned)frame->rdx, is_fixed);
    return result < 0 ? (uint64_t)result : at;
}

uint64_t syscall_mremap(struct program_frame *frame)
{
    uintptr_t at = frame->rdi;
    if (frame->r10 & ~(uint64_t)MREMAP_MAYMOVE)
        return SYSCALL_ERROR(EINVAL);
    bool is_shared = memory_has_shared(at, frame->rsi);
    int result = is_shared ? shared_resize(&at, frame->rsi, frame->rdx, frame->r10 != 0)
                           : memory_resize(&at, frame->rsi, frame->rdx, frame->r10 != 0);
    return result < 0 ? (uint64_t)result : at;
}

/* Advice may be left aside, but for MADV_DONTNEED, after which a program counts on zeros. */
uint64_t syscall_madvise(struct program_frame *frame)
{
    if (frame->rdx == MADV_DONTNEED)
        return (uint64_t)memory_clear(frame->rdi, frame->rsi);
    if (frame->rdx > MADV_COLLAPSE || (frame->rdx > MADV_WILLNEED && frame->rdx < MADV_FREE) ||
        frame->rdx == MADV_REMOVE || frame->rdx == MADV_DONTFORK || frame->rdx == MADV_DOFORK)
        return SYSCALL_ERROR(EINVAL);
    return 0;
}

uint64_t syscall_munmap(struct program_frame *frame)
{
    if (frame->rdi % MEMORY_PAGE == 0 && memory_has(frame->rdi, frame->rsi))
        shared_unmap(frame->rdi, frame->rsi);
    int result = memory_unmap(frame->rdi, frame->rsi);
    if (result == 0)
        rewrite_forget(frame->rdi, frame->rsi);
    return (uint64_t)result;
}

uint64_t syscall_mprotect(struct program_frame *frame)
{
    if (frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    int status = shared_protect(frame->rdi, frame->rsi, (unsigned)frame->rdx);
    if (status == 0)
        status = memory_protect(frame->rdi, frame->rsi, (unsigned)frame->rdx);
    return (uint64_t)status;
}
