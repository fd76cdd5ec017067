/* What can be rewritten in a file's code, asked for by a child: with numbers that are none in the
 * first enclave, and with answers that are none in the child's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../../check.h"
#include "../heap.h"
#include "../made_layer.h"
#include "enclave/libos/calls/code_sites.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/program/sites.h"
#include "enclave/libos/remote/remote_call.h"

/* mov %rdi, %rax; syscall; cmp $-4095, %rax; ret */
#define CALL   "\x48\x89\xf8\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3"
#define CALLS  3
#define MOST   8
#define BEHIND 2     /* sites that are nobody's to write */
#define LARGE  65536 /* bytes of code: worth asking */
#define ROOM   (LARGE / 512)

static const char code[] = CALL CALL CALL;
#define SIZE (sizeof code - 1)

static struct {
    struct made_layer layer;
    struct tree *tree;
    struct site sites[MOST + BEHIND];
    struct thread_room room;
} world;

/* The first enclave, where a child asks it. */
static struct {
    bool is_child;
    uint64_t answer, asked;
    uint64_t arguments[6];
} first;

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)number, (void)a, (void)b, (void)c;
    return 0;
}

/* As in syscall.c. */
struct file *syscall_file(uint64_t number)
{
    return file_table_get(&process_self()->vfs.files, (int)number);
}

bool remote_is_child(void)
{
    return first.is_child;
}

uint64_t remote_own_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS])
{
    assert_int_equal(number, OWN_SITES);
    memcpy(first.arguments, arguments, sizeof first.arguments);
    first.asked++;
    return first.answer;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 7, size);
    return 0;
}

/* A mirror's thread: of its memory all but the last sites may be written to. */
static void make_thread(void)
{
    uint64_t at = (uintptr_t)world.sites;
    world.room = (struct thread_room){at, at + MOST * sizeof(struct site)};
    *thread_at(0) = (struct thread){
        .process = process_first(), .state = THREAD_RUNS, .room = &world.room};
}

/* What is known is by the reader: each test has one of its own. */
static int start(void **state)
{
    static struct ext4_reader readers[16];
    static size_t used;
    struct ext4_reader *reader = &readers[used++];
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    memset(&world, 0, sizeof world);
    memset(&first, 0, sizeof first);
    memset(world.sites, 0xEE, sizeof world.sites);
    tarball_add(&tar, (struct tarball_entry){.name = "program", .contents = code, .mode = 0755});
    made_layer_init(&world.layer, &tar);
    struct ext4_source source = made_layer_ext4(&world.layer);
    assert_int_equal(ext4_reader_open(reader, &source), 0);
    const struct tree_options options = {
        .limit = 1 << 20, .clock = {now, NULL}, .layers = reader, .layer_count = 1};
    assert_int_equal(tree_new(&options, &world.tree), 0);
    process_begin();
    vfs_init(&process_first()->vfs, world.tree, options.clock);
    process_first()->vfs.random = (struct file_random){fill, NULL};
    make_thread();
    return 0;
}

static int end(void **state)
{
    (void)state;
    heap_left = SIZE_MAX;
    vfs_fini(&process_first()->vfs);
    tree_free(world.tree);
    made_layer_fini(&world.layer);
    return 0;
}

/* --- the first enclave is asked --------------------------------------------------------------- */

static int open_file(const char *path, unsigned flags)
{
    int number = vfs_open(&process_first()->vfs, AT_FDCWD, path, flags, 0755, 0);
    assert_true(number >= 0);
    return number;
}

static int64_t ask(uint64_t number, uint64_t offset, uint64_t size, const void *at, uint64_t most)
{
    struct program_frame frame = {
        .rdi = number, .rsi = offset, .rdx = size, .r10 = (uintptr_t)at, .r8 = most};
    return (int64_t)own_sites(&frame);
}

/* Nothing was written, but by the last one's answer. */
static void is_untouched(size_t from)
{
    uint8_t before[sizeof world.sites];
    memset(before, 0xEE, sizeof before);
    assert_memory_equal(&world.sites[from], before,
                        sizeof world.sites - from * sizeof(struct site));
}

static void refuses_files_that_are_none(void **state)
{
    static const uint64_t numbers[] = {1,          1000,     INT32_MAX, UINT32_MAX,     INT64_MAX,
                                       UINT64_MAX, 1U << 31, 1U << 20,  (uint64_t)-100, 65536};
    (void)state;
    assert_int_equal(open_file("/program", O_RDONLY), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(ask(numbers[i], 0, SIZE, world.sites, MOST), -EBADF);
    is_untouched(0);
}

static void refuses_what_has_no_code(void **state)
{
    struct file_table *files = &process_first()->vfs.files;
    struct file *ends[2];
    (void)state;
    assert_int_equal(
        ask((uint64_t)open_file("/", O_RDONLY | O_DIRECTORY), 0, SIZE, world.sites, MOST), -EBADF);
    assert_int_equal(pipe_new(0, &ends[0], &ends[1]), 0);
    for (size_t i = 0; i < 2; i++) {
        int number = file_table_add(files, ends[i], 0, false);
        assert_int_equal(ask((uint64_t)number, 0, SIZE, world.sites, MOST), -EBADF);
    }
    uint64_t made = (uint64_t)open_file("/made", O_RDWR | O_CREAT); /* and is no layer's */
    assert_int_equal(ask(made, 0, SIZE, world.sites, MOST), -ENOENT);
    is_untouched(0);
}

static void refuses_offsets_and_sizes_beyond_the_file(void **state)
{
    static const uint64_t offsets[] = {SIZE, SIZE + 1, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX};
    static const uint64_t negative[] = {UINT64_MAX, UINT64_C(1) << 63, (uint64_t)-4096};
    static const uint64_t sizes[] = {(uint64_t)SITES_CODE_MAX + 1, UINT32_MAX, INT64_MAX,
                                     UINT64_MAX, UINT64_MAX - SIZE + 1};
    uint64_t number = (uint64_t)open_file("/program", O_RDONLY);
    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        assert_int_equal(ask(number, offsets[i], 1, world.sites, MOST), -ENOENT);
    for (size_t i = 0; i < sizeof negative / sizeof *negative; i++)
        assert_int_equal(ask(number, negative[i], SIZE, world.sites, MOST), -EBADF);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(ask(number, 0, sizes[i], world.sites, MOST), -ENOMEM);
        assert_int_equal(ask(number, 1, sizes[i], world.sites, MOST), -ENOMEM);
    }
    is_untouched(0);
}

static void refuses_room_that_is_not_there(void **state)
{
    static const uint64_t counts[] = {
        MOST + 1,  SITES_MAX, SITES_MAX + 1, UINT32_MAX, UINT64_MAX / sizeof(struct site) + 1,
        UINT64_MAX};
    uint64_t number = (uint64_t)open_file("/program", O_RDONLY);
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_int_equal(ask(number, 0, SIZE, world.sites, counts[i]), -EFAULT);
    assert_int_equal(ask(number, 0, SIZE, &world.sites[1], MOST), -EFAULT);
    assert_int_equal(ask(number, 0, SIZE, &world.sites[MOST], 1), -EFAULT);
    assert_int_equal(ask(number, 0, SIZE, (const uint8_t *)world.sites - 1, 1), -EFAULT);
    assert_int_equal(ask(number, 0, SIZE, NULL, MOST), -EFAULT);
    is_untouched(0);
}

/* A search without room finds as many as there is room for; what is known is given whole. */
static void gives_no_more_than_were_asked_for(void **state)
{
    uint64_t number = (uint64_t)open_file("/program", O_RDONLY);
    (void)state;
    assert_int_equal(ask(number, 0, SIZE, world.sites, 0), 0);
    is_untouched(0);
    assert_int_equal(ask(number, 0, SIZE, world.sites, 2), 2);
    is_untouched(2);
    assert_int_equal(ask(number, 0, SIZE, world.sites, MOST), CALLS);
    is_untouched(CALLS);
    assert_true(sites_fit((const uint8_t *)code, SIZE, world.sites, CALLS));
    assert_int_equal(ask(number, 0, SIZE, world.sites, 2), -ERANGE);
    assert_int_equal(ask(number, 0, SIZE, world.sites, 0), -ERANGE);
    assert_int_equal(ask(number, 0, 0, world.sites, MOST), 0);
    assert_int_equal(ask(number, SIZE - 1, 4096, world.sites, MOST), 0);
}

static void does_without_memory(void **state)
{
    uint64_t number = (uint64_t)open_file("/program", O_RDONLY);
    (void)state;
    heap_left = 0;
    assert_int_equal(ask(number, 0, SIZE, world.sites, MOST), -ENOMEM);
    is_untouched(0);
}

/* --- a child asks ----------------------------------------------------------------------------- */

static uint8_t large[LARGE];
static struct site found[SITES_MAX];

static int find(size_t size)
{
    const struct code_origin origin = {NULL, 3, 4096};
    return code_sites_find(&origin, large, size, found);
}

static void asks_for_as_many_as_the_answer_has_room_for(void **state)
{
    (void)state;
    assert_int_equal(find(LARGE), -ENOENT); /* the first enclave asks nobody */
    assert_int_equal(first.asked, 0);
    first.is_child = true;
    first.answer = ROOM;
    assert_int_equal(find(LARGE), ROOM);
    const uint64_t wanted[] = {3, 4096, LARGE, (uintptr_t)found, ROOM};
    assert_memory_equal(first.arguments, wanted, sizeof wanted);
    assert_int_equal(find(4096), -ENOENT); /* found sooner than an answer comes */
    assert_int_equal(first.asked, 1);
}

/* Of these the first enclave has sent no bytes, or fewer. */
static void refuses_answers_that_are_none(void **state)
{
    static const uint64_t answers[] = {ROOM + 1,
                                       SITES_MAX,
                                       SITES_MAX + 1,
                                       INT32_MAX,
                                       UINT32_MAX,
                                       UINT64_C(1) << 32,
                                       (UINT64_C(1) << 32) + 1,
                                       INT64_MAX,
                                       UINT64_C(1) << 63,
                                       (UINT64_C(1) << 63) + 1,
                                       UINT64_MAX - UINT32_MAX,
                                       (uint64_t)-ENOENT,
                                       (uint64_t)-ERANGE,
                                       UINT64_MAX};
    (void)state;
    first.is_child = true;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        first.answer = answers[i];
        assert_true(find(LARGE) < 0);
    }
    assert_int_equal(first.asked, sizeof answers / sizeof *answers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_files_that_are_none),
        TEST(refuses_what_has_no_code),
        TEST(refuses_offsets_and_sizes_beyond_the_file),
        TEST(refuses_room_that_is_not_there),
        TEST(gives_no_more_than_were_asked_for),
        TEST(does_without_memory),
        TEST(asks_for_as_many_as_the_answer_has_room_for),
        TEST(refuses_answers_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
