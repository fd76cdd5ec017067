/* Signed fragments: whose word they are, and every way in which they may be nobody's. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../made.h"
#include "../vectors.h"
#include "base/text.h"
#include "evidence/cose_signer.h"
#include "evidence/signed_fragment.h"

static const char text[] = "package side\nsvn := \"5\"\nframework_version := \"0.2.3\"\n";

struct fixture {
    struct made_chain chain;
    struct span ders[MADE_CHAIN_LENGTH];
    struct buf did;
    struct made_message message;
    struct buf cose;
};

static void describe(struct fixture *f)
{
    for (size_t i = 0; i < MADE_CHAIN_LENGTH; i++)
        f->ders[i] = buf_span(&f->chain.ders[i]);
    buf_fini(&f->did);
    f->did = BUF_WITH_LIMIT(4096);
    made_did(f->ders[2], &f->did);
    f->message = (struct made_message){.shape = MADE_CLAIMS,
                                       .algorithm = COSE_ES384,
                                       .issuer = buf_text(&f->did),
                                       .feed = "example.org/side",
                                       .svn = 5,
                                       .content_type = FRAGMENT_CONTENT_TYPE,
                                       .chain = f->ders,
                                       .chain_count = MADE_CHAIN_LENGTH,
                                       .payload = span_of_text(text)};
}

static struct fixture *start(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    made_chain_init(&f->chain);
    made_chain_issue(&f->chain);
    describe(f);
    return f;
}

static void stop(struct fixture *f)
{
    made_chain_fini(&f->chain);
    buf_fini(&f->did);
    buf_fini(&f->cose);
    free(f);
}

static void sign(struct fixture *f)
{
    buf_fini(&f->cose);
    f->cose = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    made_cose(&f->message, f->chain.keys[0], SIGNATURE_ES384, &f->cose);
}

static void check_bad(struct fixture *f, const char *words)
{
    struct signed_fragment fragment;
    struct error err;
    sign(f);
    check_refused(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err, words);
    describe(f);
}

static void accepts_what_its_issuer_signed(void **state)
{
    struct signed_fragment fragment;
    struct error err = {0};
    struct fixture *f = start();
    (void)state;
    sign(f);
    check_ok(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err);
    assert_true(span_equal_text(fragment.issuer, buf_text(&f->did)));
    assert_true(span_equal_text(fragment.feed, "example.org/side"));
    assert_true(fragment.has_svn && fragment.svn == 5);
    assert_true(span_equal_text(fragment.text, text));
    f->message.svn = -1;
    sign(f);
    check_ok(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err);
    assert_false(fragment.has_svn);
    f->message.shape = MADE_TEXT_LABELS;
    f->message.svn = 5; /* a label that nobody reads */
    sign(f);
    check_ok(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err);
    assert_true(span_equal_text(fragment.feed, "example.org/side"));
    assert_false(fragment.has_svn);
    stop(f);
}

/* What confcom makes an issuer of: the name in the leaf. */
static void accepts_issuers_by_subject(void **state)
{
    struct signed_fragment fragment;
    struct error err = {0};
    struct fixture *f = start();
    TEXT_AUTO good = NULL;
    TEXT_AUTO bad = NULL;
    (void)state;
    char *eku = strstr(buf_text(&f->did), "::eku:");
    assert_non_null(eku);
    int size = (int)(eku - buf_text(&f->did));
    good = text_format("%.*s::subject:CN:Signer", size, buf_text(&f->did));
    bad = text_format("%.*s::subject:CN:signer", size, buf_text(&f->did));
    f->message.issuer = good;
    sign(f);
    check_ok(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err);
    f->message.issuer = bad;
    check_bad(f, "issuer: ");
    bad[size] = '\0';
    f->message.issuer = bad; /* no predicate */
    check_bad(f, "issuer: ");
    stop(f);
}

static void refuses_what_is_no_fragment(void **state)
{
    struct fixture *f = start();
    (void)state;
    f->message.content_type = "application/json";
    check_bad(f, "no policy fragment");
    f->message.content_type = "+rego";
    check_bad(f, "no policy fragment");
    f->message.shape = MADE_HASH_ENVELOPE; /* a hash envelope */
    check_bad(f, "no policy fragment");
    f->message.payload = span_of("package\0", 8);
    check_bad(f, "zero bytes");
    f->message.payload = span_of("\xff\xfe", 2);
    check_bad(f, "UTF-8");
    stop(f);
}

static void refuses_other_issuers(void **state)
{
    struct fixture *f = start();
    BUF_AUTO leaf = BUF_WITH_LIMIT(4096);
    (void)state;
    f->message.issuer =
        "did:x509:0:sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA::eku:" MADE_EKU;
    check_bad(f, "issuer: no authority");
    f->message.issuer = "somebody";
    check_bad(f, "issuer: ");
    made_did(f->ders[0], &leaf); /* the leaf is no authority */
    f->message.issuer = buf_text(&leaf);
    check_bad(f, "issuer: no authority");
    f->did.data[f->did.size - 1] ^= 1; /* another purpose */
    f->message.issuer = buf_text(&f->did);
    check_bad(f, "issuer: ");
    stop(f);
}

static void refuses_other_chains(void **state)
{
    struct fixture *f = start();
    (void)state;
    f->message.chain_count = 1;
    check_bad(f, "certificates: ");
    f->message.chain_count = 2; /* the root that the issuer names is missing */
    check_bad(f, "issuer: ");
    f->ders[1] = f->ders[2];
    f->message.chain_count = 2;
    check_bad(f, "chain: ");
    f->ders[2] = span_of_text("no certificate");
    check_bad(f, "certificates: ");
    f->chain.certificates[1].constraints = "critical,CA:FALSE";
    made_chain_issue(&f->chain);
    describe(f);
    check_bad(f, "chain: ");
    f->chain.certificates[1].constraints = "critical,CA:TRUE";
    f->chain.certificates[0].key_usage = "critical,keyAgreement";
    made_chain_issue(&f->chain);
    describe(f);
    check_bad(f, "chain: ");
    f->chain.certificates[0].key_usage = "critical,digitalSignature";
    f->chain.certificates[0].other = "1.2.3.4.5";
    made_chain_issue(&f->chain);
    describe(f);
    check_bad(f, "");
    stop(f);
}

static void refuses_other_signatures(void **state)
{
    struct fixture *f = start();
    struct signed_fragment fragment;
    struct error err;
    (void)state;
    f->message.algorithm = COSE_RS256;
    check_bad(f, "algorithm: ");
    f->message.algorithm = COSE_ES256; /* the key is on P-384 */
    check_bad(f, "signature: ");
    f->message.algorithm = COSE_PS384;
    check_bad(f, "signature: ");
    BUF_AUTO other = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    made_cose(&f->message, f->chain.keys[1], SIGNATURE_ES384, &other);
    check_refused(signed_fragment_verify(buf_span(&other), &fragment, &err), &err, "signature: ");
    stop(f);
}

static void refuses_changed_and_cut_bytes(void **state)
{
    struct fixture *f = start();
    struct signed_fragment fragment;
    (void)state;
    sign(f);
    for (size_t i = 0; i < f->cose.size; i += 5) {
        f->cose.data[i] ^= (uint8_t)(1U << (i % 8));
        if (signed_fragment_verify(buf_span(&f->cose), &fragment, NULL) == 0)
            fail_msg("a change of byte %zu is not noticed", i);
        f->cose.data[i] ^= (uint8_t)(1U << (i % 8));
    }
    for (size_t size = 0; size < f->cose.size; size++)
        assert_int_equal(signed_fragment_verify(span_of(f->cose.data, size), &fragment, NULL), -1);
    stop(f);
}

/* Each kind of key that may sign; the chain below stays on P-384. */
static void accepts_each_scheme(void **state)
{
    static const struct {
        const char *kind;
        int64_t algorithm;
        enum signature_scheme scheme;
    } cases[] = {{"P-256", COSE_ES256, SIGNATURE_ES256},
                 {"P-521", COSE_ES512, SIGNATURE_ES512},
                 {"RSA", COSE_PS256, SIGNATURE_PS256},
                 {"RSA", COSE_PS384, SIGNATURE_PS384},
                 {"RSA", COSE_PS512, SIGNATURE_PS512}};
    struct signed_fragment fragment;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct fixture *f = start();
        EVP_PKEY_free(f->chain.keys[0]);
        f->chain.keys[0] = made_key(cases[i].kind);
        made_chain_issue(&f->chain);
        describe(f);
        f->message.algorithm = cases[i].algorithm;
        f->cose = BUF_WITH_LIMIT(COSE_SIZE_MAX);
        made_cose(&f->message, f->chain.keys[0], cases[i].scheme, &f->cose);
        check_ok(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err);
        f->cose.data[f->cose.size - 1] ^= 1;
        check_refused(signed_fragment_verify(buf_span(&f->cose), &fragment, &err), &err,
                      "signature: ");
        stop(f);
    }
}

static void read_real(const char *name, struct buf *bytes, struct cose_sign1 *message)
{
    struct signed_fragment fragment;
    struct error err = {0};
    vectors_read(name, bytes);
    check_refused(signed_fragment_verify(buf_span(bytes), &fragment, &err), &err,
                  "no policy fragment");
    check_ok(cose_parse(buf_span(bytes), message, &err), &err);
}

/* Messages of others: their signers are who they say, and none is a fragment. */
static void knows_real_signers(void **state)
{
    static const char *const names[] = {"cose/esrp.test.cose",
                                        "cose/esrp_transparent_hash_envelop.cose",
                                        "cose/esrp_with_grafted_receipt.cose"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct error err = {0};
        struct cose_sign1 message;
        BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
        vectors_need(names[i]);
        read_real(names[i], &bytes, &message);
        check_ok(cose_signer_verify(&message, &err), &err);
        ((uint8_t *)(uintptr_t)message.payload.data)[0] ^= 1;
        check_refused(cose_signer_verify(&message, &err), &err, "signature: ");
    }
}

/* A list of ledgers' keys: it says ES384, and its signer's key is not on P-384, which goes with it.
 */
static void refuses_a_real_message_by_another_scheme(void **state)
{
    struct error err = {0};
    struct cose_sign1 message;
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    (void)state;
    vectors_need("cose/aci-cc-ttl.ttl.cose");
    read_real("cose/aci-cc-ttl.ttl.cose", &bytes, &message);
    check_refused(cose_signer_verify(&message, &err), &err, "signature: the key is not o");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_its_issuer_signed),
        cmocka_unit_test(accepts_issuers_by_subject),
        cmocka_unit_test(refuses_what_is_no_fragment),
        cmocka_unit_test(refuses_other_issuers),
        cmocka_unit_test(refuses_other_chains),
        cmocka_unit_test(refuses_other_signatures),
        cmocka_unit_test(refuses_changed_and_cut_bytes),
        cmocka_unit_test(accepts_each_scheme),
        cmocka_unit_test(knows_real_signers),
        cmocka_unit_test(refuses_a_real_message_by_another_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
