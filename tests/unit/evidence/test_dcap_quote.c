#include "../check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "evidence/dcap_quote.h"

static struct error err;

#define AUTH_SIZE     5
#define CERTIFICATION "-----BEGIN"

/* A quote that the test wrote, and where its parts lie. */
struct made {
    uint8_t bytes[2048];
    size_t size;
    size_t report;         /* the first byte of the report */
    size_t signature_size; /* u32 */
    size_t wrapping;       /* u16 type, u32 size; 0 in version 3 */
    size_t qe_report;
    size_t auth_size;     /* u16 */
    size_t certification; /* u16 type, u32 size */
};

static void put(struct made *made, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        made->bytes[made->size++] = (uint8_t)(value >> (8 * i));
}

static void fill(struct made *made, uint8_t value, size_t size)
{
    memset(made->bytes + made->size, value, size);
    made->size += size;
}

static void set(struct made *made, size_t at, uint64_t value, size_t size)
{
    struct made part = {.size = 0};
    put(&part, value, size);
    memcpy(made->bytes + at, part.bytes, size);
}

static void make_head(struct made *made, uint16_t version, uint32_t tee, uint16_t body)
{
    *made = (struct made){.size = 0};
    put(made, version, 2);
    put(made, DCAP_KEY_ECDSA_P256, 2);
    put(made, tee, 4);
    put(made, 0x0A09, 2);
    put(made, 0x0C0B, 2);
    fill(made, 0xE1, DCAP_VENDOR_SIZE);
    fill(made, 0xE2, DCAP_USER_DATA_SIZE);
    if (version == 5) {
        put(made, body, 2);
        put(made, dcap_body_size(body), 4);
    }
    made->report = made->size;
    fill(made, 0xB0, dcap_body_size(body));
}

static void make(struct made *made, uint16_t version, uint32_t tee, uint16_t body)
{
    size_t qe_size = DCAP_SGX_SIZE + P256_SIGNATURE_SIZE + 2 + AUTH_SIZE + 6 +
                     strlen(CERTIFICATION);
    size_t wrapping = version == 3 ? 0 : 6;
    make_head(made, version, tee, body);
    made->signature_size = made->size;
    put(made, P256_SIGNATURE_SIZE + P256_POINT_SIZE + wrapping + qe_size, 4);
    fill(made, 0x51, P256_SIGNATURE_SIZE);
    fill(made, 0x52, P256_POINT_SIZE);
    if (wrapping) {
        made->wrapping = made->size;
        put(made, DCAP_CERTIFICATION_QE_REPORT, 2);
        put(made, qe_size, 4);
    }
    made->qe_report = made->size;
    fill(made, 0x53, DCAP_SGX_SIZE);
    fill(made, 0x54, P256_SIGNATURE_SIZE);
    made->auth_size = made->size;
    put(made, AUTH_SIZE, 2);
    fill(made, 0x55, AUTH_SIZE);
    made->certification = made->size;
    put(made, DCAP_CERTIFICATION_PCK_CHAIN, 2);
    put(made, strlen(CERTIFICATION), 4);
    memcpy(made->bytes + made->size, CERTIFICATION, strlen(CERTIFICATION));
    made->size += strlen(CERTIFICATION);
}

static const struct kind {
    uint16_t version;
    uint32_t tee;
    enum dcap_body body;
} kinds[] = {
    {3, DCAP_TEE_SGX, DCAP_BODY_SGX},  {4, DCAP_TEE_SGX, DCAP_BODY_SGX},
    {4, DCAP_TEE_TDX, DCAP_BODY_TD10}, {5, DCAP_TEE_SGX, DCAP_BODY_SGX},
    {5, DCAP_TEE_TDX, DCAP_BODY_TD10}, {5, DCAP_TEE_TDX, DCAP_BODY_TD15},
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static void make_kind(struct made *made, size_t i)
{
    make(made, kinds[i].version, kinds[i].tee, (uint16_t)kinds[i].body);
}

static int parse(const struct made *made, struct dcap_quote *quote)
{
    return dcap_quote_parse(span_of(made->bytes, made->size), quote, &err);
}

static void refuse(const struct made *made, const char *words)
{
    struct dcap_quote quote;
    check_refused(parse(made, &quote), &err, words);
    assert_int_equal(err.code, ERROR_INVALID);
}

/* The span is these bytes of the quote, all of this value. */
static void check_part(const struct made *made, struct span part, size_t at, size_t size,
                       uint8_t value)
{
    assert_ptr_equal(part.data, made->bytes + at);
    assert_int_equal(part.size, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(part.data[i], value);
}

static void reads_each_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct made made;
        struct dcap_quote quote;
        make_kind(&made, i);
        check_ok(parse(&made, &quote), &err);
        assert_int_equal(quote.version, kinds[i].version);
        assert_int_equal(quote.attestation_key_type, DCAP_KEY_ECDSA_P256);
        assert_int_equal(quote.tee_type, kinds[i].tee);
        assert_int_equal(quote.qe_svn, 0x0A09);
        assert_int_equal(quote.pce_svn, 0x0C0B);
        assert_int_equal(quote.qe_vendor[DCAP_VENDOR_SIZE - 1], 0xE1);
        assert_int_equal(quote.user_data[0], 0xE2);
        assert_int_equal(quote.user_data[DCAP_USER_DATA_SIZE - 1], 0xE2);
        assert_int_equal(quote.body, kinds[i].body);
        check_part(&made, quote.report, made.report, dcap_body_size(kinds[i].body), 0xB0);
        assert_ptr_equal(quote.signed_bytes.data, made.bytes);
        assert_int_equal(quote.signed_bytes.size, made.signature_size);
        check_part(&made, quote.signature, made.signature_size + 4, 64, 0x51);
        check_part(&made, quote.attestation_key, made.signature_size + 68, 64, 0x52);
        check_part(&made, quote.qe_report, made.qe_report, DCAP_SGX_SIZE, 0x53);
        check_part(&made, quote.qe_signature, made.qe_report + DCAP_SGX_SIZE, 64, 0x54);
        check_part(&made, quote.qe_auth_data, made.auth_size + 2, AUTH_SIZE, 0x55);
        assert_int_equal(quote.certification_type, DCAP_CERTIFICATION_PCK_CHAIN);
        assert_true(span_equal_text(quote.certification_data, CERTIFICATION));
        assert_int_equal(quote.trailing.size, 0);
    }
}

static void tells_what_follows_the_quote_from_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct made made;
        struct dcap_quote quote;
        make_kind(&made, i);
        size_t size = made.size;
        fill(&made, 0x77, 9);
        check_ok(parse(&made, &quote), &err);
        check_part(&made, quote.trailing, size, 9, 0x77);
        assert_true(span_equal_text(quote.certification_data, CERTIFICATION));
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct made made;
        struct dcap_quote quote;
        make_kind(&made, i);
        for (size_t size = 0; size < made.size; size++) {
            uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees what reads beyond */
            assert_non_null(exact);
            memcpy(exact + 1, made.bytes, size);
            check_error(dcap_quote_parse(span_of(exact + 1, size), &quote, &err), &err,
                        ERROR_INVALID);
            free(exact);
        }
    }
}

static void refuses_another_version(void **state)
{
    (void)state;
    static const uint16_t versions[] = {0, 1, 2, 6, 0x0300, 0x0400, 0xFFFF};
    struct made made;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        make_kind(&made, 0);
        set(&made, 0, versions[i], 2);
        refuse(&made, "the quote has version");
    }
}

static void refuses_another_key_type(void **state)
{
    (void)state;
    static const uint16_t types[] = {0, 1, 3, 4, 0x0200, 0xFFFF};
    struct made made;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            make_kind(&made, kind);
            set(&made, 2, types[i], 2);
            refuse(&made, "the attestation key has type");
        }
    }
}

static void refuses_another_tee(void **state)
{
    (void)state;
    static const uint32_t types[] = {1, 0x80, 0x82, 0x8100, 0x81000000, 0xFFFFFFFF};
    struct made made;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            make_kind(&made, kind);
            set(&made, 4, types[i], 4);
            refuse(&made, "TEE type");
        }
    }
    make_kind(&made, 0);
    set(&made, 4, DCAP_TEE_TDX, 4);
    refuse(&made, "TEE type 0x81 is not known in a quote of version 3");
}

static void refuses_a_version_of_other_parts(void **state)
{
    (void)state;
    struct made made;
    make_kind(&made, 0);
    set(&made, 0, 4, 2); /* nothing wraps the quoting enclave's report */
    refuse(&made, "no signature, key and certification");
    make_kind(&made, 1);
    set(&made, 0, 3, 2);
    refuse(&made, "within the quoting enclave's report");
}

static void refuses_another_body(void **state)
{
    (void)state;
    static const struct {
        uint32_t tee;
        uint16_t body;
        uint32_t size;
        const char *words;
    } refused[] = {
        {DCAP_TEE_TDX, 0, 0, "report of type 0 and 0 bytes"},
        {DCAP_TEE_TDX, 0, 584, "report of type 0"},
        {DCAP_TEE_TDX, 4, 648, "report of type 4"},
        {DCAP_TEE_TDX, 0x0300, 648, "report of type 768"},
        {DCAP_TEE_TDX, 2, 648, "report of type 2 and 648 bytes"},
        {DCAP_TEE_TDX, 3, 584, "report of type 3 and 584 bytes"},
        {DCAP_TEE_TDX, 3, 647, "647 bytes"},
        {DCAP_TEE_TDX, 3, 649, "649 bytes"},
        {DCAP_TEE_TDX, 3, 0xFFFFFFFF, "4294967295 bytes"},
        {DCAP_TEE_TDX, 1, 384, "does not go with a report of type 1"},
        {DCAP_TEE_SGX, 2, 584, "does not go with a report of type 2"},
        {DCAP_TEE_SGX, 3, 648, "does not go with a report of type 3"},
        {DCAP_TEE_SGX, 1, 383, "383 bytes"},
    };
    struct made made;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        make(&made, 5, refused[i].tee, DCAP_BODY_TD15);
        set(&made, DCAP_HEADER_SIZE, refused[i].body, 2);
        set(&made, DCAP_HEADER_SIZE + 2, refused[i].size, 4);
        refuse(&made, refused[i].words);
    }
}

/* Each length one more, one less, none and as much as it can say. */
static void check_length(size_t kind, size_t at, size_t size)
{
    struct made made;
    make_kind(&made, kind);
    uint64_t length = 0;
    for (size_t i = 0; i < size; i++)
        length |= (uint64_t)made.bytes[at + i] << (8 * i);
    const uint64_t wrong[] = {0, length - 1, length + 1, (UINT64_C(1) << (8 * size)) - 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct dcap_quote quote;
        set(&made, at, wrong[i], size);
        if (parse(&made, &quote) == 0)
            fail_msg("kind %zu, byte %zu, length %" PRIu64, kind, at, wrong[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void refuses_wrong_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct made made;
        make_kind(&made, i);
        check_length(i, made.signature_size, 4);
        if (made.wrapping)
            check_length(i, made.wrapping + 2, 4);
        check_length(i, made.auth_size, 2);
        check_length(i, made.certification + 2, 4);
    }
}

static void refuses_bytes_left_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct made made;
        make_kind(&made, i);
        fill(&made, 0, 1);
        size_t inside = made.size - made.signature_size - 4;
        set(&made, made.signature_size, inside, 4);
        refuse(&made, made.wrapping ? "no signature, key and certification"
                                    : "1 bytes are left after the certification data");
        if (!made.wrapping)
            continue;
        set(&made, made.wrapping + 2, inside - 128 - 6, 4);
        refuse(&made, "1 bytes are left after the certification data");
    }
}

static void refuses_what_does_not_wrap_the_report(void **state)
{
    (void)state;
    static const uint16_t types[] = {0, 1, 2, 3, 4, 5, 7, 0x0600, 0xFFFF};
    for (size_t kind = 1; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            struct made made;
            make_kind(&made, kind);
            set(&made, made.wrapping, types[i], 2);
            refuse(&made, "instead of 6");
        }
    }
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    static uint8_t bytes[DCAP_QUOTE_SIZE_MAX + 1];
    struct made made;
    struct dcap_quote quote;
    make_kind(&made, 0);
    memcpy(bytes, made.bytes, made.size);
    check_ok(dcap_quote_parse(span_of(bytes, DCAP_QUOTE_SIZE_MAX), &quote, &err), &err);
    assert_int_equal(quote.trailing.size, DCAP_QUOTE_SIZE_MAX - made.size);
    check_error(dcap_quote_parse(span_of(bytes, sizeof bytes), &quote, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_version),
        cmocka_unit_test(tells_what_follows_the_quote_from_it),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_another_version),
        cmocka_unit_test(refuses_another_key_type),
        cmocka_unit_test(refuses_another_tee),
        cmocka_unit_test(refuses_a_version_of_other_parts),
        cmocka_unit_test(refuses_another_body),
        cmocka_unit_test(refuses_wrong_lengths),
        cmocka_unit_test(refuses_bytes_left_inside),
        cmocka_unit_test(refuses_what_does_not_wrap_the_report),
        cmocka_unit_test(refuses_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
