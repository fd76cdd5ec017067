#include "enclave/libos/program/kept.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/brk.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/shared/shared.h"

#define RUNS_MAX 4096
#define PART     63 /* pages */

/* Pages with bytes, ascending, a part after the other. */
struct part {
    struct part *next;
    size_t count;
    uintptr_t pages[PART];
    uint8_t bytes[PART][MEMORY_PAGE];
};

struct kept {
    struct brk heap;
    struct memory_run *runs; /* of all that was mapped, ascending */
    size_t run_count, page_count;
    struct part *first, *last;
};

static bool is_written(const struct memory_run *run)
{
    return (run->access & MEMORY_WRITE) != 0;
}

/* The page can be looked at: it has been accepted, and with this access. */
static bool is_there(uintptr_t page)
{
    return memory_is_there(page, MEMORY_PAGE, MEMORY_READ | MEMORY_WRITE);
}

static bool is_zero(uintptr_t page)
{
    const uint64_t *words = (const uint64_t *)page;
    size_t i = 0;
    while (i < MEMORY_PAGE / sizeof *words && words[i] == 0)
        i++;
    return i == MEMORY_PAGE / sizeof *words;
}

/* --- taking ----------------------------------------------------------------------------------- */

static int add_part(struct kept *kept)
{
    struct part *part = libos_alloc(sizeof *part);
    if (!part)
        return -ENOMEM;
    part->next = NULL;
    part->count = 0;
    if (kept->last)
        kept->last->next = part;
    else
        kept->first = part;
    kept->last = part;
    return 0;
}

static int keep_page(struct kept *kept, uintptr_t page)
{
    if (kept->page_count == KEPT_PAGES_MAX)
        return -ENOMEM;
    if ((!kept->last || kept->last->count == PART) && add_part(kept) < 0)
        return -ENOMEM;
    struct part *part = kept->last;
    part->pages[part->count] = page;
    memcpy(part->bytes[part->count++], (const void *)page, MEMORY_PAGE);
    kept->page_count++;
    return 0;
}

static int keep_run(struct kept *kept, const struct memory_run *run)
{
    int status = 0;
    for (uintptr_t page = run->begin; status == 0 && page < run->end; page += MEMORY_PAGE)
        status = is_there(page) && !is_zero(page) ? keep_page(kept, page) : 0;
    return status;
}

static int keep(struct kept *kept)
{
    struct memory_run run;
    int status = 0;
    kept->heap = brk_get();
    kept->runs = alloc_array(RUNS_MAX, sizeof *kept->runs);
    if (!kept->runs || shared_is_used())
        return -ENOMEM;
    for (uintptr_t at = 0; status == 0 && memory_next(at, &run); at = run.end) {
        if (kept->run_count == RUNS_MAX)
            return -ENOMEM;
        kept->runs[kept->run_count++] = run;
        status = is_written(&run) ? keep_run(kept, &run) : 0;
    }
    return status;
}

int kept_take(struct kept **out)
{
    struct kept *kept = alloc_zeroed(1, sizeof *kept);
    if (!kept)
        return -ENOMEM;
    int status = keep(kept);
    if (status == 0)
        *out = kept;
    else
        kept_free(kept);
    return status;
}

/* --- putting back ----------------------------------------------------------------------------- */

/* Where one is in the pages with bytes. */
struct place {
    const struct part *part;
    size_t index;
};

/* The bytes of the page, if it has any; pages are asked for ascending. */
static const uint8_t *next_bytes(struct place *place, uintptr_t page)
{
    if (place->part && place->index == place->part->count)
        *place = (struct place){.part = place->part->next};
    if (!place->part || place->part->pages[place->index] != page)
        return NULL;
    return place->part->bytes[place->index++];
}

static void put_run(struct place *place, const struct memory_run *run)
{
    for (uintptr_t page = run->begin; page < run->end; page += MEMORY_PAGE) {
        const uint8_t *bytes = next_bytes(place, page);
        if (bytes)
            memcpy((void *)page, bytes, MEMORY_PAGE); /* NOLINT: it was there, and still is */
        else if (is_there(page) && !is_zero(page))
            memset((void *)page, 0, MEMORY_PAGE); /* NOLINT: likewise */
    }
}

/* What is mapped now and was not. */
static void unmap_new(const struct kept *kept)
{
    struct memory_run now;
    size_t i = 0;
    for (uintptr_t at = 0; memory_next(at, &now); at = now.end) {
        while (i < kept->run_count && kept->runs[i].end <= now.begin)
            i++;
        uintptr_t end = i < kept->run_count ? kept->runs[i].begin : UINTPTR_MAX;
        if (end <= now.begin) /* it was there: what is behind comes next */
            now.end = now.end < kept->runs[i].end ? now.end : kept->runs[i].end;
        else
            (void)memory_unmap(now.begin, (now.end < end ? now.end : end) - now.begin);
    }
}

/* How far the heap has ever reached stays: what is behind its end is cleared when it comes again.
 */
static void put_heap(const struct brk *heap)
{
    struct brk back = *heap;
    back.most = brk_get().most;
    (void)brk_set(&back);
}

void kept_put_back(const struct kept *kept)
{
    struct place place = {.part = kept->first};
    for (size_t i = 0; i < kept->run_count; i++) {
        if (is_written(&kept->runs[i]))
            put_run(&place, &kept->runs[i]);
    }
    unmap_new(kept);
    put_heap(&kept->heap);
}

void kept_free(struct kept *kept)
{
    if (!kept)
        return;
    while (kept->first) {
        struct part *next = kept->first->next;
        libos_free(kept->first);
        kept->first = next;
    }
    libos_free(kept->runs);
    libos_free(kept);
}
