#include "enclave/libos/program/memory.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/states.h"

#define ACCESS   (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define ACCEPTED 8U  /* the enclave's, with this access by the processor's word */
#define MAPPED   16U /* the program's */
#define SHARED   32U /* never ACCEPTED: who says so, and which access is had, is shared/shared.h */
#define STALE                                                                                      \
    64U /* ACCEPTED, mapped without access, and not yet cleared of what was there before */
#define RW ((unsigned)(MEMORY_READ | MEMORY_WRITE))

#define AROUND                                                                                     \
    16 /* pages that come at one fault; where faults follow each other, twice as many              \
        */
#define AROUND_MOST 64 /* as before, up to so many */
#define RUNS        4  /* places where faults may follow each other: a heap, a stack and the like */

#define CHUNK 512 /* pages that are looked at together: most of them are alike */

static struct {
    uintptr_t first;
    size_t count;
    size_t reached; /* pages of the range that have ever been asked for: only these have a state */
    size_t grown;   /* those that the host has been asked for */
    size_t mapped, accepted; /* how many are */
    size_t most;             /* of those that may be accepted */
    size_t next;             /* where a search begins */
    struct {
        size_t came, end; /* pages that came at the last fault, and where they end */
    } runs[RUNS];
    size_t run;   /* the one that is followed no more when another begins */
    bool is_lazy; /* pages that can be written are accepted at their first access */
    const struct memory_leaves *leaves;
    uint8_t
        *pages;  /* their states, of the library OS's own memory; as long as there is the enclave */
    size_t room; /* of these: so many */
} memory;

static uintptr_t address_of(size_t page)
{
    return memory.first + page * MEMORY_PAGE;
}

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
    int result = make_room(end);
    if (result == 0 && end > memory.grown)
        result = grow(end);
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

/* The first page from here on that is not mapped, or where the reached ones end. */
static size_t skip_mapped(size_t page)
{
    return page < memory.reached
               ? page + states_first(memory.pages + page, memory.reached - page, MAPPED)
               : page;
}

/* Whether one of these has any of these bits. */
static bool have(size_t begin, size_t end, unsigned bits)
{
    if (end > memory.reached)
        end = memory.reached;
    return begin < end && states_have(memory.pages + begin, end - begin, (uint8_t)bits);
}

static bool is_free(size_t begin, size_t end)
{
    return end <= memory.count && !have(begin, end, MAPPED);
}

/* Where the pages end that are looked at together with this one. */
static size_t chunk_end(size_t begin, size_t end)
{
    size_t next = begin - begin % CHUNK + CHUNK;
    return next < end ? next : end;
}

/* An access that no page was accepted for is gone with it. */
static void forget_chunk(size_t begin, size_t end)
{
    memory.mapped -= states_count(memory.pages + begin, end - begin, MAPPED);
    if (!have(begin, end, ACCEPTED)) {
        __builtin_memset(memory.pages + begin, 0, end - begin);
        return;
    }
    for (size_t i = begin; i < end; i++)
        memory.pages[i] = memory.pages[i] & ACCEPTED ? memory.pages[i] & (uint8_t)~MAPPED : 0;
}

static void forget(size_t begin, size_t end)
{
    if (end > memory.reached)
        end = memory.reached;
    for (size_t next; begin < end; begin = next) {
        next = chunk_end(begin, end);
        forget_chunk(begin, next);
    }
}

void memory_reset(void)
{
    forget(0, memory.reached);
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

static void extend(size_t page, unsigned access)
{
    uint8_t *state = &memory.pages[page];
    if (access & ~(unsigned)*state)
        memory.leaves->extend(address_of(page), access | (*state & ACCESS));
    *state |= (uint8_t)access;
}

static void clear(size_t page)
{
    __builtin_memset((void *)address_of(page), 0, MEMORY_PAGE); /* NOLINT: a page of the range */
    memory.pages[page] &= (uint8_t)~STALE;
}

/* Pages of these that were there before (ACCEPTED, or of them those that are STALE), with the
 * access that they are to have: all widenings first, which the model carries out at one fault then.
 * Without an access there is nobody yet who could see what they hold. */
static void renew(size_t begin, size_t end, unsigned access, unsigned which)
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
static int make_fresh(size_t page)
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
    extend(page, RW);
    clear(page);
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
        int result = make_fresh(page);
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
    if (!is_later || have(begin, end, ACCEPTED | SHARED))
        return false;
    __builtin_memset(memory.pages + begin, (int)(MAPPED | access), end - begin);
    return true;
}

/* First wider, then narrower, each run of pages that have too much by one request. */
static int set_access_of_chunk(size_t begin, size_t end, unsigned access)
{
    if (promise(begin, end, access))
        return 0;
    renew(begin, end, access, STALE);
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
            memory.pages[i] = (uint8_t)(ACCEPTED | (memory.pages[i] & (MAPPED | STALE)) | access);
    }
    return 0;
}

static int set_access(size_t begin, size_t end, unsigned access)
{
    int result = 0;
    if (access & (MEMORY_WRITE | MEMORY_EXECUTE)) /* x86-64 has no such pages without reading */
        access |= MEMORY_READ;
    for (size_t next; result == 0 && begin < end; begin = next) {
        next = chunk_end(begin, end);
        result = set_access_of_chunk(begin, next, access);
    }
    return result;
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
    return can_come(*begin, *end, access) && !have(*begin, *end, SHARED) ? reach(*end) : -ENOMEM;
}

int memory_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed)
{
    size_t begin = 0, end = 0;
    int result = make_place(at, size, access, is_fixed, &begin, &end);
    if (result < 0)
        return result;
    for (size_t first = begin, next; first < end; first = next) {
        next = chunk_end(first, end);
        if (have(first, next, ACCEPTED))
            renew(first, next, access, ACCEPTED);
    }
    memory.mapped += end - begin - states_count(memory.pages + begin, end - begin, MAPPED);
    states_set(memory.pages + begin, end - begin, MAPPED);
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
    return find_pages(at, size, &begin, &end) && have(begin, end, SHARED);
}

void memory_unmap_shared(uintptr_t at, size_t size)
{
    size_t begin, end;
    if (!find_pages(at, size, &begin, &end) || !have(begin, end, SHARED))
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
        int result = memory.pages[i] & ACCEPTED ? make_fresh(i) : 0;
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
    int result = make_fresh(page);
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
        if (i < memory.count && i != page && is_waiting(i) &&
            (state_of(i) & ACCESS) == (state_of(page) & ACCESS) && come(i) < 0)
            return;
    }
}

bool memory_fault(uintptr_t at)
{
    size_t begin, end;
    if (!find_pages(at, 1, &begin, &end) || !is_waiting(begin))
        return false;
    come_around(begin);
    return come(begin) == 0;
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
