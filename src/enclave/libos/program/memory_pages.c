/* The pages of a program's memory: their states, and what the enclave has of them. */
#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/memory_parts.h"

struct memory memory;

/* For the states of the pages before `end`: of a large range most are never asked for. */
static int make_room(size_t end)
{
    size_t room = memory.room > 0 ? memory.room : MEMORY_GROWTH / MEMORY_PAGE;
    while (room < end)
        room *= 2;
    uint8_t *pages = room > memory.room ? libos_alloc(room) : NULL;
    if (!pages)
        return room > memory.room ? -ENOMEM : 0;
    for (size_t i = 0; i < memory.reached; i++)
        pages[i] = memory.pages[i];
    libos_free(memory.pages);
    memory.pages = pages;
    memory.room = room;
    return 0;
}

int memory_init(uintptr_t first, size_t size, const struct memory_leaves *leaves)
{
    libos_free(memory.pages);
    __builtin_memset(&memory, 0, sizeof memory);
    memory.first = first;
    memory.leaves = leaves;
    memory.most = MEMORY_TAKEN_MAX;
    if (make_room(1) < 0)
        return -ENOMEM;
    memory.count = size / MEMORY_PAGE;
    return 0;
}

void memory_bound(uint64_t size)
{
    memory.most = size / MEMORY_PAGE < MEMORY_TAKEN_MAX ? (size_t)(size / MEMORY_PAGE)
                                                        : MEMORY_TAKEN_MAX;
}

uint64_t memory_bounded(void)
{
    return (uint64_t)memory.most * MEMORY_PAGE;
}

void memory_be_lazy(void)
{
    memory.is_lazy = true;
}

bool memory_is_lazy(void)
{
    return memory.is_lazy;
}

const struct memory_leaves *memory_get_leaves(void)
{
    return memory.leaves;
}

static int grow(size_t end)
{
    size_t step = MEMORY_GROWTH / MEMORY_PAGE;
    size_t wanted = (end + step - 1) / step * step;
    if (wanted > memory.count)
        wanted = memory.count;
    int result = memory.leaves->grow ? memory.leaves->grow(memory_address(memory.grown),
                                                           (wanted - memory.grown) * MEMORY_PAGE)
                                     : 0;
    if (result == 0)
        memory.grown = wanted;
    return result;
}

/* All pages before `end` have a state then, and the host gives them when they are made use of. */
int memory_reach(size_t end)
{
    int result = make_room(end);
    if (result == 0 && end > memory.grown)
        result = grow(end);
    if (result == 0 && end > memory.reached) {
        __builtin_memset(memory.pages + memory.reached, 0, end - memory.reached);
        memory.reached = end;
    }
    return result;
}

/* An access that no page was accepted for is gone with it. */
static void forget_chunk(size_t begin, size_t end)
{
    memory.mapped -= states_count(memory.pages + begin, end - begin, MAPPED);
    if (!memory_have(begin, end, ACCEPTED)) {
        __builtin_memset(memory.pages + begin, 0, end - begin);
        return;
    }
    for (size_t i = begin; i < end; i++)
        memory.pages[i] = memory.pages[i] & ACCEPTED ? memory.pages[i] & (uint8_t)~MAPPED : 0;
}

void memory_forget(size_t begin, size_t end)
{
    if (end > memory.reached)
        end = memory.reached;
    for (size_t next; begin < end; begin = next) {
        next = memory_chunk_end(begin, end);
        forget_chunk(begin, next);
    }
}

static void extend(size_t page, unsigned access)
{
    uint8_t *state = &memory.pages[page];
    if (access & ~(unsigned)*state)
        memory.leaves->extend(memory_address(page), access | (*state & ACCESS));
    *state |= (uint8_t)access;
}

static void clear(size_t page)
{
    void *bytes = (void *)memory_address(page); /* NOLINT: a page of the range */
    __builtin_memset(bytes, 0, MEMORY_PAGE);
    memory.pages[page] &= (uint8_t)~STALE;
}

/* Pages of these that were there before (ACCEPTED, or of them those that are STALE), with the
 * access that they are to have: all widenings first, which the model carries out at one fault then.
 * Without an access there is nobody yet who could see what they hold. */
void memory_renew(size_t begin, size_t end, unsigned access, unsigned which)
{
    for (size_t i = begin; i < end; i++) {
        if (!(memory.pages[i] & which))
            continue;
        if (access != 0)
            extend(i, access | RW);
        else
            memory.pages[i] |= STALE;
    }
    for (size_t i = begin; access != 0 && i < end; i++) {
        if (memory.pages[i] & which)
            clear(i);
    }
}

/* At least readable and writable, and zero. */
int memory_make_fresh(size_t page)
{
    uint8_t *state = &memory.pages[page];
    if (!(*state & ACCEPTED)) {
        int result = memory.accepted < memory.most ? memory.leaves->accept(memory_address(page))
                                                   : -ENOMEM;
        if (result < 0)
            return result;
        memory.accepted++;
        *state = (uint8_t)(ACCEPTED | RW | (*state & MAPPED));
        return 0;
    }
    extend(page, RW);
    clear(page);
    return 0;
}

static int widen(size_t page, unsigned access)
{
    uint8_t *state = &memory.pages[page];
    if (*state & SHARED) {
        *state = (uint8_t)(MAPPED | SHARED | access);
        return 0;
    }
    if (!(*state & ACCEPTED) && (access == 0 || (memory.is_lazy && (access & RW) == RW))) {
        *state = (uint8_t)((*state & MAPPED) | access);
        return 0;
    }
    if (!(*state & ACCEPTED)) {
        int result = memory_make_fresh(page);
        if (result < 0)
            return result;
    }
    extend(page, access);
    return 0;
}

static bool has_more(size_t page, unsigned access)
{
    return (memory.pages[page] & ACCEPTED) && (memory.pages[page] & ACCESS & ~access) != 0;
}

/* Pages that the enclave does not have, and is to have at their first access. */
static bool promise(size_t begin, size_t end, unsigned access)
{
    bool is_later = access == 0 || (memory.is_lazy && (access & RW) == RW);
    if (!is_later || memory_have(begin, end, ACCEPTED | SHARED))
        return false;
    __builtin_memset(memory.pages + begin, (int)(MAPPED | access), end - begin);
    return true;
}

/* First wider, then narrower, each run of pages that have too much by one request. */
static int set_access_of_chunk(size_t begin, size_t end, unsigned access)
{
    if (promise(begin, end, access))
        return 0;
    memory_renew(begin, end, access, STALE);
    for (size_t i = begin; i < end; i++) {
        int result = widen(i, access);
        if (result < 0)
            return result;
    }
    for (size_t i = begin; i < end;) {
        size_t run = i;
        while (run < end && has_more(run, access))
            run++;
        if (run == i) {
            i++;
            continue;
        }
        int result = memory.leaves->restrict_access(memory_address(i), (run - i) * MEMORY_PAGE,
                                                    access);
        if (result < 0)
            return result;
        for (; i < run; i++)
            memory.pages[i] = (uint8_t)(ACCEPTED | (memory.pages[i] & (MAPPED | STALE)) | access);
    }
    return 0;
}

int memory_set_access(size_t begin, size_t end, unsigned access)
{
    int result = 0;
    if (access & (MEMORY_WRITE | MEMORY_EXECUTE)) /* x86-64 has no such pages without reading */
        access |= MEMORY_READ;
    for (size_t next; result == 0 && begin < end; begin = next) {
        next = memory_chunk_end(begin, end);
        result = set_access_of_chunk(begin, next, access);
    }
    return result;
}

/* With the access that was promised, which is at least reading and writing. */
int memory_come(size_t page)
{
    unsigned access = memory.pages[page] & ACCESS;
    int result = memory_make_fresh(page);
    return result < 0 ? result : widen(page, access);
}
