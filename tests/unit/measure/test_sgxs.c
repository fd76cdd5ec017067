#include "../check.h"
#include "../vectors.h"

#include "base/hex.h"
#include "measure/sgxs.h"

#define RECORD 64
#define CHUNK  256

static struct error err;

static void put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void add_record(struct buf *stream, const char tag[8], const uint64_t *fields)
{
    uint8_t record[RECORD] = {0};
    memcpy(record, tag, 8);
    put(record + 8, 8, fields[0]);
    put(record + 16, 8, fields[1]);
    check_ok(buf_append(stream, span_of(record, sizeof record), &err), &err);
}

static void add_create(struct buf *stream, uint64_t size, uint32_t frame)
{
    /* u32 frame, then u64 size: across the two fields */
    const uint64_t fields[2] = {frame | size << 32, size >> 32};
    add_record(stream, "ECREATE", fields);
}

static void add_page(struct buf *stream, uint64_t offset, uint64_t flags)
{
    const uint64_t fields[2] = {offset, flags};
    add_record(stream, "EADD\0\0\0", fields);
}

static void add_chunk(struct buf *stream, const char tag[8], uint64_t offset, uint8_t byte)
{
    const uint64_t fields[2] = {offset, 0};
    uint8_t chunk[CHUNK];
    memset(chunk, byte, sizeof chunk);
    add_record(stream, tag, fields);
    check_ok(buf_append(stream, span_of(chunk, sizeof chunk), &err), &err);
}

static void add_chunks(struct buf *stream, uint64_t page, uint8_t byte)
{
    for (uint64_t at = 0; at < 4096; at += CHUNK)
        add_chunk(stream, "EEXTEND", page + at, byte);
}

/* A TCS and a page of code in an enclave of 64 KiB. */
static void make_good(struct buf *stream)
{
    buf_truncate(stream, 0);
    add_create(stream, 0x10000, 1);
    add_page(stream, 0x0, 0x100);
    add_chunks(stream, 0x0, 1);
    add_page(stream, 0x1000, 0x205);
    add_chunks(stream, 0x1000, 2);
}

static int measure(const struct buf *stream, struct sgxs *out)
{
    return sgxs_measure(buf_span(stream), out, &err);
}

static void is_the_digest_of_a_wholly_measured_stream(void **state)
{
    (void)state;
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    uint8_t expected[SHA256_SIZE];
    make_good(&stream);
    check_ok(measure(&stream, &sgxs), &err);
    sha256_digest(buf_span(&stream), expected);
    assert_memory_equal(sgxs.mrenclave, expected, sizeof expected);
    assert_int_equal(sgxs.size, 0x10000);
    assert_int_equal(sgxs.page_count, 2);
    assert_int_equal(sgxs.tcs_count, 1);
    assert_int_equal(sgxs.chunk_count, 32);
    assert_int_equal(sgxs.unmeasured + sgxs.partial_pages, 0);
}

static void leaves_unmeasured_chunks_out_and_tells(void **state)
{
    (void)state;
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs with;
    struct sgxs without;
    make_good(&stream);
    add_page(&stream, 0x2000, 0x203);
    check_ok(measure(&stream, &without), &err);
    add_chunk(&stream, "UNMEASRD", 0x2000, 3);
    check_ok(measure(&stream, &with), &err);
    assert_memory_equal(with.mrenclave, without.mrenclave, SHA256_SIZE);
    assert_int_equal(with.unmeasured, 1);
    assert_int_equal(with.partial_pages, 1);
}

static void refuses_a_stream_cut_anywhere_within_a_record(void **state)
{
    (void)state;
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    make_good(&stream);
    size_t accepted = 0;
    for (size_t size = 0; size < stream.size; size++)
        accepted += sgxs_measure(span_of(stream.data, size), &sgxs, NULL) == 0;
    assert_int_equal(accepted, 1 + 2 + 32 - 1); /* between records, but for the whole */
}

static void refuses_ecreate_of_odd_sizes(void **state)
{
    (void)state;
    static const uint64_t refused[] = {0, 1, 4096, 0x3000, 0x10001, UINT64_MAX};
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        buf_truncate(&stream, 0);
        add_create(&stream, refused[i], 1);
        check_error(measure(&stream, &sgxs), &err, ERROR_INVALID);
    }
    buf_truncate(&stream, 0);
    add_create(&stream, SGXS_ELRANGE_MAX * 2, 1);
    check_error(measure(&stream, &sgxs), &err, ERROR_LIMIT);
    buf_truncate(&stream, 0);
    add_create(&stream, 0x10000, 0);
    check_refused(measure(&stream, &sgxs), &err, "SSA");
}

static void refuses_ecreate_missing_or_twice(void **state)
{
    (void)state;
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    add_page(&stream, 0, 0x200);
    check_refused(measure(&stream, &sgxs), &err, "ECREATE");
    make_good(&stream);
    add_create(&stream, 0x10000, 1);
    check_refused(measure(&stream, &sgxs), &err, "only there");
}

static void refuses_pages_that_the_processor_would(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, flags;
    } refused[] = {
        {0x2001, 0x205},
        {0x10000, 0x205},
        {UINT64_MAX - 4095, 0x205},
        {0x1000, 0x205},
        {0x2000, 0x0},
        {0x2000, 0x107},
        {0x2000, 0x300},
        {0x2000, 0x202},
        {0x2000, 0x206},
        {0x2000, 0x20B},
        {0x2000, 0x245},
        {0x2000, 0x1000205},
        {0x2000, 1ULL << 63 | 0x205},
    };
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_good(&stream);
        add_page(&stream, refused[i].offset, refused[i].flags);
        check_refused(measure(&stream, &sgxs), &err, "EADD");
    }
}

static void refuses_chunks_out_of_place(void **state)
{
    (void)state;
    static const uint64_t refused[] = {0x0, 0x1000, 0x1001, 0x2000, 0x10000, UINT64_MAX - 255};
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make_good(&stream);
        add_chunk(&stream, "EEXTEND", refused[i], 0);
        check_refused(measure(&stream, &sgxs), &err, "chunk");
    }
    buf_truncate(&stream, 0);
    add_create(&stream, 0x10000, 1);
    add_chunk(&stream, "EEXTEND", 0, 0);
    check_refused(measure(&stream, &sgxs), &err, "chunk");
}

static void refuses_unknown_records_and_reserved_bytes(void **state)
{
    (void)state;
    static const char *const tags[] = {"UNSIZED\0", "EEXTENDX", "EADD\0\0\0X", "EREMOVE\0"};
    static const uint64_t fields[2] = {0x2000, 0x205};
    BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
    struct sgxs sgxs;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        make_good(&stream);
        add_record(&stream, tags[i], fields);
        check_refused(measure(&stream, &sgxs), &err, "unknown");
    }
    static const size_t reserved[] = {20, 63, 64 + 24, 64 + 63, 128 + 16, 128 + 63};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        make_good(&stream);
        stream.data[reserved[i]] ^= 1;
        check_refused(measure(&stream, &sgxs), &err, "reserved");
    }
}

static void agrees_with_vectors(void **state)
{
    (void)state;
    vectors_need("sgx/synth.sgxs");
    static const struct {
        const char *name;
        const char *digest;
        uint32_t pages;
    } cases[] = {
        {"sgx/fortanix_report.sgxs",
         "a06a560b26f5e397b2d7872fac66fe4b43bf4f507296ee048f110be6fb1a2290", 3},
        {"sgx/fortanix_test_enclave.sgxs",
         "784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc", 9},
        {"sgx/synth.sgxs", "f28a827a9fd9e6375581a253d5abadeaf8b3740031ab87a5ecf3379a60c96d96", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO stream = BUF_WITH_LIMIT(1 << 20);
        struct sgxs sgxs;
        char text[2 * SHA256_SIZE + 1];
        vectors_read(cases[i].name, &stream);
        check_ok(measure(&stream, &sgxs), &err);
        hex_encode(span_of(sgxs.mrenclave, SHA256_SIZE), text);
        assert_string_equal(text, cases[i].digest);
        assert_int_equal(sgxs.page_count, cases[i].pages);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_digest_of_a_wholly_measured_stream),
        cmocka_unit_test(leaves_unmeasured_chunks_out_and_tells),
        cmocka_unit_test(refuses_a_stream_cut_anywhere_within_a_record),
        cmocka_unit_test(refuses_ecreate_of_odd_sizes),
        cmocka_unit_test(refuses_ecreate_missing_or_twice),
        cmocka_unit_test(refuses_pages_that_the_processor_would),
        cmocka_unit_test(refuses_chunks_out_of_place),
        cmocka_unit_test(refuses_unknown_records_and_reserved_bytes),
        cmocka_unit_test(agrees_with_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
