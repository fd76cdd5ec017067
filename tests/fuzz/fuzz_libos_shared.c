/* An enclave's side of shared memory: grants and recalls of any content, in any order, between
 * mappings that come and go. The processor is played: no page is accepted twice, nothing is done to
 * one that is not there, and who says that it gave a page back has it no more. */
#include "fuzz.h"

#include <string.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/threads/lock.h"

#define PAGES 16
#define P     ((size_t)MEMORY_PAGE)

static _Alignas(4096) uint8_t range[PAGES * 4096];
static unsigned access_of[PAGES]; /* 0 where there is no page */

/* --- what an enclave has around it ------------------------------------------------------------ */

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

void lock_keep(void)
{
}

void lock_keep_no_more(void)
{
}

int64_t door_park(uint64_t until, uint64_t handles)
{
    (void)until;
    (void)handles;
    return 0;
}

static unsigned *find(uintptr_t page)
{
    fuzz_require(page % P == 0 && page >= (uintptr_t)range &&
                 page < (uintptr_t)range + sizeof range);
    return &access_of[(page - (uintptr_t)range) / P];
}

static int accept_page(uintptr_t page)
{
    *find(page) = MEMORY_READ | MEMORY_WRITE;
    return 0;
}

static void extend(uintptr_t page, unsigned access)
{
    fuzz_require(*find(page) != 0);
    *find(page) |= access;
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    for (size_t i = 0; i < size; i += P)
        *find(first + i) &= access;
    return 0;
}

static int accept_copy(uintptr_t page, const uint8_t *bytes, unsigned access)
{
    fuzz_require((uintptr_t)bytes % P == 0 && *find(page) == 0);
    memcpy((void *)page, bytes, P); /* NOLINT: a page */
    *find(page) = access;
    return 0;
}

static int remove_pages(uintptr_t first, size_t size)
{
    for (size_t i = 0; i < size; i += P) {
        fuzz_require(*find(first + i) != 0);
        *find(first + i) = 0;
    }
    return 0;
}

/* --- the input -------------------------------------------------------------------------------- */

static struct {
    const uint8_t *data;
    size_t size;
} rest;

/* Zeros behind the end. */
static void take(void *out, size_t size)
{
    size_t had = size < rest.size ? size : rest.size;
    memset(out, 0, size);
    if (had > 0)
        memcpy(out, rest.data, had);
    rest.data += had;
    rest.size -= had;
}

static uint8_t take_byte(void)
{
    uint8_t byte;
    take(&byte, 1);
    return byte;
}

/* An address in the range, most of the time; now and then any. */
static uintptr_t take_address(void)
{
    uintptr_t any;
    uint8_t byte = take_byte();
    if (byte < 240)
        return (uintptr_t)range + byte % PAGES * P + (byte >= 224);
    take(&any, sizeof any);
    return any;
}

/* The first enclave: grants whatever the input says, as much of its bytes as matters. */
int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6])
{
    if (number == OWN_SHARED_DROP)
        return 0;
    fuzz_require(number == OWN_SHARED_PAGE);
    struct shared_grant *out = (void *)(uintptr_t)arguments[4]; /* NOLINT: it is a grant's */
    memset(out, 0, sizeof *out);
    uint8_t head[4];
    take(head, sizeof head);
    out->serial = head[0];
    out->mode = head[1] < 128 ? head[1] % 4 : head[1] * UINT32_C(0x1010101);
    out->has_bytes = head[2] % 4;
    memset(out->bytes, head[3], sizeof out->bytes);
    return head[2] >= 250 ? -14 : 0;
}

/* --- what is done ----------------------------------------------------------------------------- */

static void map(void)
{
    const struct shared_source source = {1 + take_byte() % 3, take_byte() % 2, take_byte()};
    uintptr_t at = take_address() & ~(P - 1);
    uint8_t how = take_byte();
    if (how % 2 == 0 || !memory_has(at, P))
        at = 0;
    unsigned access = source.may_write ? (unsigned)how / 2 % 4 : (unsigned)how / 2 % 2;
    (void)shared_map(&at, (1 + how / 8 % 4) * P, access, at != 0, &source);
}

static void recall(void)
{
    struct shared_answer answer;
    struct shared_recall one = {take_byte(), take_address(), 0, 0};
    uint8_t mode = take_byte();
    one.mode = mode < 240 ? mode % 3 : mode * UINT32_C(0x1010101);
    int status = shared_give(&one, &answer);
    if (status < 0)
        return;
    fuzz_require(one.mode <= SHARED_READ && one.address % P == 0 && answer.serial == one.serial);
    if (!answer.has_bytes)
        return;
    unsigned left = *find(one.address);
    fuzz_require((left & MEMORY_WRITE) == 0 && (left == 0 || one.mode == SHARED_READ));
    fuzz_require(left == 0 || memcmp(answer.bytes, (void *)one.address, P) == 0); /* NOLINT */
}

static void take_part(void)
{
    struct shared_part part;
    take(&part, sizeof part);
    if (part.begin < PAGES)
        part.begin = (uintptr_t)range + part.begin * P;
    (void)shared_take(&part);
}

static void step(void)
{
    uintptr_t at;
    switch (take_byte() % 8) {
    case 0:
        map();
        break;
    case 1:
        (void)shared_fault(take_address(), (enum shared_wanted)(take_byte() % 3));
        break;
    case 2:
        recall();
        break;
    case 3:
        at = take_address();
        shared_unmap(at, take_byte() * UINT64_C(300));
        break;
    case 4:
        at = take_address();
        (void)shared_protect(at, take_byte() % 5 * P, take_byte() % 8);
        break;
    case 5:
        at = take_address();
        (void)shared_resize(&at, take_byte() * UINT64_C(300), take_byte() * UINT64_C(300), true);
        break;
    case 6:
        take_part();
        break;
    default:
        shared_unmap_all();
    }
}

/* What is there is a mapping's. */
static void check(void)
{
    for (size_t i = 0; i < PAGES; i++)
        fuzz_require(access_of[i] == 0 || shared_has((uintptr_t)range + i * P));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct memory_leaves leaves = {.accept = accept_page,
                                                .extend = extend,
                                                .restrict_access = restrict_access,
                                                .accept_copy = accept_copy,
                                                .remove = remove_pages};
    memset(access_of, 0, sizeof access_of);
    if (memory_init((uintptr_t)range, sizeof range, &leaves) < 0)
        abort();
    memory_be_lazy();
    rest.data = data;
    rest.size = size;
    while (rest.size > 0) {
        step();
        check();
    }
    shared_unmap_all();
    fuzz_require(!shared_is_used());
    return 0;
}
