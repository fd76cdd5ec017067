/* mmap and its kin, for a program that has one thread. */
#include <asm/errno.h>
#include <linux/mman.h>

#include "enclave/libos/memory.h"
#include "enclave/libos/syscall.h"

static uint64_t heap_begin, heap_now, heap_most; /* addresses: of brk */

void syscall_begin_memory(uint64_t heap)
{
    heap_begin = heap_now = heap_most = heap;
}

static uint64_t page_up(uint64_t value)
{
    return (value + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

uint64_t syscall_brk(struct program_frame *frame)
{
    uint64_t wanted = frame->rdi;
    if (wanted < heap_begin || wanted - heap_begin > PROGRAM_HEAP_SIZE)
        return heap_now;
    uint64_t known = page_up(heap_most);
    if (wanted > known &&
        memory_protect(known, page_up(wanted) - known, MEMORY_READ | MEMORY_WRITE) < 0)
        return heap_now;
    uint64_t dirty = wanted < known ? wanted : known;
    if (dirty > heap_now) /* what was given back, and comes again */
        __builtin_memset((void *)heap_now, 0, dirty - heap_now);
    if (wanted > heap_most)
        heap_most = wanted;
    heap_now = wanted;
    return heap_now;
}

_Static_assert(PROT_READ == MEMORY_READ && PROT_WRITE == MEMORY_WRITE &&
                   PROT_EXEC == MEMORY_EXECUTE,
               "the program's numbers are memory.h's");

uint64_t syscall_mmap(struct program_frame *frame)
{
    const uint64_t known = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK |
                           MAP_POPULATE | MAP_DENYWRITE;
    uint64_t flags = frame->r10;
    uintptr_t at = frame->rdi;
    bool is_fixed = (flags & MAP_FIXED) != 0;
    if (!(flags & MAP_ANONYMOUS))
        return SYSCALL_ERROR(ENODEV); /* there are no files yet */
    if ((flags & ~known) != 0 || !(flags & MAP_PRIVATE) || frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    int result = memory_map(&at, frame->rsi, (unsigned)frame->rdx, is_fixed);
    return result < 0 ? (uint64_t)result : at;
}

uint64_t syscall_munmap(struct program_frame *frame)
{
    return (uint64_t)memory_unmap(frame->rdi, frame->rsi);
}

uint64_t syscall_mprotect(struct program_frame *frame)
{
    if (frame->rdx > 7)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)memory_protect(frame->rdi, frame->rsi, (unsigned)frame->rdx);
}
