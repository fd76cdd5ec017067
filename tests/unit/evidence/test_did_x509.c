#include "../check.h"
#include "../made.h"

#include <stdio.h>

#include "base/base64.h"
#include "evidence/did_x509.h"

#define FINGERPRINT "I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s"
#define START       "did:x509:0:sha256:" FINGERPRINT

static struct error err;
static struct did_x509 did;

static int parse(const char *text)
{
    return did_x509_parse(span_of_text(text), &did, &err);
}

static void reads_every_predicate(void **state)
{
    (void)state;
    check_ok(parse(START "::eku:1.3.6.1.4.1.311.76.59.1.2"), &err);
    assert_int_equal(did.fingerprint_size, 32);
    assert_int_equal(did.fingerprint[0], 0x23);
    assert_int_equal(did.predicate_count, 1);
    assert_int_equal(did.predicates[0].kind, DID_X509_EKU);
    check_ok(parse(START "::subject:CN:Test%20%28DO%20NOT%20TRUST%29:O:A:2.5.4.5:x"), &err);
    assert_int_equal(did.predicates[0].part_count, 6);
    check_ok(parse(START "::san:email:bob%40example.com::san:dns:a-b_c.d::eku:1.2"), &err);
    assert_int_equal(did.predicate_count, 3);
    assert_int_equal(did.predicates[1].kind, DID_X509_SAN);
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } refused[] = {
        {"", "does not begin"},
        {"did:x509:0:", "does not begin"},
        {"did:x509:1:sha256:" FINGERPRINT "::eku:1.2", "does not begin"},
        {"did:x509:00:sha256:" FINGERPRINT "::eku:1.2", "does not begin"},
        {"DID:x509:0:sha256:" FINGERPRINT "::eku:1.2", "does not begin"},
        {" " START "::eku:1.2", "does not begin"},
        {"did:x509:0:sha256", "does not name hash"},
        {"did:x509:0:sha256:" FINGERPRINT ":x::eku:1.2", "does not name hash"},
        {"did:x509:0:sha1:" FINGERPRINT "::eku:1.2", "another hash"},
        {"did:x509:0:SHA256:" FINGERPRINT "::eku:1.2", "another hash"},
        {"did:x509:0:sha384:" FINGERPRINT "::eku:1.2", "not 48"},
        {"did:x509:0:sha256:AAAA::eku:1.2", "not 32"},
        {"did:x509:0:sha256:" FINGERPRINT "=::eku:1.2", "fingerprint"},
        {"did:x509:0:sha256:" FINGERPRINT "A::eku:1.2", "fingerprint"},
        {"did:x509:0:sha256:I//iuL25oXEVFdTP/aBLx/eT1RPHbCQ/ECBQfYZpt9s::eku:1.2", "fingerprint"},
        {"did:x509:0:sha256::eku:1.2", "does not name hash"},
        {START, "no predicate"},
        {START "::", "not known here"},
        {START ":::eku:1.2", "not known here"},
        {START "::eku", "malformed"},
        {START "::eku:", "is empty"},
        {START "::eku:1", "malformed"},
        {START "::eku:1.", "malformed"},
        {START "::eku:.1", "malformed"},
        {START "::eku:1..2", "malformed"},
        {START "::eku:1.02", "malformed"},
        {START "::eku:codeSigning", "malformed"},
        {START "::eku:1.2:1.3", "malformed"},
        {START "::eku:1.2::", "not known here"},
        {START "::EKU:1.2", "not known here"},
        {START "::fulcio-issuer:accounts.google.com", "not known here"},
        {START "::subject", "malformed"},
        {START "::subject:CN", "malformed"},
        {START "::subject:CN:a:O", "malformed"},
        {START "::subject:CN:a:CN:b", "malformed"},
        {START "::subject:cn:a", "malformed"},
        {START "::subject:XX:a", "malformed"},
        {START "::subject:CN:", "is empty"},
        {START "::subject:CN:a b", "not percent-encoded"},
        {START "::subject:CN:a~b", "not percent-encoded"},
        {START "::subject:CN:a+b", "not percent-encoded"},
        {START "::subject:CN:%", "not percent-encoded"},
        {START "::subject:CN:%4", "not percent-encoded"},
        {START "::subject:CN:%4g", "not percent-encoded"},
        {START "::subject:CN:%%41", "not percent-encoded"},
        {START "::san:dns", "malformed"},
        {START "::san:ip:10.0.0.1", "malformed"},
        {START "::san:dns:a:b", "malformed"},
        {START "::eku:1.2#0", "not percent-encoded"},
        {START "::eku:1.2?a", "not percent-encoded"},
        {START "::eku:1.2/a", "not percent-encoded"},
        {START "::eku:1.2\n", "not percent-encoded"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(parse(refused[i].text), &err, refused[i].words);
    check_error(did_x509_parse(span_of(START "::eku:1.2\0", sizeof START + 10), &did, &err), &err,
                ERROR_INVALID);
}

static void refuses_too_much(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    check_ok(buf_append_text(&text, START, &err), &err);
    for (int i = 0; i < DID_X509_PREDICATES_MAX; i++)
        check_ok(buf_append_text(&text, "::eku:1.2", &err), &err);
    check_ok(parse(buf_text(&text)), &err);
    check_ok(buf_append_text(&text, "::eku:1.2", &err), &err);
    check_error(parse(buf_text(&text)), &err, ERROR_LIMIT);
    buf_fini(&text);
    check_ok(buf_append_text(&text, START "::subject", &err), &err);
    for (int i = 0; i <= DID_X509_PARTS_MAX; i++)
        check_ok(buf_append_text(&text, ":CN", &err), &err);
    check_error(parse(buf_text(&text)), &err, ERROR_LIMIT);
    while (text.size <= DID_X509_SIZE_MAX)
        check_ok(buf_append_text(&text, ":CN", &err), &err);
    check_error(parse(buf_text(&text)), &err, ERROR_LIMIT);
}

/* ---- resolving ---- */

static struct made_chain chain;
static struct span ders[MADE_CHAIN_LENGTH];

static int make_chain(void **state)
{
    (void)state;
    made_chain_init(&chain);
    chain.certificates[0].subject = "CN=Some One/O=A & B";
    chain.certificates[0].san = "email:bob@example.com,DNS:example.com";
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        ders[i] = buf_span(&chain.ders[i]);
    return 0;
}

static int free_chain(void **state)
{
    (void)state;
    made_chain_fini(&chain);
    return 0;
}

/* An identity that pins the certificate at `place`, by a hash of `size` bytes. */
static int resolve(size_t place, size_t size, const char *predicates)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    uint8_t digest[SHA512_SIZE];
    if (size == SHA256_SIZE)
        sha256_digest(ders[place], digest);
    else if (size == SHA384_SIZE)
        sha384_digest(ders[place], digest);
    else
        sha512_digest(ders[place], digest);
    check_ok(buf_printf(&text, &err, "did:x509:0:sha%zu:", 8 * size), &err);
    check_ok(base64url_encode(span_of(digest, size), &text, &err), &err);
    check_ok(buf_append_text(&text, predicates, &err), &err);
    check_ok(parse(buf_text(&text)), &err);
    return did_x509_resolve(&did, ders, MADE_CHAIN_LENGTH, &err);
}

static void resolves_by_each_hash_and_authority(void **state)
{
    (void)state;
    for (size_t place = 1; place < MADE_CHAIN_LENGTH; place++) {
        check_ok(resolve(place, SHA256_SIZE, "::eku:" MADE_EKU), &err);
        check_ok(resolve(place, SHA384_SIZE, "::subject:CN:Some%20One:O:A%20%26%20B"), &err);
        check_ok(resolve(place, SHA512_SIZE, "::san:email:bob%40example.com::san:dns:example.com"),
                 &err);
    }
}

static void refuses_the_leafs_own_fingerprint(void **state)
{
    (void)state;
    check_refused(resolve(0, SHA256_SIZE, "::eku:" MADE_EKU), &err, "no authority");
}

static void refuses_predicates_that_the_leaf_does_not_meet(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "::eku:" MADE_EKU ".1",        "::eku:1.3.6.1.4.1.99999.1",
        "::eku:" MADE_EKU "::eku:1.2", "::subject:CN:Some",
        "::subject:CN:some%20one",     "::subject:CN:Some%20One:O:Other",
        "::subject:CN:Some%20One%00",  "::subject:OU:A",
        "::san:dns:www.example.com",   "::san:email:example.com",
        "::san:uri:example.com",       "::san:dns:example.com::san:dns:other.com",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(resolve(2, SHA256_SIZE, refused[i]), &err, ERROR_REFUSED);
}

static void refuses_other_chains(void **state)
{
    (void)state;
    check_ok(resolve(2, SHA256_SIZE, "::eku:" MADE_EKU), &err);
    check_error(did_x509_resolve(&did, ders, 2, &err), &err, ERROR_REFUSED);
    check_error(did_x509_resolve(&did, ders, 1, &err), &err, ERROR_REFUSED);
    check_error(did_x509_resolve(&did, ders, 0, &err), &err, ERROR_REFUSED);
    const struct span swapped[] = {ders[2], ders[1], ders[0]};
    check_error(did_x509_resolve(&did, swapped, 3, &err), &err, ERROR_REFUSED);
    did.fingerprint[31] ^= 1;
    check_error(did_x509_resolve(&did, ders, 3, &err), &err, ERROR_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_predicate),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(refuses_too_much),
        cmocka_unit_test(resolves_by_each_hash_and_authority),
        cmocka_unit_test(refuses_the_leafs_own_fingerprint),
        cmocka_unit_test(refuses_predicates_that_the_leaf_does_not_meet),
        cmocka_unit_test(refuses_other_chains),
    };
    return cmocka_run_group_tests(tests, make_chain, free_chain);
}
