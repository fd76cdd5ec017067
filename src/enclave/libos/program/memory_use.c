/* What is asked of a program's memory, and its pages at their first use. */
#include <asm/errno.h>

#include "enclave/libos/program/memory_parts.h"

#define AROUND      16 /* pages that come at one fault; more where faults follow each other, */
#define AROUND_MOST 64 /* twice as many each time, up to so many */

int memory_touch(uintptr_t at, size_t size)
{
    size_t begin, end;
    int result = 0;
    if (size == 0 || !memory_find(at, size, &begin, &end))
        return size == 0 ? 0 : -EINVAL;
    for (size_t i = begin; result == 0 && i < end; i++)
        result = memory_is_waiting(i) ? memory_come(i) : 0;
    return result;
}

/* What waits beside it for the same comes before it: most of it would fault next, and the more so
 * where the pages before came just now. */
static void come_around(size_t page)
{
    size_t run = 0;
    while (run < RUNS && (memory.runs[run].came == 0 || memory.runs[run].end != page))
        run++;
    size_t first = run < RUNS ? page : page / AROUND * AROUND;
    size_t count = run < RUNS ? 2 * memory.runs[run].came : AROUND;
    if (count > AROUND_MOST)
        count = AROUND_MOST;
    if (run == RUNS)
        run = memory.run++ % RUNS;
    memory.runs[run].came = count;
    memory.runs[run].end = first + count;
    for (size_t i = first; i < first + count && memory.accepted + 1 < memory.most / 2; i++) {
        if (i < memory.count && i != page && memory_is_waiting(i) &&
            (memory_state(i) & ACCESS) == (memory_state(page) & ACCESS) && memory_come(i) < 0)
            return;
    }
}

bool memory_fault(uintptr_t at)
{
    size_t begin, end;
    if (!memory_find(at, 1, &begin, &end) || !memory_is_waiting(begin))
        return false;
    come_around(begin);
    return memory_come(begin) == 0;
}

bool memory_is_there(uintptr_t at, size_t size, unsigned access)
{
    size_t begin, end;
    if (!memory_allows(at, size, access) || !memory_find(at, size, &begin, &end))
        return false;
    for (size_t i = begin; i < end; i++) {
        if (!(memory.pages[i] & ACCEPTED))
            return false;
    }
    return true;
}

bool memory_allows(uintptr_t at, size_t size, unsigned access)
{
    size_t begin;
    size_t end;
    if (size == 0)
        return true;
    if (!memory_find(at, size, &begin, &end))
        return false;
    for (size_t i = begin; i < end; i++) {
        unsigned wanted = access | MAPPED;
        if ((memory_state(i) & wanted) != wanted)
            return false;
    }
    return true;
}

size_t memory_all(void)
{
    return memory.count < memory.most ? memory.count : memory.most;
}

size_t memory_taken(void)
{
    return memory.accepted;
}

uintptr_t memory_first(void)
{
    return memory.first;
}

size_t memory_size(void)
{
    return memory.count * MEMORY_PAGE;
}

size_t memory_used(void)
{
    return memory.mapped;
}

bool memory_next(uintptr_t at, struct memory_run *out)
{
    const uint8_t shown = MAPPED | ACCESS | SHARED;
    size_t i = at > memory.first ? (at - memory.first + MEMORY_PAGE - 1) / MEMORY_PAGE : 0;
    while (i < memory.reached && !(memory.pages[i] & MAPPED))
        i++;
    if (i >= memory.reached)
        return false;
    size_t end = i;
    while (end < memory.reached && (memory.pages[end] & shown) == (memory.pages[i] & shown))
        end++;
    *out = (struct memory_run){memory_address(i), memory_address(end), memory.pages[i] & ACCESS,
                               (memory.pages[i] & SHARED) != 0};
    return true;
}

static bool is_zero(const uint8_t *page)
{
    const uint64_t *words = (const uint64_t *)page; /* NOLINT: a page */
    for (size_t i = 0; i < MEMORY_PAGE / sizeof *words; i++) {
        if (words[i] != 0)
            return false;
    }
    return true;
}

int memory_copy(uintptr_t page, uint8_t out[MEMORY_PAGE])
{
    size_t at, end;
    if (!memory_find(page, MEMORY_PAGE, &at, &end) || page % MEMORY_PAGE != 0)
        return 0;
    unsigned state = memory_state(at);
    if ((state & (MAPPED | ACCEPTED)) != (MAPPED | ACCEPTED) || state & STALE)
        return 0;
    if (!(state & MEMORY_READ)) /* by nobody: what is there must be read all the same */
        memory.leaves->extend(page, MEMORY_READ);
    bool has_bytes = !is_zero((const uint8_t *)page);
    if (has_bytes)
        __builtin_memcpy(out, (const void *)page, MEMORY_PAGE);
    if (!(state & MEMORY_READ) &&
        memory.leaves->restrict_access(page, MEMORY_PAGE, state & ACCESS) < 0)
        return -EIO;
    return has_bytes;
}

bool memory_has(uintptr_t at, size_t size)
{
    size_t begin, end;
    return memory_find(at, size, &begin, &end);
}
