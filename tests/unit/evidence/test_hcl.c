/* HCL reports around synthetic and real reports. */
#include "../check.h"
#include "../made_azure.h"
#include "../vectors.h"
#include "synthetic.h"

#include "base/base64.h"
#include "base/hex.h"
#include "evidence/hcl_verify.h"
#include "evidence/runtime_data.h"
#include "format/json.h"

#define PCRS 0x000011U

static struct error err;
static struct hcl_result result;
static EVP_PKEY *key; /* the vTPM's */
static struct buf claims;
static struct synthetic_issued issued;
static struct buf frame;
static struct buf quote;
static struct buf signature;
static uint8_t values[2 * TPM_PCR_SIZE];
static const struct span nonce = {(const uint8_t *)"a nonce", 7};

/* Evidence of an SEV-SNP machine in which nothing is wrong, and what is expected of it. */
static struct hcl_evidence evidence;
static struct hcl_expectation expectation;

static int make(void **state)
{
    if (synthetic_start(state) < 0)
        return -1;
    struct synthetic synthetic;
    key = made_key("RSA");
    buf_init(&claims, 65536);
    made_claims(key, &claims);
    synthetic_milan(&synthetic);
    runtime_data_report_data(buf_span(&claims), synthetic.report.report_data);
    synthetic_issue(&synthetic, &issued);
    buf_init(&frame, 65536);
    made_hcl(HCL_SNP, span_of(issued.report, SNP_REPORT_SIZE), buf_span(&claims), &frame);
    buf_init(&quote, 65536);
    buf_init(&signature, 65536);
    made_quote(nonce, PCRS, span_of(values, sizeof values), &quote);
    made_sign(key, SIGNATURE_RS256, buf_span(&quote), &signature);
    return 0;
}

static int finish(void **state)
{
    synthetic_fini(&issued);
    EVP_PKEY_free(key);
    struct buf *const all[] = {&claims, &frame, &quote, &signature};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_fini(all[i]);
    return synthetic_end(state);
}

static int begin(void **state)
{
    (void)state;
    evidence = (struct hcl_evidence){.report = buf_span(&frame),
                                     .certificates = issued.chain,
                                     .certificate_count = SNP_CHAIN_LENGTH};
    expectation = (struct hcl_expectation){
        .chain = {.time = SYNTHETIC_NOW, .roots = &issued.root, .root_count = 1}};
    return 0;
}

static void add_quote(void)
{
    evidence.quote = (struct tpm_quote_evidence){buf_span(&quote), buf_span(&signature),
                                                 span_of(values, sizeof values)};
    expectation.quote.nonce = nonce;
}

static enum verdict verify(void)
{
    return hcl_verify(&evidence, &expectation, &result);
}

static void check_accepted(enum verdict verdict)
{
    const struct check *check = checks_first_failure(&result.snp.checks);
    if (verdict != VERDICT_ACCEPTED)
        fail_msg("refused by %s: %s", check ? check->rule->name : "nothing",
                 check ? check->found : "");
}

static void check_refused_by(enum verdict verdict, const char *name)
{
    assert_int_equal(verdict, VERDICT_REFUSED);
    const struct check *check = checks_first_failure(&result.snp.checks);
    assert_non_null(check);
    if (strcmp(check->rule->name, name) != 0)
        fail_msg("refused by %s instead of %s: %s", check->rule->name, name, check->found);
}

static void accepts_a_report_and_says_what_is_open(void **state)
{
    (void)state;
    check_accepted(verify());
    const struct check *check = checks_find(&result.snp.checks, "tpm_quote");
    assert_int_equal(check->result, CHECK_SKIPPED);
    assert_non_null(strstr(check->found, "is not known"));
    assert_int_equal(result.claims.modulus_size, 256);
    assert_string_equal(result.claims.vm_id, "00112233-4455");
    assert_true(result.claims.secure_boot);
    assert_false(result.claims.has_user_data);
}

static void accepts_a_report_with_a_quote(void **state)
{
    (void)state;
    add_quote();
    check_accepted(verify());
    assert_true(result.has_quote);
    assert_int_equal(result.quote.pcrs, PCRS);
    assert_int_equal(checks_find(&result.snp.checks, "tpm_pcr_digest")->result, CHECK_PASSED);
}

static void refuses_a_quote_that_is_wanted_and_not_there(void **state)
{
    (void)state;
    const struct tpm_pcr pcr = {.index = 0};
    expectation.quote.nonce = nonce;
    check_refused_by(verify(), "tpm_quote");
    expectation.quote = (struct tpm_quote_expectation){.pcrs = &pcr, .pcr_count = 1};
    check_refused_by(verify(), "tpm_quote");
}

static void refuses_a_quote_by_another_key_or_nonce(void **state)
{
    (void)state;
    EVP_PKEY *other = made_key("RSA");
    BUF_AUTO forged = BUF_WITH_LIMIT(4096);
    add_quote();
    made_sign(other, SIGNATURE_RS256, buf_span(&quote), &forged);
    evidence.quote.signature = buf_span(&forged);
    check_refused_by(verify(), "tpm_quote_signature");
    evidence.quote.signature = span_of(NULL, 0);
    check_refused_by(verify(), "tpm_quote_signature");
    EVP_PKEY_free(other);
    add_quote();
    expectation.quote.nonce = span_of("another", 7);
    check_refused_by(verify(), "tpm_quote_nonce");
    expectation.quote.nonce = span_of(NULL, 0);
    check_refused_by(verify(), "tpm_quote_nonce");
    evidence.quote.quote = buf_span(&claims);
    check_refused_by(verify(), "tpm_quote_format");
}

/* Another machine's claims, with its key: nobody vouches for them. */
static void refuses_claims_that_the_report_does_not_bind(void **state)
{
    (void)state;
    EVP_PKEY *other = made_key("RSA");
    BUF_AUTO others = BUF_WITH_LIMIT(65536);
    BUF_AUTO swapped = BUF_WITH_LIMIT(65536);
    made_claims(other, &others);
    made_hcl(HCL_SNP, span_of(issued.report, SNP_REPORT_SIZE), buf_span(&others), &swapped);
    evidence.report = buf_span(&swapped);
    check_refused_by(verify(), "hcl_claims_hash");
    EVP_PKEY_free(other);
}

static void refuses_what_snp_refuses(void **state)
{
    (void)state;
    const uint8_t host_data[32] = {1};
    expectation.chain.root_count = 0;
    check_refused_by(verify(), "root");
    (void)begin(state);
    evidence.certificate_count = 2;
    check_refused_by(verify(), "certificates");
    (void)begin(state);
    expectation.snp.host_data = host_data;
    check_refused_by(verify(), "host_data");
    (void)begin(state);
    expectation.chain.time = SYNTHETIC_NOW + 2 * SYNTHETIC_LIFE;
    check_refused_by(verify(), "validity");
}

static void refuses_flipped_bits_and_every_truncation(void **state)
{
    (void)state;
    BUF_AUTO changed = BUF_WITH_LIMIT(65536);
    check_ok(buf_append(&changed, buf_span(&frame), &err), &err);
    evidence.report = buf_span(&changed);
    check_accepted(verify());
    /* Every bit of the frame's own fields; of report and claims one in each byte or so. */
    for (size_t bit = 0; bit < 8 * changed.size;
         bit += bit < 256 || (bit >= 9728 && bit < 9888) ? 1 : 7) {
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* The other version that is known is no lie about anything. */
        bool harmless = changed.data[4] == 1;
        if (!harmless && verify() != VERDICT_REFUSED)
            fail_msg("accepted with bit %zu flipped", bit);
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < frame.size - 100; size++) {
        evidence.report = span_of(frame.data, size);
        check_refused_by(verify(), "hcl_format");
    }
}

static void refuses_frames_that_are_not_right(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        const char *words;
    } refused[] = {{0, 'h', "HCLA"},      {4, 3, "version 3"},       {4, 0, "version 0"},
                   {8, 0, "contradict"},  {12, 1, "request type 1"}, {16, 1, "status 1"},
                   {31, 1, "status 0"},   {1216, 0, "contradict"},   {1220, 2, "version 2"},
                   {1224, 3, "kind 3"},   {1228, 2, "by hash 2"},    {1232, 0, "contradict"},
                   {1235, 1, "too early"}};
    struct hcl_report report;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO changed = BUF_WITH_LIMIT(65536);
        check_ok(buf_append(&changed, buf_span(&frame), &err), &err);
        changed.data[refused[i].at] = refused[i].byte;
        check_refused(hcl_parse(buf_span(&changed), &report, &err), &err, refused[i].words);
    }
    static const uint8_t large[HCL_SIZE_MAX + 1];
    check_error(hcl_parse(span_of(large, sizeof large), &report, &err), &err, ERROR_LIMIT);
}

static void refuses_claims_that_name_no_key(void **state)
{
    (void)state;
#define N2048                                                                                      \
    "gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ"
#define AK "{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" N2048 "\"}"
    static const struct {
        const char *text;
        const char *words;
    } refused[] = {
        {"", "claims"},
        {"[]", "claims"},
        {"{}", "keys"},
        {"{\"keys\":{}}", "keys"},
        {"{\"keys\":[]}", "no key HCLAkPub"},
        {"{\"keys\":[1]}", "is an integer"},
        {"{\"keys\":[{}]}", "kid"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\"}]}", "kty"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"EC\"}]}", "type EC"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\"}]}", "\"n\""},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"\"}]}",
         "modulus"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"_w==\"}]}",
         "n of"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"e\":\"Aw\",\"n\":\"" N2048 "\"}]}",
         "exponent"},
        {"{\"keys\":[" AK "," AK "]}", "two keys"},
        {"{\"keys\":[" AK "],\"keys\":[]}", "claims"},
        {"{\"keys\":[" AK "]} x", "claims"},
        {"{\"keys\":[" AK "],\"vm-configuration\":1}", "vm-configuration"},
        {"{\"keys\":[" AK "],\"vm-configuration\":{\"secure-boot\":1}}", "secure-boot"},
        {"{\"keys\":[" AK "],\"vm-configuration\":{\"vmUniqueId\":\"" N2048 "\"}}", "vmUniqueId"},
        {"{\"keys\":[" AK "],\"user-data\":\"00\"}", "user-data"},
        {"{\"keys\":[{\"kid\":\"1\"},{\"kid\":\"2\"},{\"kid\":\"3\"},{\"kid\":\"4\"},"
         "{\"kid\":\"5\"},{\"kid\":\"6\"},{\"kid\":\"7\"},{\"kid\":\"8\"},{\"kid\":\"9\"}]}",
         "more than 8"},
    };
    struct hcl_claims read;
    check_ok(hcl_claims_parse(span_of_text("{\"keys\":[" AK "],\"else\":[]}"), &read, &err), &err);
    assert_string_equal(read.vm_id, "");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused(hcl_claims_parse(span_of_text(refused[i].text), &read, &err), &err,
                      refused[i].words);
}

/* ---- TDX ---- */

static uint8_t tdreport[HCL_TDREPORT_SIZE];

static void make_td_frame(struct buf *out)
{
    made_hcl(HCL_TDX, span_of(tdreport, sizeof tdreport), buf_span(&claims), out);
    evidence.report = buf_span(out);
}

static void a_tdreport_without_a_quote_is_refused(void **state)
{
    (void)state;
    BUF_AUTO td_frame = BUF_WITH_LIMIT(65536);
    made_tdreport(buf_span(&claims), tdreport);
    make_td_frame(&td_frame);
    check_refused_by(verify(), "td_quote");
    static const char *const passed[] = {"tdreport", "hcl_format", "hcl_claims_hash", "hcl_claims"};
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        assert_int_equal(checks_find(&result.snp.checks, passed[i])->result, CHECK_PASSED);
    add_quote(); /* and no quote of the vTPM changes that */
    check_refused_by(verify(), "td_quote");
}

static void a_tdreport_stands_with_a_quote_that_says_the_same(void **state)
{
    (void)state;
    BUF_AUTO td_frame = BUF_WITH_LIMIT(65536);
    struct hcl_td_quote td_quote = {.verdict = VERDICT_ACCEPTED};
    made_tdreport(buf_span(&claims), tdreport);
    memcpy(td_quote.report_data, tdreport + 128, HCL_REPORT_DATA_SIZE);
    memcpy(td_quote.mrtd, tdreport + 528, HCL_MRTD_SIZE);
    make_td_frame(&td_frame);
    evidence.td_quote = &td_quote;
    check_accepted(verify());
    td_quote.verdict = VERDICT_REFUSED;
    check_refused_by(verify(), "td_quote");
    td_quote.verdict = VERDICT_ACCEPTED;
    td_quote.report_data[63] ^= 1;
    check_refused_by(verify(), "td_quote");
    td_quote.report_data[63] ^= 1;
    td_quote.mrtd[0] ^= 1;
    check_refused_by(verify(), "td_quote");
}

static void refuses_damaged_tdreports(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *check;
    } refused[] = {{0, "tdreport"},   {32, "tdreport"},  {80, "tdreport"},  {256, "tdreport"},
                   {494, "tdreport"}, {512, "tdreport"}, {1023, "tdreport"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO td_frame = BUF_WITH_LIMIT(65536);
        made_tdreport(buf_span(&claims), tdreport);
        tdreport[refused[i].at] ^= 1;
        make_td_frame(&td_frame);
        check_refused_by(verify(), refused[i].check);
    }
    BUF_AUTO td_frame = BUF_WITH_LIMIT(65536);
    made_tdreport(buf_span(&claims), tdreport);
    make_td_frame(&td_frame);
    td_frame.data[32 + HCL_TDREPORT_SIZE] = 1;
    check_refused_by(verify(), "hcl_format");
    /* A TDREPORT is no attestation report, whatever the frame says. */
    td_frame.data[32 + HCL_TDREPORT_SIZE] = 0;
    td_frame.data[1224] = HCL_SNP;
    check_refused_by(verify(), "report_format");
}

/* ---- real machines ---- */

static void real_frames_bind_their_claims(void **state)
{
    (void)state;
    vectors_need("attest/hcl");
    static const struct {
        const char *name;
        enum hcl_kind kind;
        const char *refused_by;
    } cases[] = {{"attest/hcl/snp-a.hcl.bin", HCL_SNP, "certificates"},
                 {"attest/hcl/tdx-a.hcl.bin", HCL_TDX, "td_quote"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        vectors_read(cases[i].name, &bytes);
        evidence = (struct hcl_evidence){.report = buf_span(&bytes)};
        check_refused_by(verify(), cases[i].refused_by);
        assert_int_equal(result.report.kind, cases[i].kind);
        assert_int_equal(checks_find(&result.snp.checks, "hcl_claims_hash")->result, CHECK_PASSED);
        assert_int_equal(checks_find(&result.snp.checks, "hcl_claims")->result, CHECK_PASSED);
        bytes.data[1300] ^= 1;
        (void)verify();
        assert_int_equal(checks_find(&result.snp.checks, "hcl_claims_hash")->result, CHECK_FAILED);
    }
}

static void decode(const json_t *object, const char *key_name, struct buf *out)
{
    const char *text = json_string_value(json_object_get(object, key_name));
    assert_non_null(text);
    for (; text[0]; text += 2) {
        uint8_t byte;
        assert_true(hex_decode(span_of(text, 2), &byte, 1));
        check_ok(buf_append_byte(out, byte, &err), &err);
    }
}

/* A whole real machine: report, VCEK, ASK, ARK; quote, signature, PCRs. */
enum { FRAME, VCEK, ASK, ARK, QUOTE, SIGNATURE, QUOTED_PCRS, PART_COUNT };

struct real_machine {
    struct buf parts[PART_COUNT];
    struct span chain[SNP_CHAIN_LENGTH];
};

static void real_fini(struct real_machine *real)
{
    for (int i = 0; i < PART_COUNT; i++)
        buf_fini(&real->parts[i]);
}
#define REAL_AUTO __attribute__((cleanup(real_fini))) struct real_machine

static const char *text_of(const json_t *object, const char *key_name)
{
    const char *text = json_string_value(json_object_get(object, key_name));
    assert_non_null(text);
    return text;
}

/* base64url, and padded nevertheless. */
static void decode_url(const json_t *object, const char *key_name, struct buf *out)
{
    const char *digits = text_of(object, key_name);
    check_ok(base64url_decode(span_of(digits, strcspn(digits, "=")), out, &err), &err);
}

/* The quote selects some of the 24 PCRs that are given. */
static void read_pcrs(const json_t *pcrs, struct real_machine *real)
{
    struct tpm_quote read;
    check_ok(tpm_quote_parse(buf_span(&real->parts[QUOTE]), &read, &err), &err);
    assert_int_equal(json_array_size(pcrs), TPM_PCR_COUNT);
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        uint8_t value[TPM_PCR_SIZE];
        const char *text = json_string_value(json_array_get(pcrs, i));
        assert_true(hex_decode(span_of_text(text), value, sizeof value));
        if (read.pcrs >> i & 1)
            check_ok(buf_append(&real->parts[QUOTED_PCRS], span_of(value, sizeof value), &err),
                     &err);
    }
}

static void read_real(struct real_machine *real)
{
    static const struct json_limits limits = {65536, 8};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    for (int i = 0; i < PART_COUNT; i++)
        buf_init(&real->parts[i], 65536);
    vectors_read("attest/hcl/trustee-evidence-v1.json", &text);
    json_auto_t *document = json_parse_object(buf_span(&text), &limits, &err);
    assert_non_null(document);
    const json_t *tpm = json_object_get(document, "tpm_quote");
    decode_url(document, "hcl_report", &real->parts[FRAME]);
    decode_url(document, "vcek", &real->parts[VCEK]);
    vectors_read("attest/roots/milan_ask.der", &real->parts[ASK]);
    vectors_read("attest/roots/milan_ark.der", &real->parts[ARK]);
    decode(tpm, "message", &real->parts[QUOTE]);
    decode(tpm, "signature", &real->parts[SIGNATURE]);
    read_pcrs(json_object_get(tpm, "pcrs"), real);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        real->chain[i] = buf_span(&real->parts[VCEK + i]);
}

static void accepts_a_real_machine_with_its_quote(void **state)
{
    (void)state;
    vectors_need("attest/hcl/trustee-evidence-v1.json");
    REAL_AUTO real = {0};
    read_real(&real);
    evidence = (struct hcl_evidence){
        .report = buf_span(&real.parts[FRAME]),
        .certificates = real.chain,
        .certificate_count = SNP_CHAIN_LENGTH,
        .quote = {buf_span(&real.parts[QUOTE]), buf_span(&real.parts[SIGNATURE]),
                  buf_span(&real.parts[QUOTED_PCRS])}};
    expectation = (struct hcl_expectation){.chain = {.time = SYNTHETIC_NOW},
                                           .quote = {.nonce = span_of_text("challenge")}};
    check_accepted(verify());
    assert_string_equal(result.snp.product, "Milan");
    assert_string_equal(result.claims.vm_id, "26F8BC30-774E-4290-8E7A-535F3B672AEE");
    assert_true(result.claims.has_user_data);
    expectation.quote.nonce = span_of_text("challengf");
    check_refused_by(verify(), "tpm_quote_nonce");
}

#define test_case(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(accepts_a_report_and_says_what_is_open),
        test_case(accepts_a_report_with_a_quote),
        test_case(refuses_a_quote_that_is_wanted_and_not_there),
        test_case(refuses_a_quote_by_another_key_or_nonce),
        test_case(refuses_claims_that_the_report_does_not_bind),
        test_case(refuses_what_snp_refuses),
        test_case(refuses_flipped_bits_and_every_truncation),
        test_case(refuses_frames_that_are_not_right),
        test_case(refuses_claims_that_name_no_key),
        test_case(a_tdreport_without_a_quote_is_refused),
        test_case(a_tdreport_stands_with_a_quote_that_says_the_same),
        test_case(refuses_damaged_tdreports),
        test_case(real_frames_bind_their_claims),
        test_case(accepts_a_real_machine_with_its_quote),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
