#include "enclave/libos/program/memory.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"

#define ACCESS   (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define ACCEPTED 8U  /* the enclave's, with this access by the processor's word */
#define MAPPED   16U /* the program's */
#define SHARED   32U /* never ACCEPTED: who says so, and which access is had, is shared/shared.h */
#define RW       ((unsigned)(MEMORY_READ | MEMORY_WRITE))

#define AROUND 8 /* pages that come at one fault, at most */

#define ALL_MAPPED (UINT64_C(0x0101010101010101) * MAPPED) /* eight pages */

static struct {
    uintptr_t first;
    size_t count;
    size_t reached; /* pages of the range that have ever been asked for: only these have a state */
    size_t grown;   /* those that the host has been asked for */
    size_t mapped, accepted; /* how many are */
    size_t most;             /* of those that may be accepted */
    size_t next;             /* where a search begins */
    bool is_lazy;            /* pages that can be written are accepted at their first access */
    const struct memory_leaves *leaves;
    uint8_t *pages; /* of the library OS's own memory, as long as there is the enclave */
} memory;

static uintptr_t address_of(size_t page)
{
    return memory.first + page * MEMORY_PAGE;
}

int memory_init(uintptr_t first, size_t size, const struct memory_leaves *leaves)
{
    libos_free(memory.pages);
    __builtin_memset(&memory, 0, sizeof memory);
    memory.first = first;
    memory.leaves = leaves;
    memory.most = MEMORY_TAKEN_MAX;
    memory.pages = libos_alloc(size / MEMORY_PAGE);
    memory.count = memory.pages ? size / MEMORY_PAGE : 0;
    return memory.pages ? 0 : -ENOMEM;
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

/* None of those that nobody has asked for is mapped. */
static unsigned state_of(size_t page)
{
    return page < memory.reached ? memory.pages[page] : 0;
}

static int grow(size_t end)
{
    size_t step = MEMORY_GROWTH / MEMORY_PAGE;
    size_t wanted = (end + step - 1) / step * step;
    if (wanted > memory.count)
        wanted = memory.count;
    int result = memory.leaves->grow ? memory.leaves->grow(address_of(memory.grown),
                                                           (wanted - memory.grown) * MEMORY_PAGE)
                                     : 0;
    if (result == 0)
        memory.grown = wanted;
    return result;
}

/* All pages before `end` have a state then, and the host gives them when they are made use of. */
static int reach(size_t end)
{
    int result = end > memory.grown ? grow(end) : 0;
    if (result == 0 && end > memory.reached) {
        __builtin_memset(memory.pages + memory.reached, 0, end - memory.reached);
        memory.reached = end;
    }
    return result;
}

void memory_be_lazy(void)
{
    memory.is_lazy = true;
}

bool memory_is_lazy(void)
{
    return memory.is_lazy;
}

/* The pages that hold these bytes. */
static bool find_pages(uintptr_t at, size_t size, size_t *begin, size_t *end)
{
    size_t range = memory.count * MEMORY_PAGE;
    if (at < memory.first || size == 0 || at - memory.first >= range ||
        size > range - (at - memory.first))
        return false;
    *begin = (at - memory.first) / MEMORY_PAGE;
    *end = (at - memory.first + size - 1) / MEMORY_PAGE + 1;
    return true;
}

bool memory_has(uintptr_t at, size_t size)
{
    size_t begin, end;
    return find_pages(at, size, &begin, &end);
}

/* An access that no page was accepted for is gone with it. */
static void forget(size_t begin, size_t end)
{
    for (size_t i = begin; i < end && i < memory.reached; i++) {
        memory.mapped -= (memory.pages[i] & MAPPED) != 0;
        memory.pages[i] = memory.pages[i] & ACCEPTED ? memory.pages[i] & (uint8_t)~MAPPED : 0;
    }
}

void memory_reset(void)
{
    forget(0, memory.reached);
    memory.next = 0;
}

/* The first page from here on that is not mapped, or where the reached ones end. */
static size_t skip_mapped(size_t page)
{
    uint64_t eight;
    while (page < memory.reached && (memory.pages[page] & MAPPED)) {
        page++;
        while (page + sizeof eight <= memory.reached) {
            __builtin_memcpy(&eight, memory.pages + page, sizeof eight);
            if ((eight & ALL_MAPPED) != ALL_MAPPED)
                break;
            page += sizeof eight;
        }
    }
    return page;
}

static bool is_free(size_t begin, size_t end)
{
    if (end > memory.count)
        return false;
    while (begin < end && !(state_of(begin) & MAPPED))
        begin++;
    return begin == end;
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

/* At least readable and writable, and zero. A page that was there before gets the access that it is
 * to have along with that: each widening is an instruction of its own. */
static int make_fresh(size_t page, unsigned access)
{
    uint8_t *state = &memory.pages[page];
    if (!(*state & ACCEPTED)) {
        int result = memory.accepted < memory.most ? memory.leaves->accept(address_of(page))
                                                   : -ENOMEM;
        if (result < 0)
            return result;
        memory.accepted++;
        *state = (uint8_t)(ACCEPTED | RW | (*state & MAPPED));
        return 0;
    }
    access |= RW;
    if (access & ~(unsigned)*state)
        memory.leaves->extend(address_of(page), access);
    *state |= (uint8_t)access;
    __builtin_memset((void *)address_of(page), 0, MEMORY_PAGE); /* NOLINT: a page of the range */
    return 0;
}

/* Whether the page waits for its first access. */
static bool is_waiting(size_t page)
{
    return !(state_of(page) & (ACCEPTED | SHARED)) && (state_of(page) & ACCESS);
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
        int result = make_fresh(page, 0);
        if (result < 0)
            return result;
    }
    if (access & ~(unsigned)*state) {
        memory.leaves->extend(address_of(page), access);
        *state |= (uint8_t)access;
    }
    return 0;
}

static bool has_more(size_t page, unsigned access)
{
    return (memory.pages[page] & ACCEPTED) && (memory.pages[page] & ACCESS & ~access) != 0;
}

/* First wider, then narrower, each run of pages that have too much by one request. */
static int set_access(size_t begin, size_t end, unsigned access)
{
    if (access & (MEMORY_WRITE | MEMORY_EXECUTE)) /* x86-64 has no such pages without reading */
        access |= MEMORY_READ;
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
        int result = memory.leaves->restrict_access(address_of(i), (run - i) * MEMORY_PAGE, access);
        if (result < 0)
            return result;
        for (; i < run; i++)
            memory.pages[i] = (uint8_t)(ACCEPTED | (memory.pages[i] & MAPPED) | access);
    }
    return 0;
}

static bool are_mapped(size_t begin, size_t end)
{
    while (begin < end && (state_of(begin) & MAPPED))
        begin++;
    return begin == end;
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
        wanted -= (state_of(i) & ACCEPTED) != 0;
    return wanted <= left;
}

/* Where the pages go: *at is set where that is for us to say. */
static int find_place(uintptr_t *at, size_t size, bool is_fixed, size_t *begin, size_t *end)
{
    if (is_fixed)
        return find_pages(*at, size, begin, end) ? 0 : -ENOMEM;
    if (find_pages(*at & ~(uintptr_t)(MEMORY_PAGE - 1), size, begin, end) &&
        is_free(*begin, *end)) {
        *at = address_of(*begin);
        return 0;
    }
    size_t count = (size + MEMORY_PAGE - 1) / MEMORY_PAGE;
    if (!find_room(count, begin))
        return -ENOMEM;
    *end = *begin + count;
    memory.next = *end;
    *at = address_of(*begin);
    return 0;
}

static bool has_shared(size_t begin, size_t end)
{
    for (size_t i = begin; i < end && i < memory.reached; i++) {
        if (memory.pages[i] & SHARED)
            return true;
    }
    return false;
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
    return can_come(*begin, *end, access) && !has_shared(*begin, *end) ? reach(*end) : -ENOMEM;
}

int memory_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed)
{
    size_t begin = 0, end = 0;
    int result = make_place(at, size, access, is_fixed, &begin, &end);
    if (result < 0)
        return result;
    for (size_t i = begin; i < end; i++) {
        result = memory.pages[i] & ACCEPTED ? make_fresh(i, access) : 0;
        if (result < 0)
            return result;
        memory.mapped += !(memory.pages[i] & MAPPED);
        memory.pages[i] |= MAPPED;
    }
    return set_access(begin, end, access);
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
            result = memory.leaves->remove(address_of(i), (run - i) * MEMORY_PAGE);
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
    return find_pages(at, size, &begin, &end) && has_shared(begin, end);
}

void memory_unmap_shared(uintptr_t at, size_t size)
{
    size_t begin, end;
    if (!find_pages(at, size, &begin, &end))
        return;
    for (size_t i = begin; i < end && i < memory.reached; i++) {
        memory.mapped -= (memory.pages[i] & SHARED) != 0;
        memory.pages[i] = memory.pages[i] & SHARED ? 0 : memory.pages[i];
    }
}

const struct memory_leaves *memory_get_leaves(void)
{
    return memory.leaves;
}

/* ---------------------------------------------------------------------------------------------- */

int memory_unmap(uintptr_t at, size_t size)
{
    size_t begin;
    size_t end;
    if (at % MEMORY_PAGE != 0 || size == 0 || !find_pages(at, size, &begin, &end))
        return -EINVAL;
    forget(begin, end);
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
    if (!find_pages(at, size, &begin, &end))
        return -ENOMEM;
    if (!are_mapped(begin, end) || !can_come(begin, end, access))
        return -ENOMEM;
    return set_access(begin, end, access);
}

/* Maps these pages, which are free, with this access. */
static int map_free(size_t begin, size_t end, unsigned access)
{
    uintptr_t at = address_of(begin);
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
        if ((memory.pages[i] & (ACCEPTED | MEMORY_READ)) == (ACCEPTED | MEMORY_READ) &&
            memory_touch(page, MEMORY_PAGE) == 0)
            __builtin_memcpy((void *)page, (void *)address_of(i), MEMORY_PAGE); /* NOLINT: pages */
    }
    forget(begin, end);
    *at = to;
    return memory_protect(to, new_size, access);
}

int memory_resize(uintptr_t *at, size_t size, size_t new_size, bool may_move)
{
    size_t begin, end, new_end;
    if (*at % MEMORY_PAGE != 0 || size == 0 || new_size == 0)
        return -EINVAL;
    if (!find_pages(*at, size, &begin, &end) || !are_mapped(begin, end))
        return -EFAULT;
    if (new_size > memory.count * MEMORY_PAGE)
        return -ENOMEM;
    new_end = begin + (new_size + MEMORY_PAGE - 1) / MEMORY_PAGE;
    unsigned access = memory.pages[begin] & ACCESS;
    if (new_end <= end) {
        forget(new_end, end);
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
    if (!find_pages(at, size, &begin, &end) || !are_mapped(begin, end))
        return -ENOMEM;
    for (size_t i = begin; i < end; i++) {
        unsigned access = memory.pages[i] & ACCESS;
        int result = memory.pages[i] & ACCEPTED ? make_fresh(i, 0) : 0;
        if (result == 0)
            result = set_access(i, i + 1, access);
        if (result < 0)
            return result;
    }
    return 0;
}

bool memory_allows(uintptr_t at, size_t size, unsigned access)
{
    size_t begin;
    size_t end;
    if (size == 0)
        return true;
    if (!find_pages(at, size, &begin, &end))
        return false;
    for (size_t i = begin; i < end; i++) {
        unsigned wanted = access | MAPPED;
        if ((state_of(i) & wanted) != wanted)
            return false;
    }
    return true;
}

/* With the access that was promised, which is at least reading and writing. */
static int come(size_t page)
{
    unsigned access = memory.pages[page] & ACCESS;
    int result = make_fresh(page, 0);
    return result < 0 ? result : widen(page, access);
}

int memory_touch(uintptr_t at, size_t size)
{
    size_t begin, end;
    int result = 0;
    if (size == 0 || !find_pages(at, size, &begin, &end))
        return size == 0 ? 0 : -EINVAL;
    for (size_t i = begin; result == 0 && i < end; i++)
        result = is_waiting(i) ? come(i) : 0;
    return result;
}

/* What waits beside it for the same comes along: most of it would fault next. */
static void come_around(size_t page)
{
    size_t first = page / AROUND * AROUND;
    for (size_t i = first; i < first + AROUND && memory.accepted < MEMORY_TAKEN_MAX / 2; i++) {
        if (i < memory.count && is_waiting(i) &&
            (state_of(i) & ACCESS) == (state_of(page) & ACCESS) && come(i) < 0)
            return;
    }
}

bool memory_fault(uintptr_t at)
{
    size_t begin, end;
    if (!find_pages(at, 1, &begin, &end) || !is_waiting(begin) || come(begin) < 0)
        return false;
    come_around(begin);
    return true;
}

bool memory_is_there(uintptr_t at, size_t size, unsigned access)
{
    size_t begin, end;
    if (!memory_allows(at, size, access) || !find_pages(at, size, &begin, &end))
        return false;
    for (size_t i = begin; i < end; i++) {
        if (!(memory.pages[i] & ACCEPTED))
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
    *out = (struct memory_run){address_of(i), address_of(end), memory.pages[i] & ACCESS,
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
    if (!find_pages(page, MEMORY_PAGE, &at, &end) || page % MEMORY_PAGE != 0)
        return 0;
    unsigned state = state_of(at);
    if ((state & (MAPPED | ACCEPTED)) != (MAPPED | ACCEPTED))
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
