#include "../check.h"

#include "crypto/issue.h"
#include "measure/igvm_snp.h"
#include "measure/launch.h"

#define FIXED   24
#define PAGE    4096
#define DATA_AT 8192 /* more than any headers here take */
#define LIMIT   (4U << 20)

#define MASK_SNP   1U
#define MASK_OTHER 2U

static struct error err;

/* A file in the making: headers and data apart, put together by finish(). */
struct maker {
    struct buf headers;
    struct buf data;
    struct buf file;
};

static void maker_init(struct maker *maker)
{
    maker->headers = BUF_WITH_LIMIT(LIMIT);
    maker->data = BUF_WITH_LIMIT(LIMIT);
    maker->file = BUF_WITH_LIMIT(2 * LIMIT);
}

static void maker_fini(struct maker *maker)
{
    buf_fini(&maker->headers);
    buf_fini(&maker->data);
    buf_fini(&maker->file);
}

static void add_header(struct maker *maker, uint32_t type, struct span content)
{
    check_ok(buf_append_le32(&maker->headers, type, &err), &err);
    check_ok(buf_append_le32(&maker->headers, (uint32_t)content.size, &err), &err);
    check_ok(buf_append(&maker->headers, content, &err), &err);
    check_ok(buf_append_zero(&maker->headers, (8 - content.size % 8) % 8, &err), &err);
}

static void put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t add_data(struct maker *maker, const uint8_t *bytes, size_t size)
{
    uint32_t offset = (uint32_t)(DATA_AT + maker->data.size);
    check_ok(buf_append(&maker->data, span_of(bytes, size), &err), &err);
    return offset;
}

static void add_platform(struct maker *maker, uint32_t mask, uint8_t kind)
{
    uint8_t content[16] = {0};
    put(content, 4, mask);
    content[5] = kind;
    content[6] = 1;
    add_header(maker, 0x1, span_of(content, sizeof content));
}

static void add_policy(struct maker *maker, uint64_t policy, uint32_t mask)
{
    uint8_t content[16] = {0};
    put(content, 8, policy);
    put(content + 8, 4, mask);
    add_header(maker, 0x101, span_of(content, sizeof content));
}

static void add_page(struct maker *maker, uint64_t gpa, uint32_t mask, uint32_t offset,
                     uint32_t flags, uint16_t kind)
{
    uint8_t content[24] = {0};
    put(content, 8, gpa);
    put(content + 8, 4, mask);
    put(content + 12, 4, offset);
    put(content + 16, 4, flags);
    put(content + 20, 2, kind);
    add_header(maker, 0x302, span_of(content, sizeof content));
}

static void add_area(struct maker *maker, uint64_t size, uint32_t index)
{
    uint8_t content[16] = {0};
    put(content, 8, size);
    put(content + 8, 4, index);
    add_header(maker, 0x301, span_of(content, sizeof content));
}

static void add_insert(struct maker *maker, uint64_t gpa, uint32_t mask, uint32_t index)
{
    uint8_t content[16] = {0};
    put(content, 8, gpa);
    put(content + 8, 4, mask);
    put(content + 12, 4, index);
    add_header(maker, 0x303, span_of(content, sizeof content));
}

static void add_context(struct maker *maker, uint64_t gpa, uint32_t mask, uint32_t offset)
{
    uint8_t content[20] = {0};
    put(content, 8, gpa);
    put(content + 8, 4, mask);
    put(content + 12, 4, offset);
    add_header(maker, 0x304, span_of(content, sizeof content));
}

static struct span finish(struct maker *maker)
{
    uint8_t fixed[FIXED] = {0};
    assert_true(FIXED + maker->headers.size <= DATA_AT);
    memcpy(fixed, "IGVM", 4);
    put(fixed + 4, 4, 1);
    put(fixed + 8, 4, FIXED);
    put(fixed + 12, 4, maker->headers.size);
    put(fixed + 16, 4, DATA_AT + maker->data.size);
    put(fixed + 20, 4, igvm_checksum(span_of(fixed, FIXED), buf_span(&maker->headers)));
    buf_truncate(&maker->file, 0);
    check_ok(buf_append(&maker->file, span_of(fixed, FIXED), &err), &err);
    check_ok(buf_append(&maker->file, buf_span(&maker->headers), &err), &err);
    check_ok(buf_append_zero(&maker->file, DATA_AT - maker->file.size, &err), &err);
    check_ok(buf_append(&maker->file, buf_span(&maker->data), &err), &err);
    return buf_span(&maker->file);
}

static const struct igvm_snp_options plain = {.zeros_as_data = true};

static int measure(struct span file, struct igvm_snp *out)
{
    struct igvm igvm;
    if (igvm_open(file, &igvm, &err) < 0)
        return -1;
    return igvm_measure_snp(&igvm, &plain, out, &err);
}

static uint8_t page_a[PAGE];
static uint8_t page_b[PAGE];
static uint8_t vmsa[PAGE];

/* What a firmware in this format has: pages with and without data, secrets, CPUID, a parameter area
 * of two pages, a save area; and a page for another platform. */
static void start_good(struct maker *maker)
{
    memset(page_a, 0xAA, PAGE);
    memset(page_b, 0xBB, PAGE);
    memset(vmsa, 0xCC, PAGE);
    maker_init(maker);
    add_platform(maker, MASK_SNP, 2);
    add_platform(maker, MASK_OTHER, 0);
    add_policy(maker, 0x30000, MASK_SNP | MASK_OTHER);
    add_area(maker, 2 * PAGE, 7);
    add_header(maker, 0x307, span_of("\7\0\0\0\0\0\0\0", 8)); /* VP_COUNT */
    add_page(maker, 0x1000, MASK_SNP | MASK_OTHER, add_data(maker, page_a, PAGE), 0, 0);
    add_page(maker, 0x2000, MASK_OTHER, add_data(maker, page_b, PAGE), 0, 0);
    add_page(maker, 0x3000, MASK_SNP, 0, 0, 0);
    add_page(maker, 0x4000, MASK_SNP, 0, 0, 1);
    add_insert(maker, 0x6000, MASK_SNP, 7);
    add_page(maker, 0x5000, MASK_SNP, 0, 0, 2);
    add_context(maker, LAUNCH_VMSA_GPA, MASK_SNP, add_data(maker, vmsa, PAGE));
}

static struct span make_good(struct maker *maker)
{
    start_good(maker);
    return finish(maker);
}

static void follows_the_directives(void **state)
{
    (void)state;
    struct maker maker;
    struct igvm_snp found;
    struct launch launch;
    static const uint8_t zeros[PAGE];
    check_ok(measure(make_good(&maker), &found), &err);
    launch_init(&launch);
    launch_add_page(&launch, LAUNCH_PAGE_NORMAL, 0x1000, page_a);
    launch_add_page(&launch, LAUNCH_PAGE_NORMAL, 0x3000, zeros);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_SECRETS, 0x4000, PAGE, &err), &err);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_UNMEASURED, 0x6000, 2 * PAGE, &err), &err);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_CPUID, 0x5000, PAGE, &err), &err);
    launch_add_page(&launch, LAUNCH_PAGE_VMSA, LAUNCH_VMSA_GPA, vmsa);
    assert_memory_equal(found.digest, launch.digest, SHA384_SIZE);
    assert_true(found.has_policy && found.kvm_agrees && !found.has_id_block);
    assert_int_equal(found.policy, 0x30000);
    assert_int_equal(found.page_count, 6);
    assert_int_equal(found.vmsa_count, 1);
    maker_fini(&maker);
}

static void takes_zero_pages_as_the_loader_does(void **state)
{
    (void)state;
    const struct igvm_snp_options native = {0};
    struct maker maker;
    struct igvm igvm;
    struct igvm_snp found;
    struct launch launch;
    maker_init(&maker);
    add_platform(&maker, MASK_SNP, 2);
    add_page(&maker, 0x3000, MASK_SNP, 0, 0, 0);
    add_page(&maker, 0x4000, MASK_SNP, 0, 2, 0); /* unmeasured */
    add_page(&maker, 0x5000, MASK_SNP, 0, 4, 0); /* shared: no part of it */
    check_ok(igvm_open(finish(&maker), &igvm, &err), &err);
    check_ok(igvm_measure_snp(&igvm, &native, &found, &err), &err);
    launch_init(&launch);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_ZERO, 0x3000, PAGE, &err), &err);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_UNMEASURED, 0x4000, PAGE, &err), &err);
    assert_memory_equal(found.digest, launch.digest, SHA384_SIZE);
    assert_false(found.has_policy || found.kvm_agrees);
    maker_fini(&maker);
}

static void a_large_page_is_its_small_ones(void **state)
{
    (void)state;
    static uint8_t large[512 * PAGE];
    struct maker maker;
    struct igvm_snp found;
    struct launch launch;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i >> 12 ^ i);
    maker_init(&maker);
    add_platform(&maker, MASK_SNP, 2);
    add_page(&maker, 0x200000, MASK_SNP, add_data(&maker, large, sizeof large), 1, 0);
    check_ok(measure(finish(&maker), &found), &err);
    launch_init(&launch);
    check_ok(launch_add_content(&launch, 0x200000, span_of(large, sizeof large), &err), &err);
    assert_memory_equal(found.digest, launch.digest, SHA384_SIZE);
    assert_int_equal(found.page_count, 512);
    maker_fini(&maker);
}

static void tells_when_kvm_would_measure_otherwise(void **state)
{
    (void)state;
    struct maker maker;
    struct igvm_snp found;
    start_good(&maker);
    add_page(&maker, 0x9000, MASK_SNP, 0, 0, 0); /* behind the save area */
    check_ok(measure(finish(&maker), &found), &err);
    assert_false(found.kvm_agrees);
    maker_fini(&maker);
    start_good(&maker);
    add_context(&maker, LAUNCH_VMSA_GPA, MASK_SNP, DATA_AT); /* a second one */
    check_ok(measure(finish(&maker), &found), &err);
    assert_false(found.kvm_agrees);
    assert_int_equal(found.vmsa_count, 2);
    maker_fini(&maker);
    maker_init(&maker);
    add_platform(&maker, MASK_SNP, 2);
    add_page(&maker, 0x9000, MASK_SNP, 0, 0, 0);
    add_context(&maker, 0x8000, MASK_SNP, add_data(&maker, vmsa, PAGE)); /* elsewhere */
    check_ok(measure(finish(&maker), &found), &err);
    assert_false(found.kvm_agrees);
    maker_fini(&maker);
}

static void refuses_every_flipped_bit_of_the_headers(void **state)
{
    (void)state;
    struct maker maker;
    struct igvm_snp found;
    (void)make_good(&maker);
    for (size_t bit = 0; bit < (FIXED + maker.headers.size) * 8; bit++) {
        maker.file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (measure(buf_span(&maker.file), &found) == 0)
            fail_msg("bit %zu may be flipped", bit);
        maker.file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    maker_fini(&maker);
}

static void refuses_a_file_cut_anywhere(void **state)
{
    (void)state;
    struct maker maker;
    struct igvm_snp found;
    struct span file = make_good(&maker);
    for (size_t size = 0; size < file.size; size += size < DATA_AT ? 1 : 509)
        check_error(measure(span_of(file.data, size), &found), &err, ERROR_INVALID);
    maker_fini(&maker);
}

/* As if by a maker that knows how to make checksums. */
static int measure_changed(struct maker *maker, size_t at, uint8_t byte, struct igvm_snp *out)
{
    start_good(maker);
    (void)finish(maker);
    uint8_t *file = maker->file.data;
    file[at] = byte;
    uint32_t sum = igvm_checksum(span_of(file, FIXED), span_of(file + FIXED, maker->headers.size));
    put(file + 20, 4, sum);
    int result = measure(buf_span(&maker->file), out);
    maker_fini(maker);
    return result;
}

static void refuses_malformed_headers_whatever_the_checksum(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        const char *words;
    } cases[] = {
        {0, 'X', "no IGVM"},
        {4, 3, "version 3"},
        {8, 20, "do not lie"},
        {8, 28, "do not lie"},
        {14, 1, "do not lie"},
        {16, 1, "says that it has"},
        {FIXED, 0, "no stage"}, /* type 0 */
        {FIXED + 4, 15, "15 bytes"},
        {FIXED + 4, 8, "8 bytes"},
        {FIXED + 8, 0, "not one bit"},      /* mask */
        {FIXED + 8, 3, "not one bit"},      /* mask */
        {FIXED + 13, 0, "not for SEV-SNP"}, /* platform */
        {FIXED + 24 + 13, 2, "twice"},      /* the second platform */
        {FIXED + 48 + 20, 1, "reserved"},   /* policy */
        {FIXED + 72 + 8, 1, "whole pages"},
        {FIXED + 327, 1, "padding"},
        /* behind the save area */ /* the area's size */
    };
    struct maker maker;
    struct igvm_snp found;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(measure_changed(&maker, cases[i].at, cases[i].byte, &found), &err,
                      cases[i].words);
}

/* Adds one directive to a good file. */
static void refuse_page(uint64_t gpa, uint32_t offset, uint32_t flags, uint16_t kind,
                        const char *words)
{
    struct maker maker;
    struct igvm_snp found;
    start_good(&maker);
    add_page(&maker, gpa, MASK_SNP, offset, flags, kind);
    check_refused(measure(finish(&maker), &found), &err, words);
    maker_fini(&maker);
}

static void refuses_pages_out_of_place(void **state)
{
    (void)state;
    refuse_page(0x1001, 0, 0, 0, "aligned");
    refuse_page(0x1000, 0, 1, 0, "aligned"); /* 2 MiB */
    refuse_page(UINT64_MAX - 4095, 0, 0, 0, "aligned");
    refuse_page(0x9000, 0, 0, 4, "unknown");
    refuse_page(0x9000, 0, 8, 0, "reserved");
    refuse_page(0x9000, 1, 0, 0, "do not lie");
    refuse_page(0x9000, FIXED, 0, 0, "do not lie"); /* in the headers */
    refuse_page(0x9000, DATA_AT + 2 * PAGE + 1, 0, 0, "do not lie");
    refuse_page(0x9000, UINT32_MAX, 0, 0, "do not lie");
    refuse_page(0x200000, DATA_AT, 1, 0, "do not lie"); /* 2 MiB are not there */
}

static void refuses_parameter_areas_that_do_not_add_up(void **state)
{
    (void)state;
    struct maker maker;
    struct igvm_snp found;
    start_good(&maker);
    add_insert(&maker, 0x9000, MASK_SNP, 8); /* never declared */
    check_refused(measure(finish(&maker), &found), &err, "not there");
    maker_fini(&maker);
    start_good(&maker);
    add_insert(&maker, 0x9000, MASK_SNP, 7); /* inserted twice */
    check_refused(measure(finish(&maker), &found), &err, "inserted already");
    maker_fini(&maker);
    start_good(&maker);
    add_area(&maker, PAGE, 7);
    check_refused(measure(finish(&maker), &found), &err, "there twice");
    maker_fini(&maker);
    start_good(&maker);
    add_area(&maker, UINT64_C(1) << 40, 9); /* a terabyte */
    add_insert(&maker, 0x9000, MASK_SNP, 9);
    check_error(measure(finish(&maker), &found), &err, ERROR_LIMIT);
    maker_fini(&maker);
    start_good(&maker);
    add_area(&maker, 2 * PAGE, 9);
    add_insert(&maker, UINT64_MAX - 4095, MASK_SNP, 9); /* it would wrap */
    check_refused(measure(finish(&maker), &found), &err, "whole pages");
    maker_fini(&maker);
    start_good(&maker);
    for (uint32_t i = 0; i < IGVM_AREAS_MAX; i++)
        add_area(&maker, PAGE, 100 + i);
    check_error(measure(finish(&maker), &found), &err, ERROR_LIMIT);
    maker_fini(&maker);
}

static void refuses_what_it_does_not_know_unless_it_may_be_ignored(void **state)
{
    (void)state;
    static const uint32_t refused[] = {0x306, 0x314, 0x400};
    struct maker maker;
    struct igvm_snp found;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        start_good(&maker);
        add_header(&maker, refused[i], span_of("12345678", 8));
        check_refused(measure(finish(&maker), &found), &err, "unknown");
        maker_fini(&maker);
    }
    start_good(&maker);
    add_header(&maker, 0x80000000U | 0x3FF, span_of("12345678", 8));
    check_ok(measure(finish(&maker), &found), &err);
    maker_fini(&maker);
    start_good(&maker);
    add_policy(&maker, 0x30000, MASK_SNP); /* after the directives */
    check_refused(measure(finish(&maker), &found), &err, "too late");
    maker_fini(&maker);
}

static void refuses_what_a_loader_may_move(void **state)
{
    (void)state;
    uint8_t region[48] = {MASK_SNP};
    struct maker maker;
    struct igvm_snp found;
    maker_init(&maker);
    add_platform(&maker, MASK_SNP, 2);
    add_header(&maker, 0x102, span_of(region, sizeof region));
    add_page(&maker, 0x3000, MASK_SNP, 0, 0, 0);
    check_refused(measure(finish(&maker), &found), &err, "may move");
    maker_fini(&maker);
    region[0] = MASK_OTHER;
    maker_init(&maker);
    add_platform(&maker, MASK_SNP, 2);
    add_header(&maker, 0x102, span_of(region, sizeof region));
    add_page(&maker, 0x3000, MASK_SNP, 0, 0, 0);
    check_ok(measure(finish(&maker), &found), &err);
    maker_fini(&maker);
}

static void reverse(uint8_t *out, const uint8_t *number)
{
    for (size_t i = 0; i < P384_SIZE; i++)
        out[i] = number[P384_SIZE - 1 - i];
}

/* An ID block header by this key, for this digest. */
static void add_id_block(struct maker *maker, const struct private_key *key,
                         const uint8_t digest[SHA384_SIZE])
{
    uint8_t content[696] = {MASK_SNP};
    struct id_block block = {.policy = 0x30000};
    uint8_t bytes[ID_BLOCK_SIZE];
    uint8_t to_sign[SHA384_SIZE];
    struct id_signature signature;
    struct p384_key public_key;
    memcpy(block.launch_digest, digest, SHA384_SIZE);
    check_ok(id_block_write(&block, bytes, &err), &err);
    id_block_digest(bytes, to_sign);
    check_ok(private_key_sign_p384(key, to_sign, signature.r, signature.s, &err), &err);
    check_ok(private_key_public_p384(key, &public_key, &err), &err);
    memcpy(content + 8, bytes, ID_BLOCK_SIZE - 8);
    content[96] = 1; /* algorithms */
    content[100] = 1;
    reverse(content + 104, signature.r);
    reverse(content + 176, signature.s);
    content[248] = 2; /* curve */
    reverse(content + 256, public_key.x);
    reverse(content + 328, public_key.y);
    add_header(maker, 0x30B, span_of(content, sizeof content));
}

static void checks_the_id_block(void **state)
{
    (void)state;
    PRIVATE_KEY_AUTO *key = private_key_new_p384(&err);
    struct maker maker;
    struct igvm_snp found;
    struct id_digests digests;
    uint8_t other[SHA384_SIZE];
    check_ok(measure(make_good(&maker), &found), &err);
    check_error(igvm_check_id_block(&found, &digests, &err), &err, ERROR_NOT_FOUND);
    add_id_block(&maker, key, found.digest);
    check_ok(measure(finish(&maker), &found), &err);
    check_ok(igvm_check_id_block(&found, &digests, &err), &err);
    assert_false(digests.has_author);
    found.id_auth.block_signature.r[40] ^= 1;
    check_refused(igvm_check_id_block(&found, &digests, &err), &err, "by the ID key");
    add_id_block(&maker, key, found.digest);
    check_refused(measure(finish(&maker), &found), &err, "two ID blocks");
    maker_fini(&maker);

    memcpy(other, found.digest, sizeof other);
    other[0] ^= 1;
    start_good(&maker);
    add_id_block(&maker, key, other);
    check_ok(measure(finish(&maker), &found), &err);
    check_refused(igvm_check_id_block(&found, &digests, &err), &err, "another launch digest");
    maker_fini(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_directives),
        cmocka_unit_test(takes_zero_pages_as_the_loader_does),
        cmocka_unit_test(a_large_page_is_its_small_ones),
        cmocka_unit_test(tells_when_kvm_would_measure_otherwise),
        cmocka_unit_test(refuses_every_flipped_bit_of_the_headers),
        cmocka_unit_test(refuses_a_file_cut_anywhere),
        cmocka_unit_test(refuses_malformed_headers_whatever_the_checksum),
        cmocka_unit_test(refuses_pages_out_of_place),
        cmocka_unit_test(refuses_parameter_areas_that_do_not_add_up),
        cmocka_unit_test(refuses_what_it_does_not_know_unless_it_may_be_ignored),
        cmocka_unit_test(refuses_what_a_loader_may_move),
        cmocka_unit_test(checks_the_id_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
