#include <asm/errno.h>

#include "enclave/libos/program/memory_parts.h"

/* The first page from here on that is not mapped, or where the reached ones end. */
static size_t skip_mapped(size_t page)
{
    return page < memory.reached
               ? page + states_first(memory.pages + page, memory.reached - page, MAPPED)
               : page;
}

static bool is_free(size_t begin, size_t end)
{
    return end <= memory.count && !memory_have(begin, end, MAPPED);
}

void memory_reset(void)
{
    memory_forget(0, memory.reached);
    memory.next = 0;
}

/* Free pages beside each other among those that were reached before. */
static bool find_hole(size_t from, size_t count, size_t *begin)
{
    for (size_t at = skip_mapped(from), end = at; at < memory.reached; at = end) {
        while (end < memory.reached && end - at < count && !(memory.pages[end] & MAPPED))
            end++;
        *begin = at;
        if (end - at == count)
            return true;
        end = skip_mapped(end);
    }
    return false;
}

/* Holes first: a page that was used before is the enclave's for good, and each new one counts. */
static bool find_room(size_t count, size_t *begin)
{
    if (count <= memory.reached - memory.mapped &&
        (find_hole(memory.next, count, begin) || find_hole(0, count, begin)))
        return true;
    *begin = memory.reached;
    while (*begin > 0 && !(memory.pages[*begin - 1] & MAPPED))
        (*begin)--;
    return count <= memory.count - *begin;
}

static bool are_mapped(size_t begin, size_t end)
{
    return skip_mapped(begin) >= end;
}

/* Whether that many pages more can be the enclave's. What was promised before and never made use of
 * is not counted: programs ask for more than they need. */
static bool can_come(size_t begin, size_t end, unsigned access)
{
    size_t left = memory.most > memory.accepted ? memory.most - memory.accepted : 0;
    if (access == 0 || end - begin <= left)
        return true;
    size_t wanted = end - begin;
    for (size_t i = begin; i < end && wanted > left; i++)
        wanted -= (memory_state(i) & ACCEPTED) != 0;
    return wanted <= left;
}

/* Where the pages go: *at is set where that is for us to say. */
static int find_place(uintptr_t *at, size_t size, bool is_fixed, size_t *begin, size_t *end)
{
    if (is_fixed)
        return memory_find(*at, size, begin, end) ? 0 : -ENOMEM;
    if (memory_find(*at & ~(uintptr_t)(MEMORY_PAGE - 1), size, begin, end) &&
        is_free(*begin, *end)) {
        *at = memory_address(*begin);
        return 0;
    }
    size_t count = (size + MEMORY_PAGE - 1) / MEMORY_PAGE;
    if (!find_room(count, begin))
        return -ENOMEM;
    *end = *begin + count;
    memory.next = *end;
    *at = memory_address(*begin);
    return 0;
}

/* The same, with room for them; none of them is shared: those are to be unmapped first. */
static int make_place(uintptr_t *at, size_t size, unsigned access, bool is_fixed, size_t *begin,
                      size_t *end)
{
    if (size == 0 || (is_fixed && *at % MEMORY_PAGE != 0) || (access & ~(unsigned)ACCESS) != 0)
        return -EINVAL;
    if (size > memory.count * MEMORY_PAGE)
        return -ENOMEM;
    int result = find_place(at, size, is_fixed, begin, end);
    if (result < 0)
        return result;
    return can_come(*begin, *end, access) && !memory_have(*begin, *end, SHARED) ? memory_reach(*end)
                                                                                : -ENOMEM;
}

int memory_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed)
{
    size_t begin = 0, end = 0;
    int result = make_place(at, size, access, is_fixed, &begin, &end);
    if (result < 0)
        return result;
    for (size_t first = begin, next; first < end; first = next) {
        next = memory_chunk_end(first, end);
        if (memory_have(first, next, ACCEPTED))
            memory_renew(first, next, access, ACCEPTED);
    }
    memory.mapped += end - begin - states_count(memory.pages + begin, end - begin, MAPPED);
    states_set(memory.pages + begin, end - begin, MAPPED);
    return memory_set_access(begin, end, access);
}

/* --- shared pages ----------------------------------------------------------------------------- */

/* Of these, each run that the enclave has goes by one request. */
static int remove_pages(size_t begin, size_t end)
{
    int result = 0;
    for (size_t i = begin, run; result == 0 && i < end; i = run + 1) {
        for (run = i; run < end && memory.pages[run] & ACCEPTED;)
            run++;
        if (run > i)
            result = memory.leaves->remove(memory_address(i), (run - i) * MEMORY_PAGE);
        for (; result == 0 && i < run; i++) {
            memory.pages[i] &= MAPPED;
            memory.accepted--;
        }
    }
    return result;
}

int memory_map_shared(uintptr_t *at, size_t size, unsigned access, bool is_fixed)
{
    size_t begin = 0, end = 0;
    if (!memory.is_lazy)
        return -ENODEV;
    int result = make_place(at, size, access, is_fixed, &begin, &end);
    if (result == 0)
        result = remove_pages(begin, end);
    for (size_t i = begin; result == 0 && i < end; i++) {
        memory.mapped += !(memory.pages[i] & MAPPED);
        memory.pages[i] = (uint8_t)(MAPPED | SHARED | access);
    }
    return result;
}

bool memory_has_shared(uintptr_t at, size_t size)
{
    size_t begin, end;
    return memory_find(at, size, &begin, &end) && memory_have(begin, end, SHARED);
}

void memory_unmap_shared(uintptr_t at, size_t size)
{
    size_t begin, end;
    if (!memory_find(at, size, &begin, &end) || !memory_have(begin, end, SHARED))
        return;
    for (size_t i = begin; i < end && i < memory.reached; i++) {
        memory.mapped -= (memory.pages[i] & SHARED) != 0;
        memory.pages[i] = memory.pages[i] & SHARED ? 0 : memory.pages[i];
    }
}

/* ---------------------------------------------------------------------------------------------- */

int memory_unmap(uintptr_t at, size_t size)
{
    size_t begin;
    size_t end;
    if (at % MEMORY_PAGE != 0 || size == 0 || !memory_find(at, size, &begin, &end))
        return -EINVAL;
    memory_forget(begin, end);
    return 0;
}

int memory_protect(uintptr_t at, size_t size, unsigned access)
{
    size_t begin;
    size_t end;
    if (at % MEMORY_PAGE != 0 || (access & ~(unsigned)ACCESS) != 0)
        return -EINVAL;
    if (size == 0)
        return 0;
    if (!memory_find(at, size, &begin, &end))
        return -ENOMEM;
    if (!are_mapped(begin, end) || !can_come(begin, end, access))
        return -ENOMEM;
    return memory_set_access(begin, end, access);
}

/* Maps these pages, which are free, with this access. */
static int map_free(size_t begin, size_t end, unsigned access)
{
    uintptr_t at = memory_address(begin);
    return memory_map(&at, (end - begin) * MEMORY_PAGE, access, true);
}

/* The pages' bytes to another place; they are free afterwards. */
static int move(uintptr_t *at, size_t begin, size_t end, size_t new_size, unsigned access)
{
    uintptr_t to = 0;
    int result = memory_map(&to, new_size, MEMORY_READ | MEMORY_WRITE, false);
    if (result < 0)
        return result;
    for (size_t i = begin; i < end; i++) {
        uintptr_t page = to + (i - begin) * MEMORY_PAGE;
        const void *bytes = (const void *)memory_address(i); /* NOLINT: a page of the range */
        if ((memory.pages[i] & (ACCEPTED | MEMORY_READ)) == (ACCEPTED | MEMORY_READ) &&
            memory_touch(page, MEMORY_PAGE) == 0)
            __builtin_memcpy((void *)page, bytes, MEMORY_PAGE); /* NOLINT: likewise */
    }
    memory_forget(begin, end);
    *at = to;
    return memory_protect(to, new_size, access);
}

int memory_resize(uintptr_t *at, size_t size, size_t new_size, bool may_move)
{
    size_t begin, end, new_end;
    if (*at % MEMORY_PAGE != 0 || size == 0 || new_size == 0)
        return -EINVAL;
    if (!memory_find(*at, size, &begin, &end) || !are_mapped(begin, end))
        return -EFAULT;
    if (new_size > memory.count * MEMORY_PAGE)
        return -ENOMEM;
    new_end = begin + (new_size + MEMORY_PAGE - 1) / MEMORY_PAGE;
    unsigned access = memory.pages[begin] & ACCESS;
    if (new_end <= end) {
        memory_forget(new_end, end);
        return 0;
    }
    if (is_free(end, new_end))
        return map_free(end, new_end, access);
    return may_move ? move(at, begin, end, new_size, access) : -ENOMEM;
}

int memory_clear(uintptr_t at, size_t size)
{
    size_t begin;
    size_t end;
    if (at % MEMORY_PAGE != 0)
        return -EINVAL;
    if (size == 0)
        return 0;
    if (!memory_find(at, size, &begin, &end) || !are_mapped(begin, end))
        return -ENOMEM;
    for (size_t i = begin; i < end; i++) {
        unsigned access = memory.pages[i] & ACCESS;
        int result = memory.pages[i] & ACCEPTED ? memory_make_fresh(i) : 0;
        if (result == 0)
            result = memory_set_access(i, i + 1, access);
        if (result < 0)
            return result;
    }
    return 0;
}
