#include "../check.h"

#include "enclave_file.h"
#include "measure/enclave_image.h"
#include "measure/enclave_thread.h"
#include "measure/sgx.h"
#include "measure/sgxs.h"

static struct error err;
static struct enclave_file file;

static int parse(struct enclave_image *image)
{
    return enclave_image_parse(enclave_file_span(&file), image, &err);
}

struct seen {
    size_t count;
    struct enclave_pages pages[16];
    uint8_t first[16][SGX_PAGE_SIZE]; /* of each */
};

static int see(void *context, const struct enclave_pages *pages, struct error *error)
{
    (void)error;
    struct seen *seen = context;
    assert_true(seen->count < 16);
    assert_true(pages->size > 0 && pages->size % SGX_PAGE_SIZE == 0);
    assert_true(pages->bytes.size == 0 || pages->bytes.size == pages->size);
    seen->pages[seen->count] = *pages;
    if (pages->bytes.size > 0)
        memcpy(seen->first[seen->count], pages->bytes.data, SGX_PAGE_SIZE);
    seen->count++;
    return 0;
}

static void see_all(struct seen *seen)
{
    struct enclave_image image;
    memset(seen, 0, sizeof *seen);
    check_ok(parse(&image), &err);
    check_ok(enclave_image_add(&image, see, seen, &err), &err);
}

static void becomes_the_pages_that_the_rule_says(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, size, flags;
        bool measured;
    } expected[] = {
        {0x0, 0x1000, 0x201, true},     {0x1000, 0x1000, 0x205, true},  /* headers, code */
        {0x3000, 0x1000, 0x203, true},  {0x4000, 0x1000, 0x203, false}, /* data, zeros */
        {0x6000, 0x1000, 0x100, true},  {0x7000, 0x1000, 0x203, true},  /* TCS, thread */
        {0x8000, 0x2000, 0x203, false}, {0xB000, 0x2000, 0x203, false}, /* SSA, stack */
        {0xE000, 0x2000, 0x203, false},                                 /* heap */
    };
    static struct seen seen;
    enclave_file_init(&file);
    see_all(&seen);
    assert_int_equal(seen.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.pages[i].offset, expected[i].offset);
        assert_int_equal(seen.pages[i].size, expected[i].size);
        assert_int_equal(seen.pages[i].flags, expected[i].flags);
        assert_int_equal(seen.pages[i].is_measured, expected[i].measured);
    }
}

/* The code inside cannot make zeros of them. */
static void measures_zeros_that_cannot_be_written(void **state)
{
    (void)state;
    static struct seen seen;
    enclave_file_init(&file);
    file.programs[ENCLAVE_FILE_DATA].p_flags = PF_R;
    see_all(&seen);
    assert_int_equal(seen.pages[2].size, 0x2000);
    assert_int_equal(seen.pages[2].flags, 0x201);
    assert_true(seen.pages[2].is_measured);
}

static void hands_no_byte_of_the_file_in_beside_its_segments(void **state)
{
    (void)state;
    static struct seen seen;
    enclave_file_init(&file);
    see_all(&seen);
    /* The file has 0x77 from 0x2000 to 0x200F; the segment is the second half of it. */
    assert_true(span_is_zero(span_of(seen.first[2], 8)));
    for (size_t i = 8; i < 16; i++)
        assert_int_equal(seen.first[2][i], 0x77);
    assert_true(span_is_zero(span_of(seen.first[2] + 16, SGX_PAGE_SIZE - 16)));
}

static void tells_each_thread_where_things_are(void **state)
{
    (void)state;
    static struct seen seen;
    struct enclave_thread thread;
    struct sgx_tcs tcs;
    enclave_file_init(&file);
    file.numbers[1] = file.numbers[2] = 2;
    file.numbers[7] = 0;
    see_all(&seen);
    assert_int_equal(seen.count, 4 + 2 * 4); /* no heap */
    memcpy(&tcs, seen.first[8], sizeof tcs);
    memcpy(&thread, seen.first[9], sizeof thread);
    assert_int_equal(seen.pages[8].offset, 0x6000 + 0x8000);
    assert_int_equal(thread.tcs, seen.pages[8].offset);
    assert_int_equal(thread.offset, seen.pages[9].offset);
    assert_int_equal(thread.index, 1);
    assert_int_equal(thread.threads, 2);
    assert_int_equal(thread.ssa, seen.pages[10].offset);
    assert_int_equal(thread.ssa_frames * thread.ssa_frame_size, seen.pages[10].size);
    assert_int_equal(thread.stack_top, seen.pages[11].offset + seen.pages[11].size);
    assert_int_equal(thread.stack_size, 0x2000);
    assert_int_equal(thread.size, 0x20000);
    assert_int_equal(tcs.ssa, thread.ssa);
    assert_int_equal(tcs.ssa_count, 2);
    assert_int_equal(tcs.current_ssa, 0);
    assert_int_equal(tcs.entry, 0x1004);
    assert_int_equal(tcs.gs, thread.offset);
    assert_int_equal(tcs.fs, thread.offset);
}

/* Of the others there are addresses: where all of them lie, and what is behind, stays. */
static void begins_with_the_last_threads(void **state)
{
    (void)state;
    static struct seen all, last;
    enclave_file_init(&file);
    file.numbers[1] = file.numbers[2] = 2;
    see_all(&all);
    file.numbers[2] = 1;
    see_all(&last);
    assert_int_equal(last.count, all.count - 4);
    for (size_t i = 4; i < last.count; i++) {
        assert_memory_equal(last.first[i], all.first[i + 4], SGX_PAGE_SIZE);
        assert_int_equal(last.pages[i].offset, all.pages[i + 4].offset);
        assert_int_equal(last.pages[i].size, all.pages[i + 4].size);
    }
}

static void measures_what_it_writes_as_a_stream(void **state)
{
    (void)state;
    struct enclave_image image;
    struct sgxs sgxs;
    uint8_t mrenclave[SHA256_SIZE];
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    enclave_file_init(&file);
    check_ok(parse(&image), &err);
    check_ok(enclave_image_measure(&image, mrenclave, &err), &err);
    check_ok(enclave_image_write_sgxs(&image, &stream, &err), &err);
    check_ok(sgxs_measure(buf_span(&stream), &sgxs, &err), &err);
    assert_memory_equal(mrenclave, sgxs.mrenclave, sizeof mrenclave);
    assert_int_equal(sgxs.page_count, 12);
    assert_int_equal(sgxs.tcs_count, 1);
    assert_int_equal(sgxs.chunk_count, 5 * 16);
    assert_int_equal(sgxs.size, 0x10000);
}

static void measures_every_byte_that_runs(void **state)
{
    (void)state;
    static const size_t places[] = {0x1FF, 0x1000, 0x101F, 0x2008, 0x200F, 24, 0x200 + 24};
    uint8_t before[SHA256_SIZE];
    uint8_t after[SHA256_SIZE];
    struct enclave_image image;
    enclave_file_init(&file);
    check_ok(parse(&image), &err);
    check_ok(enclave_image_measure(&image, before, &err), &err);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        enclave_file_init(&file);
        file.bytes[places[i]] ^= 2;
        check_ok(parse(&image), &err);
        check_ok(enclave_image_measure(&image, after, &err), &err);
        assert_memory_not_equal(before, after, sizeof before);
    }
}

static int fail_second(void *context, const struct enclave_pages *pages, struct error *error)
{
    (void)pages;
    return ++*(int *)context == 2 ? error_set(error, ERROR_SYSTEM, "enough") : 0;
}

static void ends_where_a_page_is_not_taken(void **state)
{
    (void)state;
    struct enclave_image image;
    int count = 0;
    enclave_file_init(&file);
    check_ok(parse(&image), &err);
    check_error(enclave_image_add(&image, fail_second, &count, &err), &err, ERROR_SYSTEM);
    assert_int_equal(count, 2);
}

static void refuses_what_is_no_such_file(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *words;
    } cases[] = {
        {0, 0, "position-independent"},
        {4, 1, "position-independent"},
        {5, 2, "position-independent"},
        {9, 1, "position-independent"},
        {16, 2, "position-independent"},
        {18, 3, "position-independent"},
        {32, 65, "program headers"},
        {52, 63, "program headers"},
        {54, 55, "program headers"},
        {56, 0, "1 to 16"},
        {56, 17, "1 to 16"},
        {25, 0x20, "entry point"},
        {24 + 7, 0x80, "entry point"},
        {0x200, 9, "not Caisson's"},
        {0x204, 32, "not Caisson's"},
        {0x208, 2, "not Caisson's"},
        {0x20C, 'c', "not Caisson's"},
        {0x213, 'x', "not Caisson's"},
        {0x214, 1, "version 1"},
        {0x218, 0, "how many threads"},
        {0x21A, 1, "65537 threads"},
        {0x21C, 0, "begins with 0 of its 1 threads"},
        {0x21C, 2, "begins with 2 of its 1 threads"},
        {0x21F, 0x80, "begins with 2147483649 of"},
        {0x220, 1, "1 SSA frames"},
        {0x220, 17, "17 SSA frames"},
        {0x224, 0, "0 pages"},
        {0x224, 5, "5 pages"},
        {0x228, 1, "whole pages"},
        {0x229, 0, "whole pages"},
        {0x22B, 2, "whole pages"},
        {0x22C, 1, "whole pages"},
        {0x230, 1, "whole pages"},
        {0x234, 9, "whole pages"},
    };
    struct enclave_image image;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enclave_file_init(&file);
        file.bytes[cases[i].at] = cases[i].value;
        check_refused(parse(&image), &err, cases[i].words);
    }
}

static void refuses_segments_out_of_place(void **state)
{
    (void)state;
    static const struct {
        size_t program;
        Elf64_Phdr header;
        const char *words;
    } cases[] = {
        {0, {PT_LOAD, PF_R, 0, 0x1000, 0, 0x238, 0x238, 0x1000}, "ascend"},
        {0, {PT_LOAD, PF_R, 0, 0x10, 0, 0x238, 0x238, 0x1000}, "begin with a page"},
        {0, {PT_LOAD, PF_R, 0, UINT64_C(0x100001000), 0, 0x238, 0x238, 0x1000}, "4 GiB"},
        {1, {PT_LOAD, PF_R | PF_X, 0x1000, 0x800, 0, 0x20, 0x20, 0x1000}, "ascend"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, 0x1008, 0, 8, 8, 0x1000}, "ascend"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, 0x3008, 0, 9, 8, 0x1000}, "larger in the file"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, 0x3008, 0, 0, 0, 0x1000}, "empty"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, 0x3008, 0, 9, 9, 0x1000}, "beyond its end"},
        {3, {PT_LOAD, PF_R | PF_W, UINT64_MAX, 0x3008, 0, 8, 8, 0x1000}, "beyond its end"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, UINT64_MAX - 7, 0, 8, 8, 0x1000}, "64 MiB"},
        {3, {PT_LOAD, PF_R | PF_W, 0x2008, 0x3008, 0, 8, UINT64_MAX, 0x1000}, "64 MiB"},
        {3, {PT_LOAD, PF_R | PF_W | PF_X, 0x2008, 0x3008, 0, 8, 8, 0x1000}, "writable and exec"},
        {3, {PT_LOAD, PF_W, 0x2008, 0x3008, 0, 8, 8, 0x1000}, "cannot be read"},
        {1, {PT_LOAD, PF_R, 0x1000, 0x1000, 0, 0x20, 0x20, 0x1000}, "entry point"},
        {4, {PT_GNU_STACK, PF_R | PF_W | PF_X, 0, 0, 0, 0, 0, 16}, "executable stack"},
        {4, {PT_INTERP, PF_R, 0, 0, 0, 1, 1, 1}, "interpreter"},
        {4, {PT_TLS, PF_R, 0, 0, 0, 1, 1, 1}, "thread-local"},
        {4, {PT_NOTE, PF_R, 0x200, 0x200, 0, 56, 56, 4}, "more than one"},
        {2, {PT_NOTE, PF_R, 0x200, 0x200, 0, 57, 57, 4}, "another size"},
        {2, {PT_NOTE, PF_R, 0x200, 0x200, 0, 55, 55, 4}, "another size"},
        {2, {PT_NOTE, PF_R, 0x2008, 0x200, 0, 9, 9, 4}, "beyond its end"},
        {2, {PT_NULL, 0, 0, 0, 0, 0, 0, 0}, "how many threads"},
    };
    struct enclave_image image;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enclave_file_init(&file);
        file.programs[cases[i].program] = cases[i].header;
        check_refused(parse(&image), &err, cases[i].words);
    }
}

static void refuses_a_file_cut_anywhere(void **state)
{
    (void)state;
    struct enclave_image image;
    enclave_file_init(&file);
    for (file.size = 0; file.size < ENCLAVE_FILE_SIZE; file.size++)
        assert_int_equal(enclave_image_parse(enclave_file_span(&file), &image, NULL), -1);
    check_ok(parse(&image), &err);
}

static void refuses_more_than_an_enclave_may_have(void **state)
{
    (void)state;
    struct enclave_image image;
    enclave_file_init(&file);
    file.numbers[8] = 8; /* a heap of 32 GiB: the range becomes 64 GiB */
    file.numbers[7] = 0;
    check_ok(parse(&image), &err);
    assert_int_equal(image.size, SGXS_ELRANGE_MAX);
    file.numbers[1] = 1024;
    file.numbers[5] = 0x1000000;
    check_ok(parse(&image), &err);
    file.numbers[1] = 1025;
    check_error(parse(&image), &err, ERROR_LIMIT);
    for (size_t i = 0; i < 9; i++) {
        file.programs[i] = (Elf64_Phdr){PT_LOAD, PF_R, 0, i * 0x1000, 0, 1, 1, 0x1000};
        file.header.e_phnum = 9;
    }
    check_error(parse(&image), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(becomes_the_pages_that_the_rule_says),
        cmocka_unit_test(measures_zeros_that_cannot_be_written),
        cmocka_unit_test(hands_no_byte_of_the_file_in_beside_its_segments),
        cmocka_unit_test(tells_each_thread_where_things_are),
        cmocka_unit_test(begins_with_the_last_threads),
        cmocka_unit_test(measures_what_it_writes_as_a_stream),
        cmocka_unit_test(measures_every_byte_that_runs),
        cmocka_unit_test(ends_where_a_page_is_not_taken),
        cmocka_unit_test(refuses_what_is_no_such_file),
        cmocka_unit_test(refuses_segments_out_of_place),
        cmocka_unit_test(refuses_a_file_cut_anywhere),
        cmocka_unit_test(refuses_more_than_an_enclave_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
