#include "../bytes.h"
#include "../check.h"
#include "../vectors.h"

#include "format/cbor.h"
#include "format/cose.h"

#define FILE_MAX (1024 * 1024)

static struct error err;

/* A message of a protected header, an unprotected one, and what follows them. */
static void make(struct buf *out, const char *protected_header, const char *rest)
{
    BUF_AUTO header = BUF_WITH_LIMIT(4096);
    assert_true(bytes_append(&header, protected_header));
    assert_true(bytes_append(out, "d284"));
    check_ok(cbor_write_bytes(out, buf_span(&header), &err), &err);
    assert_true(bytes_append(out, rest));
}

static int parse(const char *protected_header, const char *rest, struct cose_sign1 *message)
{
    static struct buf bytes; /* lives as long as what the message borrows */
    buf_fini(&bytes);
    buf_init(&bytes, 65536);
    make(&bytes, protected_header, rest);
    int result = cose_parse(buf_span(&bytes), message, &err);
    if (result < 0)
        buf_fini(&bytes);
    return result;
}

#define BODY "a0 42 6869 43 010203" /* no unprotected header, payload "hi", a signature */

static void reads_text_labels(void **state)
{
    (void)state;
    struct cose_sign1 message;
    check_ok(parse("a8 01 3825 03 6161 1821 82 4101 4102 1822 82 2f 420304 63697373 6169"
                   "6466656564 6166 6373766e 07 6b 7369676e696e6774696d65 c1 1a63e33a0f",
                   BODY, &message),
             &err);
    assert_int_equal(message.algorithm, COSE_PS384);
    assert_true(span_equal_text(message.content_type, "a"));
    assert_int_equal(message.x5chain_count, 2);
    assert_true(span_equal(message.x5chain[1], span_of("\x02", 1)));
    assert_int_equal(message.x5t_algorithm, COSE_SHA256);
    assert_int_equal(message.x5t.size, 2);
    assert_true(span_equal_text(message.issuer, "i"));
    assert_true(span_equal_text(message.feed, "f"));
    assert_false(message.has_svn); /* hcsshim passes over a text label "svn", too */
    assert_true(message.has_signing_time && message.signing_time == 0x63e33a0f);
    assert_false(message.is_hash_envelope);
    assert_true(span_equal_text(message.payload, "hi"));
    assert_int_equal(message.signature.size, 3);
}

static void reads_claims_and_hash_envelope(void **state)
{
    (void)state;
    struct cose_sign1 message;
    check_ok(
        parse("a5 01 3822 0f a5 01 6169 02 6166 06 1a63e33a0f 6373766e 1868 18ff a0"
              "1821 4101 190102 382a 190103 6162",
              "a2 19018a 82 41aa 42bbcc 6974696d657374616d70 41dd 42 6869 43 010203", &message),
        &err);
    assert_int_equal(message.algorithm, COSE_ES384);
    assert_int_equal(message.x5chain_count, 1);
    assert_true(span_equal_text(message.issuer, "i") && span_equal_text(message.feed, "f"));
    assert_true(message.has_svn && message.svn == 104);
    assert_true(message.has_signing_time && message.signing_time == 0x63e33a0f);
    assert_true(message.is_hash_envelope);
    assert_int_equal(message.payload_hash_algorithm, COSE_SHA384);
    assert_true(span_equal_text(message.preimage_content_type, "b"));
    assert_int_equal(message.receipt_count, 2);
    assert_int_equal(message.receipts[1].size, 2);
    assert_int_equal(message.timestamp.size, 1);
}

static void refuses_headers_that_are_not_right(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *rest;
        const char *words;
    } refused[] = {
        {"", BODY, "protected header: the CBOR item ends too early"},
        {"a0", BODY, "no alg"},
        {"a1 03 6161", BODY, "no alg"},
        {"a1 01 00", BODY, "alg (1) is not a number"},
        {"a1 01 f6", BODY, "alg (1) is not a number"},
        {"a1 01 65 4553333834", BODY, "alg (1) is not a number"},
        {"a1 01 3825 00", BODY, "1 bytes follow"},
        {"a2 01 3825 01 3822", BODY, "a key twice"},
        {"bf 01 3825 ff", BODY, "indefinite"},
        {"81 01", BODY, "protected header is an array, not a map"},
        {"f6", BODY, "is a simple value, not a map"},
        {"a2 01 3825 f6 00", BODY, "a label of COSE's headers is a simple value"},
        {"a2 01 3825 41aa 00", BODY, "a label of COSE's headers is a byte string"},
        {"a2 01 3825 02 80", BODY, "crit (2) is empty"},
        {"a2 01 3825 02 f6", BODY, "crit (2) is a simple value"},
        {"a3 01 3825 02 81 1864 1864 00", BODY, "not understood here"},
        {"a3 01 3825 02 81 63666f6f 63666f6f 00", BODY, "not understood here"},
        {"a2 01 3825 02 81 1821", BODY, "names x5chain, which is not there"},
        {"a2 01 3825 02 81 19018a", BODY, "not understood here"},
        {"a2 01 3825 03 01", BODY, "content type (3) is a number"},
        {"a2 01 3825 03 60", BODY, "is empty"},
        {"a2 01 3825 63697373 63 610062", BODY, "has a zero byte"},
        {"a2 01 3825 1821 80", BODY, "not 1 to 8 certificates"},
        {"a2 01 3825 1821 81 4101", BODY, "not 1 to 8 certificates"},
        {"a2 01 3825 1821 89 40 40 40 40 40 40 40 40 40", BODY, "not 1 to 8 certificates"},
        {"a2 01 3825 1821 82 4101 01", BODY, "x5chain (33) is a number"},
        {"a2 01 3825 1822 81 2f", BODY, "not [algorithm, digest]"},
        {"a2 01 3825 1822 82 6161 40", BODY, "not [algorithm, digest]"},
        {"a2 01 3825 1822 82 2f 01", BODY, "x5t (34) is a number"},
        {"a2 01 3825 0f a1 6373766e 20", BODY, "svn is a negative number"},
        {"a2 01 3825 0f a1 6373766e 6131", BODY, "svn is a text"},
        {"a2 01 3825 0f 80", BODY, "CWT claims (15) is an array"},
        {"a2 01 3825 0f a1 06 c1 6161", BODY, "not a number of seconds"},
        {"a2 01 3825 0f a1 06 c2 4101", BODY, "not a number of seconds"},
        {"a2 01 3825 0f a1 06 fb41d4520000000000", BODY, "only false, true and null"},
        {"a3 01 3825 0f a1 01 6161 63697373 6161", BODY, "issuer is there twice"},
        /* An svn as a claim, issuer and feed as labels: ACI's guest finds no issuer there. */
        {"a4 01 3825 0f a1 6373766e 05 63697373 6161 6466656564 6162", BODY, "beside CWT claims"},
        {"a3 01 3825 0f a1 6373766e 05 63697373 6161", BODY, "beside CWT claims"},
        {"a3 01 3825 0f a1 01 6161 6466656564 6162", BODY, "beside CWT claims"},
        {"a3 01 3825 6466656564 6162 0f a0", BODY, "beside CWT claims"},
        {"a3 01 3825 180f a1 6373766e 05 63697373 6161", BODY, ""},
        {"a3 01 3825 6466656564 6161 0f a1 02 6161", BODY, "feed is there twice"},
        {"a2 01 3825 0f a2 6373766e 01 6373766e 01", BODY, "a key twice"},
        {"a3 01 3825 02 81 6373766e 6373766e 01", BODY, "not understood here"},
        {"a2 01 3825 190102 6161", BODY, "(258) is not a number"},
        {"a2 01 3825 19018a 81 40", BODY, "receipts belongs into the unprotected"},
        {"a2 01 3825 6974696d657374616d70 40", BODY, "belongs into the unprotected"},
        {"a1 01 3825", "a1 1821 40 42 6869 40", "x5chain belongs into the protected"},
        {"a1 01 3825", "a1 01 3825 42 6869 40", "alg belongs into the protected"},
        {"a1 01 3825", "a1 02 81 01 42 6869 40", "crit belongs into the protected"},
        {"a1 01 3825", "a1 63697373 6161 42 6869 40", "iss belongs into the protected"},
        {"a2 01 3825 18c8 00", "a1 18c8 01 42 6869 40", "in both of COSE's headers"},
        {"a1 01 3825", "a1 19018a 40 42 6869 40", "receipts (394) is a byte string"},
        {"a1 01 3825", "a1 19018a 81 01 42 6869 40", "receipts (394) is a number"},
        {"a1 01 3825", "a2 18c8 01 18c8 01 42 6869 40", "a key twice"},
        {"a1 01 3825", "80 42 6869 40", "unprotected header is an array"},
    };
    struct cose_sign1 message;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(parse(refused[i].header, refused[i].rest, &message), &err, refused[i].words);
}

static void refuses_bodies_that_are_not_right(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        const char *words;
    } refused[] = {
        {"a0 f6 40", "payload is detached"},
        {"a0 62 6869 40", "payload is a text"},
        {"a0 42 6869 f6", "signature is a simple value"},
        {"a0 42 6869", "ends too early"},
        {"a0 42 6869 40 00", "1 bytes follow"},
        {"a0 5f 42 6869 ff 40", "indefinite"},
    };
    struct cose_sign1 message;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(parse("a1 01 3825", refused[i].rest, &message), &err, refused[i].words);
}

static void refuses_what_is_no_sign1(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "84 44 a1013825 a0 40 40",      /* no tag */
        "d1 84 44 a1013825 a0 40 40",   /* tag 17: COSE_Mac0 */
        "d862 84 44 a1013825 a0 40 40", /* tag 98: COSE_Sign */
        "d2 d2 84 44 a1013825 a0 40 40", "d2 83 44 a1013825 a0 40", "d2 85 44 a1013825 a0 40 40 40",
        "d2 a2 44 a1013825 a0 40 40",    "d2 84 a1013825 a0 40 40", "d2 9f 44 a1013825 a0 40 40 ff",
    };
    struct cose_sign1 message;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
        assert_true(bytes_append(&bytes, refused[i]));
        check_error(cose_parse(buf_span(&bytes), &message, &err), &err, ERROR_INVALID);
    }
    static const uint8_t large[COSE_SIZE_MAX + 1];
    check_error(cose_parse(span_of(large, sizeof large), &message, &err), &err, ERROR_LIMIT);
}

static void understood_critical_labels_pass(void **state)
{
    (void)state;
    struct cose_sign1 message;
    check_ok(parse("a4 01 3825 02 82 03 63697373 03 6161 63697373 6169", BODY, &message), &err);
    check_ok(parse("a2 01 3825 1a00010000 a1 00 80", BODY, &message), &err); /* unknown, not so */
}

static void what_is_signed_is_as_the_rfc_says(void **state)
{
    (void)state;
    struct cose_sign1 message;
    BUF_AUTO signed_bytes = BUF_WITH_LIMIT(4096);
    BUF_AUTO expected = BUF_WITH_LIMIT(4096);
    check_ok(parse("a1 01 3825", BODY, &message), &err);
    check_ok(cose_to_be_signed(&message, &signed_bytes, &err), &err);
    assert_true(bytes_append(&expected, "84 6a 5369676e617475726531 44 a1013825 40 42 6869"));
    assert_true(span_equal(buf_span(&signed_bytes), buf_span(&expected)));
}

static void algorithms_have_names(void **state)
{
    (void)state;
    assert_string_equal(cose_algorithm_name(COSE_PS384), "PS384");
    assert_null(cose_algorithm_name(0));
    assert_null(cose_algorithm_name(COSE_SHA256));
    assert_null(cose_algorithm_name(-65535)); /* RS1: RSA with SHA-1 */
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    struct cose_sign1 message;
    make(&bytes, "a2 01 3825 0f a1 01 6169", "a1 19018a 81 41aa 42 6869 43 010203");
    check_ok(cose_parse(buf_span(&bytes), &message, &err), &err);
    for (size_t size = 0; size < bytes.size; size++)
        check_error(cose_parse(span_of(bytes.data, size), &message, &err), &err, ERROR_INVALID);
}

/* ---- what is written ---- */

static const struct cose_sign1 small = {
    .algorithm = COSE_ES384,
    .content_type = {(const uint8_t *)"a+rego", 6},
    .x5chain = {{(const uint8_t *)"\x01", 1}, {(const uint8_t *)"\x02", 1}},
    .x5chain_count = 2,
    .issuer = {(const uint8_t *)"i", 1},
    .feed = {(const uint8_t *)"f", 1},
};

static void expect_header(const struct cose_sign1 *message, const char *hex)
{
    BUF_AUTO header = BUF_WITH_LIMIT(4096);
    BUF_AUTO expected = BUF_WITH_LIMIT(4096);
    check_ok(cose_write_protected(message, &header, &err), &err);
    assert_true(bytes_append(&expected, hex));
    assert_true(span_equal(buf_span(&header), buf_span(&expected)));
}

static void writes_text_labels_without_an_svn(void **state)
{
    (void)state;
    expect_header(&small, "a5 01 3822 03 66 612b7265676f 1821 82 4101 4102"
                          "63697373 6169 6466656564 6166");
}

static void writes_claims_with_an_svn(void **state)
{
    (void)state;
    struct cose_sign1 message = small;
    message.has_svn = true;
    message.svn = 104;
    expect_header(&message, "a4 01 3822 03 66 612b7265676f 0f a3 01 6169 02 6166 6373766e 1868"
                            "1821 82 4101 4102");
}

static void writes_a_message_that_reads_as_it_was(void **state)
{
    (void)state;
    struct cose_sign1 message = small, read;
    BUF_AUTO header = BUF_WITH_LIMIT(4096);
    BUF_AUTO bytes = BUF_WITH_LIMIT(4096);
    BUF_AUTO expected = BUF_WITH_LIMIT(4096);
    check_ok(cose_write_protected(&message, &header, &err), &err);
    message.protected_header = buf_span(&header);
    message.payload = span_of("hi", 2);
    message.signature = span_of("\x01\x02\x03", 3);
    check_ok(cose_write(&message, &bytes, &err), &err);
    assert_true(bytes_append(&expected, "d284"));
    check_ok(cbor_write_bytes(&expected, buf_span(&header), &err), &err);
    assert_true(bytes_append(&expected, BODY));
    assert_true(span_equal(buf_span(&bytes), buf_span(&expected)));
    check_ok(cose_parse(buf_span(&bytes), &read, &err), &err);
    assert_true(span_equal(read.issuer, message.issuer) && span_equal(read.feed, message.feed));
    assert_true(span_equal(read.content_type, message.content_type));
    assert_int_equal(read.x5chain_count, 2);
    assert_false(read.has_svn);
}

/* ---- real messages ---- */

/* The protected header without these labels, which ours does not have: every other byte stays. */
static void drop_labels(struct span header, const char *const *labels, struct buf *out)
{
    struct cursor cursor = cursor_of(header);
    struct cbor_item map;
    BUF_AUTO rest = BUF_WITH_LIMIT(FILE_MAX);
    uint64_t left = 0;
    check_ok(cbor_read(&cursor, &map, &err), &err);
    for (uint64_t i = 0; i < map.value; i++) {
        struct span key, value;
        bool dropped = false;
        check_ok(cbor_skip(&cursor, &key, &err), &err);
        check_ok(cbor_skip(&cursor, &value, &err), &err);
        for (const char *const *label = labels; *label; label++)
            dropped = dropped || span_equal_text(key, *label);
        if (dropped)
            continue;
        left++;
        check_ok(buf_append(&rest, key, &err), &err);
        check_ok(buf_append(&rest, value, &err), &err);
    }
    check_ok(cbor_write_head(out, CBOR_MAP, left, &err), &err);
    check_ok(buf_append(out, buf_span(&rest), &err), &err);
}

/* 34 and "signingtime". */
static const char *const not_ours[] = {"\x18\x22", "\x6bsigningtime", NULL};

/* A real header of text labels, and ours of the same values: the same bytes. */
static void writes_text_labels_as_real_signers_do(void **state)
{
    (void)state;
    struct cose_sign1 message;
    BUF_AUTO bytes = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO ours = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO real = BUF_WITH_LIMIT(FILE_MAX);
    vectors_need("cose");
    vectors_read("cose/esrp.test.cose", &bytes);
    check_ok(cose_parse(buf_span(&bytes), &message, &err), &err);
    drop_labels(message.protected_header, not_ours, &real);
    check_ok(cose_write_protected(&message, &ours, &err), &err);
    assert_true(span_equal(buf_span(&ours), buf_span(&real)));
}

/* The same of claims: those of a real header but for the time, 06 c1 1a and four bytes. */
static void writes_claims_as_real_signers_do(void **state)
{
    (void)state;
    struct cose_sign1 message;
    BUF_AUTO bytes = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO ours = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO real = BUF_WITH_LIMIT(FILE_MAX);
    vectors_need("cose");
    vectors_read("cose/aci-cc-ttl.ttl.cose", &bytes);
    check_ok(cose_parse(buf_span(&bytes), &message, &err), &err);
    drop_labels(message.protected_header, not_ours, &real);
    uint8_t *claims = memmem(real.data, real.size, "\x0f\xa4\x01", 3);
    uint8_t *time = memmem(real.data, real.size, "\x06\xc1\x1a", 3);
    assert_true(claims && time > claims);
    claims[1] = 0xa3;
    memmove(time, time + 7, (size_t)(real.data + real.size - (time + 7)));
    check_ok(cose_write_protected(&message, &ours, &err), &err);
    assert_true(span_equal(buf_span(&ours), span_of(real.data, real.size - 7)));
}

static void reads_real_messages(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t algorithm;
        const char *feed;
        bool has_svn;
        uint64_t svn;
        int64_t signing_time;
        size_t receipts;
        bool is_hash_envelope;
    } cases[] = {
        {"cose/aci-cc-ttl.ttl.cose", COSE_ES384, "acidevacr.azurecr.io/internal/aci/aci-cc-ttl",
         true, 0, 1781631747, 1, false},
        {"cose/esrp.test.cose", COSE_ES384, "KensHouseOfUVMImages", false, 0, 1668009416, 0, false},
        {"cose/esrp_transparent_hash_envelop.cose", COSE_PS384, "ContainerPlat-AMD-UVM", true, 104,
         1774544607, 1, true},
        {"cose/esrp_with_grafted_receipt.cose", COSE_PS384, "ContainerPlat-AMD-UVM", true, 104,
         1774544607, 1, true},
        {"aci/attest_test_data/body.uvm_reference_info.bin", COSE_PS384, "ContainerPlat-AMD-UVM",
         false, 0, 1675834943, 0, false},
    };
    vectors_need("cose");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cose_sign1 message;
        BUF_AUTO bytes = BUF_WITH_LIMIT(FILE_MAX);
        vectors_read(cases[i].name, &bytes);
        check_ok(cose_parse(buf_span(&bytes), &message, &err), &err);
        assert_int_equal(message.algorithm, cases[i].algorithm);
        assert_true(span_equal_text(message.feed, cases[i].feed));
        assert_int_equal(message.has_svn, cases[i].has_svn);
        assert_int_equal(message.svn, cases[i].svn);
        assert_true(message.has_signing_time);
        assert_int_equal(message.signing_time, cases[i].signing_time);
        assert_int_equal(message.receipt_count, cases[i].receipts);
        assert_int_equal(message.is_hash_envelope, cases[i].is_hash_envelope);
        assert_int_equal(message.x5chain_count, 3);
        assert_int_equal(message.x5t_algorithm, COSE_SHA256);
        assert_int_equal(message.x5t.size, 32);
        for (size_t size = 0; size < bytes.size; size++)
            assert_int_equal(cose_parse(span_of(bytes.data, size), &message, NULL), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_text_labels),
        cmocka_unit_test(reads_claims_and_hash_envelope),
        cmocka_unit_test(refuses_headers_that_are_not_right),
        cmocka_unit_test(refuses_bodies_that_are_not_right),
        cmocka_unit_test(refuses_what_is_no_sign1),
        cmocka_unit_test(understood_critical_labels_pass),
        cmocka_unit_test(what_is_signed_is_as_the_rfc_says),
        cmocka_unit_test(algorithms_have_names),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(writes_text_labels_without_an_svn),
        cmocka_unit_test(writes_claims_with_an_svn),
        cmocka_unit_test(writes_a_message_that_reads_as_it_was),
        cmocka_unit_test(writes_text_labels_as_real_signers_do),
        cmocka_unit_test(writes_claims_as_real_signers_do),
        cmocka_unit_test(reads_real_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
