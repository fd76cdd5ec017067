/* Pages of an enclave's own mappings come and go: the first enclave and the processor are played.
 */
#include <errno.h>

#include "../../../check.h"
#include "../heap.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/shared/home.h"

#define PAGES  16
#define P      ((size_t)MEMORY_PAGE)
#define OBJECT 5
#define RW     (MEMORY_READ | MEMORY_WRITE)

static _Alignas(4096) uint8_t range[PAGES * 4096];
static unsigned access_of[PAGES]; /* by the processor's word; 0 where there is none */
static bool fails;

/* Nobody has to wait. */
uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)b;
    (void)c;
    assert_int_equal(number, DOOR_WAKE);
    return 0;
}

static unsigned *find(uintptr_t page)
{
    assert_true(page % P == 0 && page >= (uintptr_t)range &&
                page < (uintptr_t)range + sizeof range);
    return &access_of[(page - (uintptr_t)range) / P];
}

static int accept_page(uintptr_t page)
{
    *find(page) = RW;
    return 0;
}

static void extend(uintptr_t page, unsigned access)
{
    assert_int_not_equal(*find(page), 0);
    *find(page) |= access;
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    assert_int_equal(size, P);
    *find(first) &= fails ? ~0U : access;
    return fails ? -EIO : 0;
}

static int accept_copy(uintptr_t page, const uint8_t *bytes, unsigned access)
{
    assert_true((uintptr_t)bytes % P == 0 && *find(page) == 0);
    if (fails)
        return -EIO;
    memcpy((void *)page, bytes, P); /* NOLINT: a page */
    *find(page) = access;
    return 0;
}

static int remove_pages(uintptr_t first, size_t size)
{
    for (size_t i = 0; i < size; i += P) {
        assert_int_not_equal(*find(first + i), 0);
        *find(first + i) = 0;
    }
    return fails ? -EIO : 0;
}

/* --- the first enclave ------------------------------------------------------------------------ */

static struct {
    struct shared_grant grant; /* the next answer */
    int status;
    int asked;
    uint64_t number, address, wanted; /* of the last one */
    uint64_t dropped[5];
    int drops;
} first;

int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6])
{
    assert_int_equal(arguments[0], OBJECT);
    if (number == OWN_SHARED_DROP) {
        memcpy(first.dropped, arguments, sizeof first.dropped);
        first.drops++;
        return 0;
    }
    assert_int_equal(number, OWN_SHARED_PAGE);
    first.asked++;
    first.number = arguments[1];
    first.address = arguments[2];
    first.wanted = arguments[3];
    memcpy((void *)arguments[4], &first.grant, sizeof first.grant); /* NOLINT: it is a grant's */
    return first.status;
}

static void grants(uint64_t serial, enum shared_mode mode, const char *bytes)
{
    first.grant.serial = serial;
    first.grant.mode = mode;
    first.grant.has_bytes = bytes != NULL;
    memset(first.grant.bytes, 0, sizeof first.grant.bytes);
    if (bytes)
        memcpy(first.grant.bytes, bytes, strlen(bytes));
}

static int set_up(void **state)
{
    static const struct memory_leaves leaves = {.accept = accept_page,
                                                .extend = extend,
                                                .restrict_access = restrict_access,
                                                .accept_copy = accept_copy,
                                                .remove = remove_pages};
    (void)state;
    fails = false;
    shared_unmap_all();
    memset(&first, 0, sizeof first);
    memset(access_of, 0, sizeof access_of);
    assert_int_equal(memory_init((uintptr_t)range, sizeof range, &leaves), 0);
    memory_be_lazy();
    return 0;
}

static uintptr_t map(size_t pages, unsigned access, bool may_write)
{
    const struct shared_source source = {OBJECT, may_write, 0, 100};
    uintptr_t at = 0;
    assert_int_equal(shared_map(&at, pages * P, access, false, &source), 0);
    return at;
}

static int give(uint64_t serial, uintptr_t at, enum shared_mode mode, struct shared_answer *out)
{
    const struct shared_recall recall = {serial, at, mode, 0};
    return shared_give(&recall, out);
}

/* --- coming ----------------------------------------------------------------------------------- */

static void a_page_comes_at_a_fault(void **state)
{
    (void)state;
    uintptr_t at = map(3, RW, true);
    assert_int_equal(*find(at + P), 0);
    grants(1, SHARED_READ, "bytes");
    assert_int_equal(shared_fault(at + P + 7, SHARED_WANTS_EITHER), 1);
    assert_true(first.number == 101 && first.address == at + P &&
                first.wanted == SHARED_WANTS_EITHER);
    assert_int_equal(*find(at + P), MEMORY_READ);
    assert_memory_equal((void *)(at + P), "bytes", 6);              /* NOLINT: a page */
    assert_int_equal(shared_fault(at + P, SHARED_WANTS_EITHER), 1); /* another thread's */
    assert_int_equal(first.asked, 1);
    grants(2, SHARED_WRITE, NULL);
    assert_int_equal(shared_fault(at + P, SHARED_WANTS_WRITE), 1);
    assert_int_equal(*find(at + P), RW);
    assert_int_equal(first.asked, 2);
}

static void what_is_not_allowed_is_no_fault_of_ours(void **state)
{
    (void)state;
    uintptr_t at = map(1, MEMORY_READ, false), none = map(1, 0, false);
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), 0);
    assert_int_equal(shared_fault(none, SHARED_WANTS_READ), 0);
    assert_int_equal(shared_fault((uintptr_t)range + 9 * P, SHARED_WANTS_READ), 0);
    assert_int_equal(first.asked, 0);
    grants(1, SHARED_READ, "");
    assert_int_equal(shared_fault(at, SHARED_WANTS_EITHER), 1);
    assert_int_equal(first.wanted, SHARED_WANTS_READ); /* it may not be written to */
    assert_int_equal(shared_protect(at, P, RW), -EACCES);
    assert_int_equal(shared_protect(at, P, MEMORY_READ | MEMORY_EXECUTE), -EACCES);
}

static void refuses_a_grant_that_does_not_fit(void **state)
{
    struct shared_answer out;
    (void)state;
    uintptr_t at = map(1, RW, true);
    grants(1, SHARED_WRITE, NULL); /* no bytes, and none are there */
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), -EPROTO);
    grants(2, SHARED_WRITE + 1, "");
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), -EPROTO);
    grants(3, SHARED_NONE, "");
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), -EPROTO);
    grants(4, SHARED_WRITE, "");
    fails = true; /* the host gives no page */
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), -EIO);
    assert_int_equal(give(4, at, SHARED_NONE, &out), 0); /* and so there is nothing to give back */
    assert_int_equal(out.has_bytes, 0);
    fails = false;
    first.status = -EFAULT;
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), -EFAULT);
    assert_int_equal(*find(at), 0);
}

/* --- going ------------------------------------------------------------------------------------ */

static void a_page_goes_when_it_is_recalled(void **state)
{
    struct shared_answer out;
    (void)state;
    uintptr_t at = map(2, RW, true);
    grants(4, SHARED_WRITE, "");
    assert_int_equal(give(4, at, SHARED_NONE, &out), -EAGAIN); /* it is on its way */
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), 1);
    assert_int_equal(give(4, at, SHARED_READ, &out), -EBUSY); /* once: it has just come */
    memcpy((void *)at, "written", 7);                         /* NOLINT: a page */
    assert_int_equal(give(4, at, SHARED_READ, &out), 0);
    assert_true(out.has_bytes && out.serial == 4 && memcmp(out.bytes, "written", 7) == 0);
    assert_int_equal(*find(at), MEMORY_READ);
    assert_int_equal(give(4, at, SHARED_NONE, &out), 0);
    assert_int_equal(out.has_bytes, 0); /* they are at home */
    assert_int_equal(*find(at), 0);
    assert_int_equal(give(3, at, SHARED_NONE, &out), 0); /* of a grant before */
    assert_int_equal(give(4, at + P, SHARED_NONE, &out), -EAGAIN);
    grants(5, SHARED_READ, "again");
    assert_int_equal(shared_fault(at, SHARED_WANTS_READ), 1);
    assert_int_equal(give(4, at, SHARED_NONE, &out), 0); /* likewise: it keeps the later one */
    assert_int_equal(*find(at), MEMORY_READ);
}

static void refuses_recalls_that_are_none(void **state)
{
    struct shared_answer out;
    (void)state;
    uintptr_t at = map(1, RW, true);
    assert_int_equal(give(1, at, SHARED_WRITE, &out), -EPROTO);
    assert_int_equal(give(1, at + 1, SHARED_NONE, &out), -EPROTO);
    assert_int_equal(give(1, at + 5 * P, SHARED_NONE, &out), 0); /* no page of ours */
    assert_int_equal(give(1, 0, SHARED_NONE, &out), 0);
    grants(1, SHARED_WRITE, "");
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), 1);
    (void)give(1, at, SHARED_NONE, &out);
    fails = true;
    assert_int_equal(give(1, at, SHARED_NONE, &out), -EIO);
    assert_int_equal(out.has_bytes, 0); /* what others may still write to is not told */
}

/* --- mappings --------------------------------------------------------------------------------- */

static void unmapping_brings_home(void **state)
{
    struct shared_answer out;
    uint32_t object;
    uint64_t offset;
    (void)state;
    uintptr_t at = map(4, RW, true);
    grants(1, SHARED_READ, "");
    assert_int_equal(shared_fault(at + P, SHARED_WANTS_READ), 1);
    shared_unmap(at + P, 2 * P);
    const uint64_t part[5] = {OBJECT, 101, 2, at + P, false};
    assert_memory_equal(first.dropped, part, sizeof part);
    assert_int_equal(*find(at + P), 0);
    assert_false(memory_has_shared(at + P, 2 * P));
    assert_true(shared_has(at) && !shared_has(at + P) && shared_has(at + 3 * P));
    assert_int_equal(give(1, at + P, SHARED_NONE, &out), 0);
    assert_true(shared_find(at + 3 * P + 5, &object, &offset));
    assert_true(object == OBJECT && offset == 103 * P + 5);
    shared_unmap(at + P, 2 * P); /* nothing is left of it */
    assert_int_equal(first.drops, 1);
    shared_unmap(at, 4 * P);
    assert_true(first.dropped[4]); /* the last one */
    assert_false(shared_is_used());
}

static void a_mapping_takes_the_place_of_another(void **state)
{
    const struct shared_source source = {OBJECT, true, 0, 7};
    uint64_t offset;
    uint32_t object;
    (void)state;
    uintptr_t at = map(3, RW, true), middle = at + P;
    assert_int_equal(shared_map(&middle, P, RW, true, &source), 0);
    assert_int_equal(first.drops, 1);
    assert_false(first.dropped[4]); /* the object has others */
    assert_true(shared_find(middle, &object, &offset));
    assert_int_equal(offset, 7 * P);
    heap_left = 0;
    uintptr_t elsewhere = 0;
    assert_int_equal(shared_map(&elsewhere, P, RW, false, &source), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(memory_used(), 3);
}

static void narrowing_takes_the_page_away(void **state)
{
    (void)state;
    uintptr_t at = map(1, RW, true);
    grants(1, SHARED_WRITE, "");
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), 1);
    assert_int_equal(shared_protect(at, P, MEMORY_READ), 0);
    assert_int_equal(memory_protect(at, P, MEMORY_READ), 0);
    assert_int_equal(*find(at), 0);
    assert_int_equal(first.drops, 1);
    assert_int_equal(shared_fault(at, SHARED_WANTS_WRITE), 0);
}

static void mappings_move_shrink_and_are_told(void **state)
{
    struct shared_part part;
    uint64_t offset;
    uint32_t object;
    (void)state;
    uintptr_t at = map(4, RW, true), old = at;
    assert_int_equal(shared_resize(&at, 5 * P, P, true), -EFAULT);
    assert_int_equal(shared_resize(&at, 4 * P, 2 * P, false), 0);
    assert_false(shared_has(at + 2 * P));
    assert_int_equal(shared_resize(&at, 2 * P, 6 * P, false), -ENOMEM);
    at += P;
    assert_int_equal(shared_resize(&at, P, 6 * P, true), 0);
    assert_true(shared_find(at + 5 * P, &object, &offset));
    assert_int_equal(offset, 106 * P);
    assert_false(shared_has(old + P));
    assert_int_equal(memory_protect(at, P, MEMORY_READ), 0);
    assert_true(shared_next(0, &part));
    assert_true(part.begin == old && part.pages == 1 && part.source.first == 100);
    assert_true(shared_next(old + P, &part));
    assert_true(part.begin == at && part.pages == 1 && part.access == MEMORY_READ);
    assert_true(shared_next(at + P, &part));
    assert_true(part.pages == 5 && part.access == RW && part.source.first == 102);
    assert_false(shared_next(at + 6 * P, &part));
}

static void a_segment_is_detached_by_its_address_alone(void **state)
{
    const struct shared_source segment = {OBJECT, 1, 1, 0}, rest = {OBJECT, 1, 1, 2};
    uintptr_t plain = map(2, RW, true), at = 0, other = 0, second;
    (void)state;
    assert_int_equal(shared_detach(plain), -EINVAL); /* no segment */
    assert_int_equal(shared_map(&at, 2 * P, RW, false, &segment), 0);
    second = at + 2 * P; /* as a fork leaves what mprotect(2) has divided */
    assert_int_equal(shared_map(&second, P, MEMORY_READ, true, &rest), 0);
    assert_int_equal(shared_map(&other, 3 * P, RW, false, &segment), 0);
    assert_int_equal(shared_detach(at + P), -EINVAL);
    assert_int_equal(shared_detach(second), -EINVAL);
    assert_int_equal(shared_detach(0), -EINVAL);
    assert_int_equal(first.drops, 0);
    assert_int_equal(shared_detach(at), 0);
    assert_int_equal(first.drops, 2);
    assert_int_equal(first.dropped[4], SHARED_WHOLE);
    assert_false(shared_has(at) || shared_has(second) || memory_allows(at, 3 * P, 0));
    assert_true(shared_has(other) && shared_has(plain) && shared_has_object(OBJECT));
    assert_int_equal(shared_detach(at), -EINVAL);
    assert_int_equal(shared_detach(other), 0);
    shared_unmap(plain, 2 * P);
    assert_int_equal(first.dropped[4], SHARED_LAST);
    assert_false(shared_has_object(OBJECT));
}

static void takes_parts_and_refuses_others(void **state)
{
    const struct shared_part good = {
        .begin = (uintptr_t)range + P, .pages = 2, .source = {OBJECT, 1, 0, 3}, .access = RW};
    struct shared_part bad = good;
    uint64_t offset;
    uint32_t object;
    (void)state;
    bad.pages = 0;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad.pages = PAGES;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad.pages = UINT64_MAX / P + 2;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.begin++;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.access = 7;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.source.object = 0;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.source.may_write = 2;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.source.is_segment = 2;
    assert_int_equal(shared_take(&bad), -EPROTO);
    bad = good;
    bad.source.first = UINT64_MAX;
    assert_int_equal(shared_take(&bad), -EPROTO);
    assert_false(shared_is_used());
    assert_int_equal(shared_take(&good), 0);
    assert_true(shared_find(good.begin + P, &object, &offset));
    assert_int_equal(offset, 4 * P);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_page_comes_at_a_fault, set_up),
        cmocka_unit_test_setup(what_is_not_allowed_is_no_fault_of_ours, set_up),
        cmocka_unit_test_setup(refuses_a_grant_that_does_not_fit, set_up),
        cmocka_unit_test_setup(a_page_goes_when_it_is_recalled, set_up),
        cmocka_unit_test_setup(refuses_recalls_that_are_none, set_up),
        cmocka_unit_test_setup(unmapping_brings_home, set_up),
        cmocka_unit_test_setup(a_segment_is_detached_by_its_address_alone, set_up),
        cmocka_unit_test_setup(a_mapping_takes_the_place_of_another, set_up),
        cmocka_unit_test_setup(narrowing_takes_the_page_away, set_up),
        cmocka_unit_test_setup(mappings_move_shrink_and_are_told, set_up),
        cmocka_unit_test_setup(takes_parts_and_refuses_others, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
