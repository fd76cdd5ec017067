/* A program goes from one enclave to another: pages are played by memory with real protection, the
 * wire by a recorder, of which every message is spoiled in turn. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/snapshot.h"

#define P            ((size_t)MEMORY_PAGE)
#define PAGES        ((size_t)66000) /* brk's heap is among them */
#define MESSAGES_MAX 64
#define RW           (MEMORY_READ | MEMORY_WRITE)

/* --- what stands around ----------------------------------------------------------------------- */

const uint8_t program_call[1];
static uint64_t fs;
static uint8_t vectors[PROGRAM_VECTORS_SIZE];

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number;
    (void)a;
    (void)b;
    (void)c;
    return 0;
}

void program_set_fs(uint64_t address)
{
    fs = address;
}

void program_save_vectors(void *area)
{
    memset(area, 0x77, PROGRAM_VECTORS_SIZE);
}

void program_load_vectors(const void *area)
{
    memcpy(vectors, area, sizeof vectors);
}

/* --- an enclave's pages ----------------------------------------------------------------------- */

static uint8_t *range;
static unsigned access_of[PAGES];
static int accepts_left;

static int protect(uintptr_t page, unsigned access)
{
    access_of[(page - (uintptr_t)range) / P] = access;
    return mprotect((void *)page, P, (int)access); /* NOLINT: a page */
}

static int accept_page(uintptr_t page)
{
    if (accepts_left-- == 0)
        return -EIO;
    return protect(page, RW);
}

static void extend(uintptr_t page, unsigned access)
{
    (void)protect(page, access_of[(page - (uintptr_t)range) / P] | access);
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    for (size_t i = 0; i < size; i += P)
        assert_int_equal(protect(first + i, access), 0);
    return 0;
}

/* At the same address as the one before. */
static void begin_enclave(void)
{
    static const struct memory_leaves leaves = {accept_page, extend, restrict_access};
    int fixed = range ? MAP_FIXED : 0;
    range = mmap(range, PAGES * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed,
                 -1, 0);
    assert_true(range != MAP_FAILED);
    memset(access_of, 0, sizeof access_of);
    accepts_left = -1;
    memory_init((uintptr_t)range, PAGES * P, &leaves);
}

static void map(size_t page, size_t count, unsigned access)
{
    uintptr_t at = (uintptr_t)range + page * P;
    assert_int_equal(memory_map(&at, count * P, access, true), 0);
}

/* --- the wire --------------------------------------------------------------------------------- */

static struct message {
    _Alignas(64) uint8_t bytes[SNAPSHOT_MESSAGE_MAX];
    size_t size;
} messages[MESSAGES_MAX], kept;
static size_t count, next;
static size_t fail_at;

static int record(void *argument, const void *bytes, size_t size)
{
    (void)argument;
    assert_true(count < MESSAGES_MAX && size > 0 && size <= SNAPSHOT_MESSAGE_MAX);
    if (count == fail_at)
        return -EPIPE;
    memcpy(messages[count].bytes, bytes, size);
    messages[count++].size = size;
    return 0;
}

static int64_t play(void *argument, void *out, size_t room)
{
    (void)argument;
    if (next == count)
        return 0;
    size_t size = messages[next].size;
    if (size > room)
        return -EMSGSIZE;
    memcpy(out, messages[next++].bytes, size);
    return (int64_t)size;
}

static const struct snapshot_sink sink = {record, NULL};
static const struct snapshot_source source = {play, NULL};
static struct snapshot *taken;

static int take(void)
{
    taken = NULL;
    next = 0;
    begin_enclave();
    return snapshot_take(&source, &taken);
}

static void *message(size_t index)
{
    return messages[index].bytes;
}

/* --- a program -------------------------------------------------------------------------------- */

static struct snapshot_thread thread = {.fs = 0x1000, .clear_number = 0x3000, .robust = 0x4000};

static const struct {
    size_t page, count;
    unsigned access;
    size_t written; /* pages that have bytes */
} parts[] = {
    {1, 20, RW, 19},
    {21, 2, MEMORY_READ, 2},
    {23, 1, MEMORY_READ | MEMORY_EXECUTE, 1},
    {30, 1, 0, 1},
    {31, 3, 0, 0},
    {40, 2, RW | MEMORY_EXECUTE, 1},
    {4990, 10, MEMORY_READ, 0},
};
#define PARTS (sizeof parts / sizeof *parts)

static uint8_t byte_of(size_t page, size_t at)
{
    return (uint8_t)(page * 31 + at * 7 + 1);
}

static int start(void **state)
{
    (void)state;
    count = next = 0;
    fail_at = SIZE_MAX;
    begin_enclave();
    for (size_t i = 0; i < PARTS; i++) {
        map(parts[i].page, parts[i].count, RW);
        for (size_t page = parts[i].page; page < parts[i].page + parts[i].written; page++) {
            for (size_t at = 0; at < P; at++)
                range[page * P + at] = byte_of(page, at);
        }
        if (parts[i].access == 0 && parts[i].written == 0)
            map(parts[i].page, parts[i].count, 0);
        assert_int_equal(memory_protect((uintptr_t)range + parts[i].page * P, parts[i].count * P,
                                        parts[i].access),
                         0);
    }
    brk_begin((uintptr_t)range + 50 * P);
    thread.frame = (struct program_frame){
        .rip = 0x5000, .rsp = 0x6000, .rax = 57, .r15 = 15, .number = 39};
    thread.set_number = (uintptr_t)range + P + 8;
    return 0;
}

static int start_sent(void **state)
{
    (void)start(state);
    assert_int_equal(snapshot_send(&thread, &sink), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    snapshot_free(taken);
    taken = NULL;
    return 0;
}

static void check_part(size_t i)
{
    for (size_t page = parts[i].page; page < parts[i].page + parts[i].count; page++) {
        bool is_written = page < parts[i].page + parts[i].written;
        uintptr_t at = (uintptr_t)range + page * P;
        assert_int_equal(access_of[page], parts[i].access);
        assert_int_equal(mprotect((void *)at, P, PROT_READ), 0); /* NOLINT: a page */
        for (size_t byte = 0; byte < P; byte++)
            assert_int_equal(range[page * P + byte], is_written ? byte_of(page, byte) : 0);
    }
}

/* --- what goes well --------------------------------------------------------------------------- */

static void a_child_has_the_memory_as_it_was(void **state)
{
    size_t used = memory_used();
    (void)state;
    for (size_t i = 0; i < PARTS; i++) /* sending changed nothing */
        assert_int_equal(access_of[parts[i].page], parts[i].access);
    assert_int_equal(take(), 0);
    assert_int_equal(memory_used(), used);
    for (size_t i = 0; i < PARTS; i++)
        check_part(i);
    assert_int_equal(accepts_left, -1 - 36); /* all that have an access or bytes */
}

static void pages_of_zeros_are_not_sent(void **state)
{
    (void)state;
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += messages[i].size;
    assert_true(all > 24 * P && all < 24 * P + sizeof(struct snapshot) + 4096);
}

static void a_child_has_what_its_parent_s_thread_had(void **state)
{
    struct thread *self = thread_self();
    const struct signal_action handled = {.handler = 0x5555, .flags = 4, .mask = 2};
    struct program_frame frame;
    (void)state;
    self->signals.mask = 0x10;
    self->signals.stack = 0x7000;
    self->signals.stack_size = 8192;
    memcpy(self->name, "parent", 7);
    assert_int_equal(signal_set_action(10, &handled, NULL), 0);
    assert_int_equal(snapshot_send(&thread, &sink), 0);
    *self = (struct thread){.number = 77};
    signal_reset();
    assert_int_equal(take(), 0);
    snapshot_resume(taken, &frame);
    assert_int_equal(frame.rip, 0x5000);
    assert_int_equal(frame.rsp, 0x6000);
    assert_int_equal(frame.r15, 15);
    assert_int_equal(frame.rax, 57);
    assert_int_equal(frame.is_whole, 1);
    assert_int_equal(frame.flags, PROGRAM_FLAGS_FIXED);
    assert_int_equal(frame.number, 39); /* a call that it makes first */
    assert_int_equal(fs, 0x1000);
    assert_int_equal(self->signals.mask, 0x10);
    assert_int_equal(self->signals.stack, 0x7000);
    assert_int_equal(self->signals.stack_size, 8192);
    assert_int_equal(self->clear_number, 0x3000);
    assert_int_equal(self->robust, 0x4000);
    assert_string_equal(self->name, "parent");
    assert_memory_equal(signal_action(10), &handled, sizeof handled);
    assert_int_equal(range[P + 8], 77); /* its own number */
    assert_int_equal(brk_get().now, (uintptr_t)range + 50 * P);
    assert_int_equal(vectors[0], 0x77);
    assert_int_equal(vectors[27], 0);          /* reserved bits of MXCSR */
    assert_int_equal(vectors[512 + 8], 0);     /* and of the header */
    assert_int_equal(vectors[512] & ~0x77, 0); /* components that were there */
}

static void a_number_is_written_to_the_program_s_memory_alone(void **state)
{
    static int other = 5;
    struct program_frame frame;
    (void)state;
    thread.set_number = (uintptr_t)&other;
    assert_int_equal(snapshot_send(&thread, &sink), 0);
    assert_int_equal(take(), 0);
    snapshot_resume(taken, &frame);
    assert_int_equal(other, 5);
}

static void many_runs_and_pages_go_as_few(void **state)
{
    (void)state;
    begin_enclave();
    for (size_t page = 0; page < 4800; page += 2) {
        map(page, 1, page % 4 ? RW : MEMORY_READ);
        if (page % 96 == 2)
            range[page * P + 5] = 1;
    }
    brk_begin((uintptr_t)range);
    assert_int_equal(snapshot_send(&thread, &sink), 0);
    assert_int_equal(take(), 0);
    assert_int_equal(memory_used(), 2400);
    for (size_t page = 0; page < 4800; page += 2)
        assert_int_equal(range[page * P + 5], page % 96 == 2);
}

/* --- what does not ---------------------------------------------------------------------------- */

static void what_the_wire_says_ends_it(void **state)
{
    (void)state;
    size_t all = count;
    for (size_t place = 0; place < all; place++) {
        (void)start(state);
        fail_at = place;
        assert_int_equal(snapshot_send(&thread, &sink), -EPIPE);
    }
}

static void refuses_what_is_cut_anywhere(void **state)
{
    (void)state;
    size_t all = count;
    for (count = 0; count < all; count++)
        assert_int_equal(take(), -EPROTO);
    for (size_t i = 0; i < all; i++) {
        size_t whole = messages[i].size;
        const size_t sizes[] = {1, 3, 4, 7, 8, whole / 2, whole - 1, whole + 1};
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            messages[i].size = sizes[k];
            assert_true(take() < 0);
        }
        messages[i].size = whole;
    }
    assert_int_equal(take(), 0);
}

static void refuses_messages_out_of_order(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < count; i++) {
        if (i > 1 && i + 2 < count && messages[i].size == messages[i + 1].size)
            continue;
        kept = messages[i];
        messages[i] = messages[i + 1];
        messages[i + 1] = kept;
        assert_int_equal(take(), -EPROTO);
        messages[i + 1] = messages[i];
        messages[i] = kept;
    }
    for (uint32_t kind = 0; kind < 8; kind++) {
        for (size_t i = 0; i < count; i++) {
            uint32_t before = *(uint32_t *)message(i);
            *(uint32_t *)message(i) = kind;
            assert_int_equal(take() == 0, kind == before);
            snapshot_free(taken);
            *(uint32_t *)message(i) = before;
        }
    }
}

/* Each word of the runs' and pages' heads, by what it must not be. */
static void refuses_runs_that_cannot_be(void **state)
{
    struct memory_run *runs = (void *)((uint8_t *)message(1) + 8); /* NOLINT: as it was made */
    const struct memory_run good = runs[1];
    uintptr_t begin = (uintptr_t)range;
    const struct memory_run bad[] = {
        {good.begin - P, good.end, good.access}, /* on another's page */
        {good.begin, good.begin, good.access},   /* empty */
        {good.end, good.begin, good.access},     /* the wrong way round */
        {good.begin + 1, good.end, good.access}, /* no pages */
        {good.begin, good.end - 1, good.access},
        {good.begin, good.end, 8},              /* no access */
        {good.begin, runs[2].end, good.access}, /* on the next one's */
        {good.begin, begin + (PAGES + 1) * P, good.access},
        {good.begin, UINTPTR_MAX - P + 1, good.access},
        {begin - P, begin, good.access},
        {0, P, good.access},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        runs[1] = bad[i];
        assert_int_equal(take(), -EPROTO);
    }
    runs[1] = good;
    uint32_t *number = (uint32_t *)message(1) + 1;
    (*number)--;
    assert_int_equal(take(), -EPROTO);
    *number += 2;
    assert_int_equal(take(), -EPROTO);
    *number = 0;
    assert_int_equal(take(), -EPROTO);
}

static void refuses_pages_that_cannot_be(void **state)
{
    uint64_t *pages = (uint64_t *)message(2) + 1;
    const uint64_t good = pages[3];
    uintptr_t begin = (uintptr_t)range;
    const uint64_t bad[] = {pages[2],       pages[1],          good + 1,  good - 1,       begin,
                            begin + 24 * P, begin + PAGES * P, begin - P, UINT64_MAX - P, 0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pages[3] = bad[i];
        assert_int_equal(take(), -EPROTO);
    }
    pages[3] = good;
    uint32_t *number = (uint32_t *)message(2) + 1;
    const uint32_t numbers[] = {0, *number - 1, *number + 1, UINT32_MAX, 0x80000000};
    uint32_t right = *number;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *number = numbers[i];
        assert_int_equal(take(), -EPROTO);
    }
    *number = right;
    (*((uint64_t *)message(count - 1) + 1))++; /* more than came */
    assert_int_equal(take(), -EPROTO);
}

static void refuses_a_state_that_cannot_be(void **state)
{
    struct snapshot *sent = (void *)((uint8_t *)message(0) + 64); /* NOLINT: as it was made */
    struct snapshot good = *sent;
    uintptr_t begin = (uintptr_t)range;
    struct {
        uint64_t *place, value;
    } bad[] = {
        {&sent->thread.frame.rip, UINT64_C(1) << 47},
        {&sent->thread.frame.rip, UINT64_MAX},
        {&sent->thread.fs, UINT64_C(1) << 47},
        {&sent->heap.begin, begin - P},
        {&sent->heap.begin, begin + 1000 * P},
        {&sent->heap.now, begin + 49 * P},
        {&sent->heap.now, begin + 51 * P},
        {&sent->heap.most, begin + 49 * P},
        {&sent->heap.most, UINT64_MAX},
        {&sent->pieces[3].code_size, 1},
        {&sent->pieces[255].room_size, UINT64_MAX},
    };
    (void)state;
    assert_int_equal(sent->thread.frame.rip, 0x5000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        *bad[i].place = bad[i].value;
        assert_int_equal(take(), -EPROTO);
        *sent = good;
    }
}

static void refuses_to_come_where_something_is(void **state)
{
    (void)state;
    begin_enclave();
    map(3, 1, RW);
    next = 0;
    assert_int_equal(snapshot_take(&source, &taken), -EPROTO);
}

static void says_when_the_host_gives_no_pages(void **state)
{
    (void)state;
    for (int left = 0; left < 36; left += 5) {
        begin_enclave();
        accepts_left = left;
        next = 0;
        assert_int_equal(snapshot_take(&source, &taken), -EIO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_has_the_memory_as_it_was, start_sent, end),
        cmocka_unit_test_setup_teardown(pages_of_zeros_are_not_sent, start_sent, end),
        cmocka_unit_test_setup_teardown(a_child_has_what_its_parent_s_thread_had, start, end),
        cmocka_unit_test_setup_teardown(a_number_is_written_to_the_program_s_memory_alone, start,
                                        end),
        cmocka_unit_test_setup_teardown(many_runs_and_pages_go_as_few, start, end),
        cmocka_unit_test_setup_teardown(what_the_wire_says_ends_it, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_cut_anywhere, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_messages_out_of_order, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_runs_that_cannot_be, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_pages_that_cannot_be, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_a_state_that_cannot_be, start_sent, end),
        cmocka_unit_test_setup_teardown(refuses_to_come_where_something_is, start_sent, end),
        cmocka_unit_test_setup_teardown(says_when_the_host_gives_no_pages, start_sent, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
