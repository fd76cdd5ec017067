#include "enclave/libos/shared/areas.h"

#include <asm/errno.h>
#include <stdatomic.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"

#define TURNS 200

static struct shared_area *areas;
static size_t area_count;
static atomic_bool is_guarded;

void shared_guard_take(void)
{
    while (atomic_exchange(&is_guarded, true)) {
        for (int i = 0; i < TURNS && atomic_load_explicit(&is_guarded, memory_order_relaxed); i++)
            __builtin_ia32_pause();
        if (atomic_load_explicit(&is_guarded, memory_order_relaxed))
            (void)door_park(0, 0);
    }
}

void shared_guard_release(void)
{
    atomic_store(&is_guarded, false);
}

static uintptr_t end_of(const struct shared_area *area)
{
    return area->begin + area->count * MEMORY_PAGE;
}

struct shared_area *shared_area_at(uintptr_t at, struct shared_page **page)
{
    for (struct shared_area *area = areas; area; area = area->next) {
        if (at < area->begin || at >= end_of(area))
            continue;
        *page = &area->pages[(at - area->begin) / MEMORY_PAGE];
        if (!(*page)->is_gone)
            return area;
    }
    return NULL;
}

bool shared_has(uintptr_t at)
{
    struct shared_page *page;
    return shared_area_at(at, &page) != NULL;
}

bool shared_is_used(void)
{
    return areas != NULL;
}

bool shared_find(uintptr_t at, uint32_t *object, uint64_t *offset)
{
    struct shared_page *page;
    const struct shared_area *area = shared_area_at(at, &page);
    if (!area)
        return false;
    *object = area->source.object;
    *offset = area->source.first * MEMORY_PAGE + (at - area->begin);
    return true;
}

/* --- mapping ---------------------------------------------------------------------------------- */

static int add_area(uintptr_t begin, size_t count, const struct shared_source *source)
{
    struct shared_area *area = NULL;
    if (area_count < SHARED_AREAS_MAX)
        area = alloc_zeroed(1, sizeof *area + count * sizeof area->pages[0]);
    if (!area)
        return -ENOMEM;
    area->begin = begin;
    area->count = area->left = count;
    area->source = *source;
    shared_guard_take();
    area->next = areas;
    areas = area;
    area_count++;
    shared_guard_release();
    return 0;
}

int shared_map(uintptr_t *at, size_t size, unsigned access, bool is_fixed,
               const struct shared_source *source)
{
    if (is_fixed)
        shared_unmap(*at, size);
    int status = memory_map_shared(at, size, access, is_fixed);
    if (status < 0)
        return status;
    status = add_area(*at, (size + MEMORY_PAGE - 1) / MEMORY_PAGE, source);
    if (status < 0)
        (void)memory_unmap(*at, size);
    return status;
}

static bool has_other(uint32_t object, const struct shared_area *than)
{
    for (const struct shared_area *area = areas; area; area = area->next) {
        if (area != than && area->source.object == object)
            return true;
    }
    return false;
}

bool shared_has_object(uint32_t object)
{
    return has_other(object, NULL);
}

/* The first enclave takes from these pages what was written, and forgets them. */
static void bring_home(const struct shared_area *area, size_t from, size_t to, unsigned what)
{
    const uint64_t arguments[6] = {area->source.object, area->source.first + from, to - from,
                                   area->begin + from * MEMORY_PAGE, what};
    lock_keep();
    (void)own_make_long_call(OWN_SHARED_DROP, arguments);
    lock_keep_no_more();
}

/* Those that were only read are still there. */
static void clear(struct shared_area *area, size_t from, size_t to)
{
    struct shared_answer nothing;
    for (size_t i = from; i < to; i++) {
        struct shared_page *page = &area->pages[i];
        if (page->is_gone)
            continue;
        (void)shared_take_away(page, area->begin + i * MEMORY_PAGE, SHARED_NONE, &nothing);
        page->is_gone = true;
        area->left--;
    }
}

static void unmap_part(struct shared_area *area, size_t from, size_t to)
{
    size_t left = area->left;
    for (size_t i = from; i < to; i++)
        left -= !area->pages[i].is_gone;
    if (left == area->left)
        return;
    unsigned what = left > 0                               ? 0
                    : has_other(area->source.object, area) ? SHARED_WHOLE
                                                           : SHARED_LAST;
    bring_home(area, from, to, what);
    shared_guard_take();
    clear(area, from, to);
    shared_guard_release();
}

static void drop_empty(void)
{
    shared_guard_take();
    for (struct shared_area **place = &areas; *place;) {
        struct shared_area *area = *place;
        if (area->left > 0) {
            place = &area->next;
            continue;
        }
        *place = area->next;
        area_count--;
        libos_free(area);
    }
    shared_guard_release();
}

void shared_unmap(uintptr_t at, size_t size)
{
    uintptr_t end;
    if (!areas || __builtin_add_overflow(at, size, &end) || end > UINTPTR_MAX - MEMORY_PAGE)
        return;
    at &= ~(uintptr_t)(MEMORY_PAGE - 1);
    end = (end + MEMORY_PAGE - 1) & ~(uintptr_t)(MEMORY_PAGE - 1);
    for (struct shared_area *area = areas; area; area = area->next) {
        uintptr_t from = at > area->begin ? at : area->begin;
        uintptr_t to = end < end_of(area) ? end : end_of(area);
        if (from < to)
            unmap_part(area, (from - area->begin) / MEMORY_PAGE, (to - area->begin) / MEMORY_PAGE);
    }
    drop_empty();
    memory_unmap_shared(at, end - at);
}

void shared_unmap_all(void)
{
    for (struct shared_area *area = areas; area; area = area->next)
        unmap_part(area, 0, area->count);
    drop_empty();
    memory_unmap_shared(memory_first(), memory_size());
}

/* Whether the area is of the segment whose first page is at the address, if it is of this object; 0
 * for any. */
static bool is_part(const struct shared_area *area, uintptr_t at, uint32_t object)
{
    return area->source.is_segment && area->begin - area->source.first * MEMORY_PAGE == at &&
           (object == 0 || area->source.object == object);
}

/* What mprotect(2) has divided is several areas after a fork, and a part may be gone. */
int shared_detach(uintptr_t at)
{
    uint32_t object = 0;
    uintptr_t begin, size;
    for (struct shared_area *area = areas; area;) {
        if (!is_part(area, at, object)) {
            area = area->next;
            continue;
        }
        object = area->source.object;
        begin = area->begin;
        size = area->count * MEMORY_PAGE;
        shared_unmap(begin, size);
        (void)memory_unmap(begin, size);
        area = areas; /* this one is gone */
    }
    return object != 0 ? 0 : -EINVAL;
}

/* --- changing --------------------------------------------------------------------------------- */

/* What is there with more than is promised from now on. */
static int narrow(const struct shared_area *area, struct shared_page *page, uintptr_t at,
                  unsigned access)
{
    enum shared_mode most = access & MEMORY_WRITE  ? SHARED_WRITE
                            : access & MEMORY_READ ? SHARED_READ
                                                   : SHARED_NONE;
    if (page->mode <= most)
        return 0;
    size_t i = (at - area->begin) / MEMORY_PAGE;
    bring_home(area, i, i + 1, 0);
    struct shared_answer nothing;
    shared_guard_take();
    int status = shared_take_away(page, at, SHARED_NONE, &nothing);
    shared_guard_release();
    return status;
}

int shared_protect(uintptr_t at, size_t size, unsigned access)
{
    int status = 0;
    if (!areas || size == 0 || at % MEMORY_PAGE != 0 || !memory_has(at, size))
        return 0;
    for (uintptr_t one = at; status == 0 && one - at < size; one += MEMORY_PAGE) {
        struct shared_page *page;
        const struct shared_area *area = shared_area_at(one, &page);
        if (area && (access & MEMORY_EXECUTE || (access & MEMORY_WRITE && !area->source.may_write)))
            status = -EACCES;
        else if (area)
            status = narrow(area, page, one, access);
    }
    return status;
}

int shared_resize(uintptr_t *at, size_t size, size_t new_size, bool may_move)
{
    struct shared_page *page;
    const struct shared_area *area = shared_area_at(*at, &page);
    struct memory_run run;
    if (*at % MEMORY_PAGE != 0 || size == 0 || new_size == 0)
        return -EINVAL;
    if (!area || size > end_of(area) - *at || !memory_next(*at, &run) || run.begin != *at)
        return -EFAULT;
    uintptr_t old = *at, to = 0, last = old + ((size - 1) | (MEMORY_PAGE - 1)) + 1;
    if (new_size <= last - old) {
        uintptr_t end = old + ((new_size - 1) | (MEMORY_PAGE - 1)) + 1;
        shared_unmap(end, last - end);
        return end < last ? memory_unmap(end, last - end) : 0;
    }
    if (!may_move)
        return -ENOMEM;
    struct shared_source source = area->source;
    source.first += (old - area->begin) / MEMORY_PAGE;
    int status = shared_map(&to, new_size, run.access, false, &source);
    if (status < 0)
        return status;
    shared_unmap(old, last - old);
    *at = to;
    return memory_unmap(old, last - old);
}

/* --- fork ------------------------------------------------------------------------------------- */

/* The first run of pages at or behind `at`, with whatever access. */
static bool next_pages(uintptr_t at, struct shared_part *out)
{
    bool is_found = false;
    for (const struct shared_area *area = areas; area; area = area->next) {
        size_t i = at > area->begin ? (at - area->begin + MEMORY_PAGE - 1) / MEMORY_PAGE : 0;
        while (i < area->count && area->pages[i].is_gone)
            i++;
        size_t end = i;
        while (end < area->count && !area->pages[end].is_gone)
            end++;
        uintptr_t begin = area->begin + i * MEMORY_PAGE;
        if (i >= area->count || (is_found && begin > out->begin))
            continue;
        is_found = true;
        *out = (struct shared_part){.begin = begin, .pages = end - i, .source = area->source};
        out->source.first += i;
    }
    return is_found;
}

bool shared_next(uintptr_t at, struct shared_part *out)
{
    struct memory_run run;
    if (!next_pages(at, out) || !memory_next(out->begin, &run))
        return false;
    size_t most = (run.end - out->begin) / MEMORY_PAGE;
    out->access = run.access;
    out->pages = out->pages < most ? out->pages : most;
    return true;
}

int shared_take(const struct shared_part *part)
{
    uintptr_t at = part->begin;
    if (part->access > 7 || part->access & MEMORY_EXECUTE || part->pages == 0 ||
        part->pages > memory_size() / MEMORY_PAGE || part->source.object == 0 ||
        part->source.may_write > 1 || part->source.is_segment > 1 ||
        part->source.first > UINT64_MAX / MEMORY_PAGE - part->pages || at % MEMORY_PAGE != 0 ||
        !memory_has(at, part->pages * MEMORY_PAGE))
        return -EPROTO;
    return shared_map(&at, part->pages * MEMORY_PAGE, (unsigned)part->access, true, &part->source);
}
