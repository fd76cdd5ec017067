#include "../check.h"
#include "../made_azure.h"
#include "../vectors.h"

#include "evidence/tpm_quote.h"

#define PCRS 0x010003U /* 0, 1 and 16 */

static struct error err;
static struct checks checks;
static struct tpm_quote quote;
static EVP_PKEY *pair;
static struct public_key *key;
static uint8_t values[3 * TPM_PCR_SIZE];
static const struct span nonce = {(const uint8_t *)"a nonce", 7};

static int make(void **state)
{
    (void)state;
    BUF_AUTO der = BUF_WITH_LIMIT(4096);
    pair = made_key("RSA");
    made_public_key(pair, &der);
    key = public_key_from_spki(buf_span(&der), &err);
    for (size_t i = 0; i < sizeof values; i++)
        values[i] = (uint8_t)(i / TPM_PCR_SIZE + 1);
    return key ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    EVP_PKEY_free(pair);
    public_key_free(key);
    return 0;
}

struct made {
    struct buf quote;
    struct buf signature;
};

static void made_fini(struct made *made)
{
    buf_fini(&made->quote);
    buf_fini(&made->signature);
}
#define MADE_AUTO __attribute__((cleanup(made_fini))) struct made

static void make_quote(struct made *made)
{
    *made = (struct made){BUF_WITH_LIMIT(4096), BUF_WITH_LIMIT(4096)};
    made_quote(nonce, PCRS, span_of(values, sizeof values), &made->quote);
    made_sign(pair, SIGNATURE_RS256, buf_span(&made->quote), &made->signature);
}

static enum verdict verify(const struct made *made, struct span pcrs,
                           const struct tpm_quote_expectation *expectation)
{
    const struct tpm_quote_evidence evidence = {buf_span(&made->quote), buf_span(&made->signature),
                                                pcrs};
    checks_init(&checks);
    tpm_quote_check(&evidence, expectation, key, &quote, &checks);
    checks_complete(&checks);
    return checks_verdict(&checks);
}

static void check_refused_by(enum verdict verdict, const char *name)
{
    assert_int_equal(verdict, VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&checks)->rule->name, name);
}

static void reads_what_was_quoted(void **state)
{
    (void)state;
    MADE_AUTO made;
    make_quote(&made);
    check_ok(tpm_quote_parse(buf_span(&made.quote), &quote, &err), &err);
    assert_true(span_equal(quote.extra_data, nonce));
    assert_int_equal(quote.pcrs, PCRS);
    assert_int_equal(quote.clock, 12345);
    assert_int_equal(quote.reset_count, 2);
    assert_int_equal(quote.restart_count, 1);
    assert_int_equal(quote.firmware_version, 7);
}

static void refuses_every_truncation_and_trailing_bytes(void **state)
{
    (void)state;
    MADE_AUTO made;
    make_quote(&made);
    for (size_t size = 0; size < made.quote.size; size++)
        check_error(tpm_quote_parse(span_of(made.quote.data, size), &quote, &err), &err,
                    ERROR_INVALID);
    check_ok(buf_append_byte(&made.quote, 0, &err), &err);
    check_error(tpm_quote_parse(buf_span(&made.quote), &quote, &err), &err, ERROR_INVALID);
    static const uint8_t large[TPM_QUOTE_MAX + 1];
    check_error(tpm_quote_parse(span_of(large, sizeof large), &quote, &err), &err, ERROR_LIMIT);
}

static void refuses_other_attestations(void **state)
{
    (void)state;
    /* Offsets into the quote of this nonce, and what stands there then. */
    static const struct {
        size_t at;
        uint8_t byte;
        const char *words;
    } refused[] = {
        {0, 0xfe, "what a TPM generates"}, {5, 0x17, "something else than PCRs"},
        {6, 0xff, "holds too much"},       {14, 0xff, "holds too much"},
        {39, 2, "holds too much"},         {51, 2, "one selection"},
        {53, 0x0c, "one selection"},       {54, 4, "one selection"},
        {59, 31, "not a SHA-256"},         {59, 33, "not a SHA-256"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        MADE_AUTO made;
        make_quote(&made);
        made.quote.data[refused[i].at] = refused[i].byte;
        check_refused(tpm_quote_parse(buf_span(&made.quote), &quote, &err), &err, refused[i].words);
    }
    MADE_AUTO made;
    make_quote(&made);
    memset(made.quote.data + 55, 0, 3);
    check_refused(tpm_quote_parse(buf_span(&made.quote), &quote, &err), &err, "selects no PCR");
}

static void accepts_a_quote_with_the_nonce(void **state)
{
    (void)state;
    struct tpm_quote_expectation expectation = {.nonce = nonce};
    MADE_AUTO made;
    make_quote(&made);
    assert_int_equal(verify(&made, span_of(NULL, 0), &expectation), VERDICT_ACCEPTED);
    assert_int_equal(checks_find(&checks, "tpm_pcr_digest")->result, CHECK_SKIPPED);
    assert_int_equal(verify(&made, span_of(values, sizeof values), &expectation), VERDICT_ACCEPTED);
    assert_int_equal(checks_find(&checks, "tpm_pcr_digest")->result, CHECK_PASSED);
    struct tpm_pcr pcrs[2] = {{.index = 16}, {.index = 0}};
    memset(pcrs[0].value, 3, TPM_PCR_SIZE);
    memset(pcrs[1].value, 1, TPM_PCR_SIZE);
    expectation.pcrs = pcrs;
    expectation.pcr_count = 2;
    assert_int_equal(verify(&made, span_of(values, sizeof values), &expectation), VERDICT_ACCEPTED);
    assert_int_equal(checks_find(&checks, "tpm_pcrs")->result, CHECK_PASSED);
}

static void accepts_a_signature_in_its_frame(void **state)
{
    (void)state;
    const struct tpm_quote_expectation expectation = {.nonce = nonce};
    MADE_AUTO made;
    make_quote(&made);
    BUF_AUTO framed = BUF_WITH_LIMIT(4096);
    check_ok(buf_append(&framed, span_of("\x00\x14\x00\x0b\x01\x00", 6), &err), &err);
    check_ok(buf_append(&framed, buf_span(&made.signature), &err), &err);
    buf_fini(&made.signature);
    check_ok(buf_append(&made.signature, buf_span(&framed), &err), &err);
    assert_int_equal(verify(&made, span_of(NULL, 0), &expectation), VERDICT_ACCEPTED);
    static const struct {
        size_t at;
        uint8_t byte;
    } refused[] = {{1, 0x16}, {3, 0x0c}, {4, 0}, {5, 1}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint8_t before = made.signature.data[refused[i].at];
        made.signature.data[refused[i].at] = refused[i].byte;
        check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_signature");
        made.signature.data[refused[i].at] = before;
    }
}

static void refuses_another_nonce_or_none(void **state)
{
    (void)state;
    struct tpm_quote_expectation expectation = {.nonce = span_of("a nonc", 6)};
    MADE_AUTO made;
    make_quote(&made);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_nonce");
    expectation.nonce = span_of("a Nonce", 7);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_nonce");
    expectation.nonce = span_of(NULL, 0);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_nonce");
}

static void refuses_pcr_values_that_were_not_quoted(void **state)
{
    (void)state;
    struct tpm_quote_expectation expectation = {.nonce = nonce};
    MADE_AUTO made;
    make_quote(&made);
    uint8_t others[sizeof values];
    memcpy(others, values, sizeof others);
    others[40] ^= 1;
    check_refused_by(verify(&made, span_of(others, sizeof others), &expectation), "tpm_pcr_digest");
    check_refused_by(verify(&made, span_of(values, sizeof values - 1), &expectation),
                     "tpm_pcr_digest");
    check_refused_by(verify(&made, span_of(values, 2 * TPM_PCR_SIZE), &expectation),
                     "tpm_pcr_digest");
    /* One that is expected: with another value, not quoted, not given, of no TPM. */
    struct tpm_pcr pcr = {.index = 16};
    expectation.pcrs = &pcr;
    expectation.pcr_count = 1;
    check_refused_by(verify(&made, span_of(values, sizeof values), &expectation), "tpm_pcrs");
    memset(pcr.value, 3, TPM_PCR_SIZE);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_pcrs");
    pcr.index = 15;
    check_refused_by(verify(&made, span_of(values, sizeof values), &expectation), "tpm_pcrs");
    pcr.index = 40;
    check_refused_by(verify(&made, span_of(values, sizeof values), &expectation), "tpm_pcrs");
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    const struct tpm_quote_expectation expectation = {.nonce = nonce};
    MADE_AUTO made;
    make_quote(&made);
    struct buf *const parts[2] = {&made.quote, &made.signature};
    for (int i = 0; i < 2; i++) {
        for (size_t bit = 0; bit < 8 * parts[i]->size; bit++) {
            parts[i]->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(verify(&made, span_of(NULL, 0), &expectation), VERDICT_REFUSED);
            parts[i]->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    for (size_t size = 0; size < made.signature.size; size++) {
        const struct tpm_quote_evidence evidence = {
            .quote = buf_span(&made.quote), .signature = span_of(made.signature.data, size)};
        checks_init(&checks);
        tpm_quote_check(&evidence, &expectation, key, &quote, &checks);
        checks_complete(&checks);
        check_refused_by(checks_verdict(&checks), "tpm_quote_signature");
    }
}

static void refuses_signatures_by_others(void **state)
{
    (void)state;
    const struct tpm_quote_expectation expectation = {.nonce = nonce};
    MADE_AUTO made;
    make_quote(&made);
    EVP_PKEY *other = made_key("RSA");
    buf_fini(&made.signature);
    made_sign(other, SIGNATURE_RS256, buf_span(&made.quote), &made.signature);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_signature");
    buf_fini(&made.signature);
    made_sign(pair, SIGNATURE_PS256, buf_span(&made.quote), &made.signature);
    check_refused_by(verify(&made, span_of(NULL, 0), &expectation), "tpm_quote_signature");
    EVP_PKEY_free(other);
}

/* A fixture that holds, one after the other with u64 sizes before: signature, quote, 24 PCRs. */
static void reads_a_real_quote(void **state)
{
    (void)state;
    vectors_need("attest/hcl/quote-a.bin");
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    vectors_read("attest/hcl/quote-a.bin", &bytes);
    assert_int_equal(bytes.size, 1170);
    check_ok(tpm_quote_parse(span_of(bytes.data + 0x110, 0x7a), &quote, &err), &err);
    assert_true(span_equal_text(quote.extra_data, "challenge"));
    assert_int_equal(quote.pcrs, 0xffffff);
    uint8_t digest[SHA256_SIZE];
    sha256_digest(span_of(bytes.data + 0x192, 24 * TPM_PCR_SIZE), digest);
    assert_memory_equal(quote.pcr_digest, digest, sizeof digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_quoted),
        cmocka_unit_test(refuses_every_truncation_and_trailing_bytes),
        cmocka_unit_test(refuses_other_attestations),
        cmocka_unit_test(accepts_a_quote_with_the_nonce),
        cmocka_unit_test(accepts_a_signature_in_its_frame),
        cmocka_unit_test(refuses_another_nonce_or_none),
        cmocka_unit_test(refuses_pcr_values_that_were_not_quoted),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_signatures_by_others),
        cmocka_unit_test(reads_a_real_quote),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
