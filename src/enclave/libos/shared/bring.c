/* Pages of an enclave's own mappings, that come and go. */
#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/shared/areas.h"
#include "enclave/libos/threads/lock.h"

/* --- they come -------------------------------------------------------------------------------- */

static unsigned access_of(enum shared_mode mode)
{
    return mode == SHARED_WRITE ? MEMORY_READ | MEMORY_WRITE : MEMORY_READ;
}

/* With the guard. What was granted is had by nobody else; what does not fit is not believed. */
static int put_page(struct shared_page *page, uintptr_t at, const struct shared_grant *grant)
{
    static _Alignas(MEMORY_PAGE) uint8_t bytes[MEMORY_PAGE]; /* the guard's */
    const struct memory_leaves *leaves = memory_get_leaves();
    page->serial = grant->serial;
    if ((grant->has_bytes != 0) != (page->mode == SHARED_NONE) || grant->mode <= page->mode ||
        grant->mode > SHARED_WRITE)
        return -EPROTO;
    if (page->mode == SHARED_READ) {
        leaves->extend(at, access_of(SHARED_WRITE));
    } else {
        memcpy(bytes, grant->bytes, sizeof bytes);
        int status = leaves->accept_copy(at, bytes, access_of(grant->mode));
        if (status < 0)
            return status;
    }
    page->mode = (uint8_t)grant->mode;
    page->is_fresh = true;
    return 0;
}

static int ask(const struct shared_area *area, uintptr_t at, enum shared_wanted wanted,
               struct shared_grant *out)
{
    const uint64_t arguments[6] = {area->source.object,
                                   area->source.first + (at - area->begin) / MEMORY_PAGE, at,
                                   wanted, (uintptr_t)out};
    return (int)own_make_long_call(OWN_SHARED_PAGE, arguments);
}

/* The lock is kept throughout: nothing becomes of the mapping meanwhile. */
static int bring(const struct shared_area *area, struct shared_page *page, uintptr_t at,
                 enum shared_wanted wanted)
{
    static struct shared_grant grant; /* the lock's */
    lock_keep();
    int status = ask(area, at, wanted, &grant);
    if (status == 0) {
        shared_guard_take();
        status = put_page(page, at, &grant);
        shared_guard_release();
    }
    lock_keep_no_more();
    return status < 0 ? status : 1;
}

int shared_fault(uintptr_t at, enum shared_wanted wanted)
{
    struct shared_page *page;
    const struct shared_area *area = shared_area_at(at, &page);
    bool writes = wanted == SHARED_WANTS_WRITE;
    bool may_write = memory_allows(at, 1, MEMORY_READ | MEMORY_WRITE);
    if (!area || !memory_allows(at, 1, MEMORY_READ) || (writes && !may_write))
        return 0;
    if (__atomic_load_n(&page->mode, __ATOMIC_SEQ_CST) >= (writes ? SHARED_WRITE : SHARED_READ))
        return 1; /* it has come for another thread */
    if (!may_write)
        wanted = SHARED_WANTS_READ;
    return bring(area, page, at & ~(uintptr_t)(MEMORY_PAGE - 1), wanted);
}

/* --- they go ---------------------------------------------------------------------------------- */

int shared_take_away(struct shared_page *page, uintptr_t at, enum shared_mode mode,
                     struct shared_answer *out)
{
    const struct memory_leaves *leaves = memory_get_leaves();
    out->has_bytes = 0;
    if (page->mode == SHARED_WRITE && mode < SHARED_WRITE) {
        if (leaves->restrict_access(at, MEMORY_PAGE, MEMORY_READ) < 0)
            return -EIO;
        memcpy(out->bytes, (const void *)at, MEMORY_PAGE); /* NOLINT: it is there */
        out->has_bytes = 1;
        page->mode = SHARED_READ;
    }
    if (page->mode == SHARED_READ && mode == SHARED_NONE) {
        if (leaves->remove(at, MEMORY_PAGE) < 0)
            return -EIO;
        page->mode = SHARED_NONE;
    }
    return 0;
}

static int give(const struct shared_recall *recall, struct shared_answer *out)
{
    struct shared_page *page;
    if (!shared_area_at(recall->address, &page) || page->serial > recall->serial)
        return 0; /* it went before */
    if (page->serial < recall->serial)
        return -EAGAIN;
    if (page->is_fresh) {
        page->is_fresh = false;
        return -EBUSY;
    }
    return shared_take_away(page, recall->address, (enum shared_mode)recall->mode, out);
}

int shared_give(const struct shared_recall *recall, struct shared_answer *out)
{
    out->serial = recall->serial;
    out->has_bytes = out->zero = 0;
    if (recall->mode > SHARED_READ || recall->address % MEMORY_PAGE != 0)
        return -EPROTO;
    shared_guard_take();
    int status = give(recall, out);
    shared_guard_release();
    return status;
}
