#include "enclave/libos/program/brk.h"

#include <asm/errno.h>

#include "enclave/libos/program/load.h"
#include "enclave/libos/program/memory.h"

static struct brk heap;

void brk_begin(uint64_t at)
{
    heap = (struct brk){at, at, at};
}

struct brk brk_get(void)
{
    return heap;
}

int brk_set(const struct brk *from)
{
    if (from->now < from->begin || from->most < from->now ||
        from->most - from->begin > PROGRAM_HEAP_SIZE || !memory_has(from->begin, PROGRAM_HEAP_SIZE))
        return -EINVAL;
    heap = *from;
    return 0;
}

static uint64_t page_up(uint64_t value)
{
    return (value + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
}

uint64_t brk_move(uint64_t wanted)
{
    if (wanted < heap.begin || wanted - heap.begin > PROGRAM_HEAP_SIZE)
        return heap.now;
    uint64_t known = page_up(heap.most);
    if (wanted > known &&
        memory_protect(known, page_up(wanted) - known, MEMORY_READ | MEMORY_WRITE) < 0)
        return heap.now;
    uint64_t dirty = wanted < known ? wanted : known;
    if (dirty > heap.now) /* what was given back, and comes again */
        __builtin_memset((void *)heap.now, 0, dirty - heap.now);
    if (wanted > heap.most)
        heap.most = wanted;
    heap.now = wanted;
    return heap.now;
}
