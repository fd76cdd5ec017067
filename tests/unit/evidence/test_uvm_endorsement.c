/* Endorsements that this test signs itself, with one thing wrong each, and real ones. */
#include "../bytes.h"
#include "../check.h"
#include "../made.h"
#include "../vectors.h"

#include <stdio.h>

#include "crypto/digest.h"
#include "evidence/uvm_endorsement.h"

#define FILE_MAX (1024 * 1024)
#define DIGITS                                                                                     \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d" \
    "2e2f"
#define JSON                                                                                       \
    "{\"x-ms-sevsnpvm-guestsvn\": \"22\", \"x-ms-sevsnpvm-launchmeasurement\": \"" DIGITS "\"}"

static struct error err;
static struct checks checks;
static struct uvm_endorsement endorsement;
static struct made_chain chain;
static struct span ders[MADE_CHAIN_LENGTH];
static struct buf issuer;
static uint8_t measurement[UVM_MEASUREMENT_SIZE];
static uint8_t thumbprint[SHA256_SIZE];

/* The two shapes, as good as can be. */
static struct made_message text_message;
static struct made_message claims_message;
static struct uvm_expectation expectation;

static void describe_messages(void)
{
    text_message = (struct made_message){.shape = MADE_TEXT_LABELS,
                                         .algorithm = COSE_ES384,
                                         .issuer = buf_text(&issuer),
                                         .feed = MADE_FEED,
                                         .svn = -1,
                                         .signing_time = MADE_NOW,
                                         .content_type = "application/json",
                                         .chain = ders,
                                         .chain_count = MADE_CHAIN_LENGTH,
                                         .x5t = span_of(thumbprint, sizeof thumbprint),
                                         .payload = span_of_text(JSON)};
    claims_message = text_message;
    claims_message.shape = MADE_HASH_ENVELOPE;
    claims_message.svn = 104;
    claims_message.content_type = "application/octet-stream";
    claims_message.payload = span_of(measurement, sizeof measurement);
    expectation = (struct uvm_expectation){.time = MADE_NOW,
                                           .issuer = buf_text(&issuer),
                                           .feed = MADE_FEED,
                                           .measurement = measurement};
}

static int make(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < sizeof measurement; i++)
        measurement[i] = i;
    made_chain_init(&chain);
    return 0;
}

/* Each test begins with a good chain and good messages. */
static int begin(void **state)
{
    (void)state;
    EVP_PKEY *keys[MADE_CHAIN_LENGTH];
    memcpy(keys, chain.keys, sizeof keys);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        (void)EVP_PKEY_up_ref(keys[i]);
    made_chain_fini(&chain);
    made_chain_init(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        EVP_PKEY_free(chain.keys[i]);
        chain.keys[i] = keys[i];
    }
    return 0;
}

static void issue(void)
{
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        ders[i] = buf_span(&chain.ders[i]);
    buf_fini(&issuer);
    buf_init(&issuer, 4096);
    made_did(ders[2], &issuer);
    sha256_digest(ders[0], thumbprint);
    describe_messages();
}

static int finish(void **state)
{
    (void)state;
    made_chain_fini(&chain);
    buf_fini(&issuer);
    return 0;
}

static enum verdict verify_bytes(struct span cose)
{
    return uvm_endorsement_verify(cose, &expectation, &endorsement, &checks);
}

static enum verdict verify(const struct made_message *message)
{
    BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
    made_cose(message, chain.keys[0], SIGNATURE_ES384, &cose);
    return verify_bytes(buf_span(&cose));
}

static void check_accepted(enum verdict verdict)
{
    const struct check *check = checks_first_failure(&checks);
    if (verdict != VERDICT_ACCEPTED)
        fail_msg("refused by %s: %s", check ? check->rule->name : "nothing",
                 check ? check->found : "");
}

/* Refused by this check, and by no other before it. */
static void check_refused_by(enum verdict verdict, const char *name)
{
    assert_int_equal(verdict, VERDICT_REFUSED);
    const struct check *check = checks_first_failure(&checks);
    assert_non_null(check);
    if (strcmp(check->rule->name, name) != 0)
        fail_msg("refused by %s instead of %s: %s", check->rule->name, name, check->found);
}

static void accepts_both_shapes(void **state)
{
    (void)state;
    issue();
    check_accepted(verify(&text_message));
    assert_int_equal(endorsement.svn, 22);
    assert_memory_equal(endorsement.measurement, measurement, sizeof measurement);
    assert_string_equal(endorsement.feed, MADE_FEED);
    check_accepted(verify(&claims_message));
    assert_int_equal(endorsement.svn, 104);
    assert_memory_equal(endorsement.measurement, measurement, sizeof measurement);
}

static void accepts_every_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum signature_scheme scheme;
        int64_t algorithm;
    } cases[] = {{"P-256", SIGNATURE_ES256, COSE_ES256},
                 {"P-521", SIGNATURE_ES512, COSE_ES512},
                 {"RSA", SIGNATURE_PS256, COSE_PS256},
                 {"RSA", SIGNATURE_PS384, COSE_PS384},
                 {"RSA", SIGNATURE_PS512, COSE_PS512}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
        EVP_PKEY_free(chain.keys[0]);
        chain.keys[0] = made_key(cases[i].key);
        issue();
        text_message.algorithm = cases[i].algorithm;
        made_cose(&text_message, chain.keys[0], cases[i].scheme, &cose);
        check_accepted(verify_bytes(buf_span(&cose)));
    }
    EVP_PKEY_free(chain.keys[0]);
    chain.keys[0] = made_key("P-384");
}

static void refuses_algorithms_that_are_not_accepted(void **state)
{
    (void)state;
    static const int64_t refused[] = {COSE_RS256, COSE_RS384, COSE_RS512, -65535, -8, 5, INT64_MIN};
    issue();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct made_message message = text_message;
        message.algorithm = refused[i];
        check_refused_by(verify(&message), "uvm_algorithm");
        assert_null(checks_find(&checks, "uvm_signature"));
    }
    text_message.algorithm = 0; /* COSE reserves it: "none" */
    check_refused_by(verify(&text_message), "uvm_format");
}

static void refuses_an_algorithm_that_is_not_the_keys(void **state)
{
    (void)state;
    static const int64_t refused[] = {COSE_ES256, COSE_ES512, COSE_PS384};
    issue();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct made_message message = text_message;
        message.algorithm = refused[i];
        check_refused_by(verify(&message), "uvm_signature");
    }
}

/* A curve that is quicker to check, where that is done thousands of times. */
static void replace_keys(const char *kind, const char *hash)
{
    chain.hash = hash;
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++) {
        EVP_PKEY_free(chain.keys[i]);
        chain.keys[i] = made_key(kind);
    }
}

static void refuses_every_flipped_bit_and_truncation(void **state)
{
    (void)state;
    replace_keys("P-256", "SHA256");
    issue();
    BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO middle = BUF_WITH_LIMIT(4096);
    made_did(ders[1], &middle);
    expectation.issuer = buf_text(&middle);
    claims_message.issuer = buf_text(&middle);
    claims_message.chain_count = 2;
    claims_message.algorithm = COSE_ES256;
    made_cose(&claims_message, chain.keys[0], SIGNATURE_ES256, &cose);
    check_accepted(verify_bytes(buf_span(&cose)));
    for (size_t bit = 0; bit < 8 * cose.size; bit++) {
        cose.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (verify_bytes(buf_span(&cose)) != VERDICT_REFUSED)
            fail_msg("accepted with bit %zu flipped", bit);
        cose.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < cose.size; size++)
        check_refused_by(verify_bytes(span_of(cose.data, size)), "uvm_format");
    check_ok(buf_append_byte(&cose, 0, &err), &err);
    check_refused_by(verify_bytes(buf_span(&cose)), "uvm_format");
    replace_keys("P-384", "SHA384");
}

static void refuses_another_issuer_feed_svn_or_measurement(void **state)
{
    (void)state;
    issue();
    const struct uvm_expectation good = expectation;
    expectation.issuer = NULL; /* the published one */
    check_refused_by(verify(&text_message), "uvm_identity");
    assert_int_equal(checks_find(&checks, "uvm_issuer")->result, CHECK_FAILED);
    expectation = good;
    expectation.issuer = "did:x509:0:sha256:AAAA::eku:1.2";
    check_refused_by(verify(&text_message), "uvm_identity");
    expectation = good;
    expectation.feed = NULL;
    check_refused_by(verify(&text_message), "uvm_feed");
    expectation = good;
    expectation.feed = MADE_FEED "2";
    check_refused_by(verify(&claims_message), "uvm_feed");
    expectation = good;
    expectation.minimum_svn = 23;
    check_refused_by(verify(&text_message), "uvm_svn");
    expectation.minimum_svn = 104;
    check_accepted(verify(&claims_message));
    expectation.minimum_svn = 105;
    check_refused_by(verify(&claims_message), "uvm_svn");
    expectation = good;
    uint8_t other[UVM_MEASUREMENT_SIZE] = {0};
    expectation.measurement = other;
    check_refused_by(verify(&text_message), "uvm_measurement");
    check_refused_by(verify(&claims_message), "uvm_measurement");
    expectation.measurement = NULL;
    check_accepted(verify(&text_message));
    assert_int_equal(checks_find(&checks, "uvm_measurement")->result, CHECK_SKIPPED);
}

/* The identity holds, and still the message says that somebody else issued it, or nobody. */
static void refuses_a_header_that_names_another_issuer(void **state)
{
    (void)state;
    issue();
    BUF_AUTO middle = BUF_WITH_LIMIT(4096);
    made_did(ders[1], &middle);
    text_message.issuer = buf_text(&middle);
    check_refused_by(verify(&text_message), "uvm_issuer");
    expectation.issuer = buf_text(&middle);
    check_accepted(verify(&text_message));
    text_message.issuer = NULL;
    check_refused_by(verify(&text_message), "uvm_issuer");
    claims_message.feed = NULL;
    expectation.issuer = buf_text(&issuer);
    check_refused_by(verify(&claims_message), "uvm_feed");
}

static void refuses_chains_in_another_order_or_not_whole(void **state)
{
    (void)state;
    issue();
    const struct span swapped[] = {ders[0], ders[2], ders[1]};
    const struct span reversed[] = {ders[2], ders[1], ders[0]};
    const struct span twice[] = {ders[0], ders[0], ders[1], ders[2]};
    const struct span gap[] = {ders[0], ders[2]};
    static const struct span garbage[] = {{(const uint8_t *)"leaf", 4},
                                          {(const uint8_t *)"root", 4}};
    const struct {
        const struct span *chain;
        size_t count;
        const char *check;
    } cases[] = {{swapped, 3, "uvm_chain"},       {reversed, 3, "uvm_chain"},
                 {twice, 4, "uvm_chain"},         {gap, 2, "uvm_chain"},
                 {ders, 1, "uvm_certificates"},   {ders, 0, "uvm_certificates"},
                 {garbage, 2, "uvm_certificates"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made_message message = text_message;
        message.chain = cases[i].chain;
        message.chain_count = cases[i].count;
        check_refused_by(verify(&message), cases[i].check);
    }
    text_message.chain_count = 2; /* good as far as it goes, but not to the pinned authority */
    check_refused_by(verify(&text_message), "uvm_identity");
}

static void refuses_authorities_and_leaves_that_are_none(void **state)
{
    (void)state;
    static const struct {
        int place;
        struct made_certificate change;
        const char *check;
    } cases[] = {
        {1, {.constraints = "critical,CA:FALSE"}, "uvm_chain"},
        {1, {.key_usage = "critical,digitalSignature"}, "uvm_chain"},
        {2, {.constraints = "critical,CA:TRUE,pathlen:0"}, "uvm_chain"},
        {2, {.other = "1.2.3.4"}, "uvm_chain"},
        {0, {.constraints = "critical,CA:TRUE"}, "uvm_chain"},
        {0, {.key_usage = "critical,keyEncipherment"}, "uvm_chain"},
        {0, {.other = "1.2.3.4"}, "uvm_chain"},
        {0, {.issuer = "CN=Root"}, "uvm_chain"},
        {0, {.eku = "1.3.6.1.4.1.99999.1.1"}, "uvm_identity"},
        {0, {.not_after = MADE_NOW - 1}, "uvm_validity"},
        {0, {.not_before = MADE_NOW + 1}, "uvm_validity"},
        {1, {.not_after = MADE_NOW - 1}, "uvm_validity"},
        {2, {.not_before = MADE_NOW + 1}, "uvm_validity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made_certificate *certificate = &chain.certificates[cases[i].place];
        const struct made_certificate before = *certificate;
        const struct made_certificate *change = &cases[i].change;
        certificate->constraints = change->constraints ? change->constraints : before.constraints;
        certificate->key_usage = change->key_usage ? change->key_usage : before.key_usage;
        certificate->issuer = change->issuer ? change->issuer : before.issuer;
        certificate->eku = change->eku ? change->eku : before.eku;
        certificate->other = change->other;
        certificate->not_before = change->not_before;
        certificate->not_after = change->not_after;
        issue();
        check_refused_by(verify(&text_message), cases[i].check);
        *certificate = before;
    }
}

static void a_path_may_be_as_long_as_it_is(void **state)
{
    (void)state;
    chain.certificates[2].constraints = "critical,CA:TRUE,pathlen:1";
    chain.certificates[1].constraints = "critical,CA:TRUE,pathlen:0";
    issue();
    check_accepted(verify(&text_message));
}

/* The names are right, the keys are another's. */
static void refuses_a_chain_under_a_stolen_name(void **state)
{
    (void)state;
    issue();
    EVP_PKEY *thief = made_key("P-384");
    BUF_AUTO forged = BUF_WITH_LIMIT(65536);
    made_issue(&chain.certificates[0], chain.keys[0], thief, "SHA384", &forged);
    const struct span stolen[] = {buf_span(&forged), ders[1], ders[2]};
    text_message.chain = stolen;
    text_message.x5t = span_of(NULL, 0);
    check_refused_by(verify(&text_message), "uvm_chain");
    EVP_PKEY_free(thief);
}

static void refuses_certificates_signed_with_sha1(void **state)
{
    (void)state;
    issue();
    BUF_AUTO weak = BUF_WITH_LIMIT(65536);
    made_issue(&chain.certificates[0], chain.keys[0], chain.keys[1], "SHA1", &weak);
    const struct span certificates[] = {buf_span(&weak), ders[1], ders[2]};
    text_message.chain = certificates;
    text_message.x5t = span_of(NULL, 0);
    check_refused_by(verify(&text_message), "uvm_chain");
}

static void the_signing_time_is_taken_only_where_asked(void **state)
{
    (void)state;
    issue();
    expectation.time = MADE_NOW + 86400;
    check_refused_by(verify(&text_message), "uvm_validity");
    expectation.at_signing_time = true;
    check_accepted(verify(&text_message));
    assert_non_null(strstr(checks_find(&checks, "uvm_validity")->expected, "own word"));
    check_accepted(verify(&claims_message));
    text_message.signing_time = MADE_NOW + 86400;
    check_refused_by(verify(&text_message), "uvm_validity");
    text_message.signing_time = 0;
    check_refused_by(verify(&text_message), "uvm_validity");
}

static void refuses_another_thumbprint(void **state)
{
    (void)state;
    issue();
    uint8_t other[SHA256_SIZE];
    sha256_digest(ders[1], other);
    text_message.x5t = span_of(other, sizeof other);
    check_refused_by(verify(&text_message), "uvm_thumbprint");
    text_message.x5t = span_of(thumbprint, SHA256_SIZE - 1);
    check_refused_by(verify(&text_message), "uvm_thumbprint");
    text_message.x5t = span_of(NULL, 0);
    check_accepted(verify(&text_message));
}

static void refuses_payloads_that_do_not_say_it(void **state)
{
    (void)state;
    static const char measure[] = "\"x-ms-sevsnpvm-launchmeasurement\": \"" DIGITS "\"";
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{%s}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": 22}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": \"-1\"}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": \"022\"}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": \"22 \"}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": \"99999999999999999999\"}",
        "{%s, \"x-ms-sevsnpvm-guestsvn-int\": \"22\"}",
        "{%s, \"x-ms-sevsnpvm-guestsvn-int\": -1}",
        "{%s, \"x-ms-sevsnpvm-guestsvn-int\": 22.0}",
        "{%s, \"x-ms-sevsnpvm-guestsvn\": \"22\", \"x-ms-sevsnpvm-guestsvn-int\": 23}",
        "{%s, \"x-ms-sevsnpvm-guestsvn-int\": 22} ",
        "{%s, \"x-ms-sevsnpvm-guestsvn-int\": 22, \"x-ms-sevsnpvm-guestsvn-int\": 22}",
        "{\"x-ms-sevsnpvm-launchmeasurement\": \"00\", \"x-ms-sevsnpvm-guestsvn-int\": 22}",
        "{\"x-ms-sevsnpvm-launchmeasurement\": \"" DIGITS
        "00\", \"x-ms-sevsnpvm-guestsvn-int\": 2}",
        "{\"x-ms-sevsnpvm-launchmeasurement\": 7, \"x-ms-sevsnpvm-guestsvn-int\": 22}",
    };
    issue();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO payload = BUF_WITH_LIMIT(4096);
        const char *at = strstr(refused[i], "%s");
        check_ok(
            buf_printf(&payload, &err, "%.*s%s%s%s", at ? (int)(at - refused[i]) : 0, refused[i],
                       at ? measure : "", at ? at + 2 : refused[i], i == 13 ? "x" : ""),
            &err);
        text_message.payload = buf_span(&payload);
        check_refused_by(verify(&text_message), "uvm_payload");
        assert_null(checks_find(&checks, "uvm_svn"));
    }
}

static void reads_the_svn_wherever_it_stands(void **state)
{
    (void)state;
    static const char both[] = "{\"x-ms-sevsnpvm-launchmeasurement\": \"" DIGITS
                               "\", \"x-ms-sevsnpvm-guestsvn\": \"7\", "
                               "\"x-ms-sevsnpvm-guestsvn-int\": 7, \"later\": {}}";
    issue();
    text_message.payload = span_of_text(both);
    check_accepted(verify(&text_message));
    assert_int_equal(endorsement.svn, 7);
    text_message.svn = 8; /* a label that nobody reads */
    check_accepted(verify(&text_message));
    assert_int_equal(endorsement.svn, 7);
    struct made_message message = text_message;
    message.shape = MADE_CLAIMS;
    check_refused_by(verify(&message), "uvm_payload");
    message.svn = 7;
    check_accepted(verify(&message));
}

static void refuses_envelopes_of_another_kind(void **state)
{
    (void)state;
    issue();
    struct made_message message = claims_message;
    message.svn = -1;
    check_refused_by(verify(&message), "uvm_payload");
    message = claims_message;
    message.payload = span_of(measurement, 47);
    check_refused_by(verify(&message), "uvm_payload");
    message = claims_message;
    message.content_type = NULL;
    check_refused_by(verify(&message), "uvm_payload");
    message.content_type = "application/json";
    check_refused_by(verify(&message), "uvm_payload");
    message = text_message;
    message.content_type = "application/cose-x509+rego";
    check_refused_by(verify(&message), "uvm_payload");
    message.content_type = NULL;
    check_refused_by(verify(&message), "uvm_payload");
}

/* What nobody signed may be there, and decides nothing. */
static void receipts_and_timestamps_decide_nothing(void **state)
{
    (void)state;
    issue();
    BUF_AUTO unprotected = BUF_WITH_LIMIT(4096);
    assert_true(bytes_append(&unprotected, "a2 19018a 81 4100 6974696d657374616d70 41dd"));
    claims_message.unprotected = buf_span(&unprotected);
    check_accepted(verify(&claims_message));
    assert_int_equal(endorsement.receipt_count, 1);
    assert_true(endorsement.has_timestamp);
    expectation.time = MADE_NOW + 86400;
    check_refused_by(verify(&claims_message), "uvm_validity");
}

/* ---- real endorsements ---- */

static const char *const real[] = {"aci/attest_test_data/body.uvm_reference_info.bin",
                                   "cose/esrp_transparent_hash_envelop.cose",
                                   "cose/esrp_with_grafted_receipt.cose"};

static enum verdict verify_real(const char *name, int64_t time)
{
    BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
    vectors_read(name, &cose);
    expectation = (struct uvm_expectation){.time = time, .at_signing_time = time == 0};
    return verify_bytes(buf_span(&cose));
}

static void accepts_real_endorsements_of_the_published_issuer(void **state)
{
    (void)state;
    vectors_need("cose");
    static const uint64_t svns[] = {22, 104, 104};
    static const uint8_t firsts[] = {0x51, 0xdc, 0xdc};
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        check_accepted(verify_real(real[i], 0));
        assert_int_equal(endorsement.svn, svns[i]);
        assert_int_equal(endorsement.measurement[0], firsts[i]);
        assert_string_equal(endorsement.issuer, UVM_ISSUER);
        assert_string_equal(endorsement.feed, UVM_FEED);
        check_refused_by(verify_real(real[i], INT64_C(1900000000)), "uvm_validity");
        check_refused_by(verify_real(real[i], INT64_C(1600000000)), "uvm_validity");
    }
    check_accepted(verify_real(real[0], 1700000000));
    check_accepted(verify_real(real[1], 1774544607));
}

static void refuses_real_endorsements_of_others(void **state)
{
    (void)state;
    vectors_need("cose");
    check_refused_by(verify_real("cose/esrp.test.cose", 0), "uvm_identity");
    assert_int_equal(checks_find(&checks, "uvm_signature")->result, CHECK_PASSED);
    check_refused_by(verify_real("cose/aci-cc-ttl.ttl.cose", 0), "uvm_chain");
    assert_int_equal(checks_find(&checks, "uvm_identity")->result, CHECK_FAILED);
    check_refused_by(verify_real("cose/esrp_cp_ledger_pub_keys.json", 0), "uvm_format");
}

/* The identity of a test signer, named by the caller: by its subject, percent-encoded. */
static void a_real_identity_by_subject_resolves(void **state)
{
    (void)state;
    vectors_need("cose");
    BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
    vectors_read("cose/esrp.test.cose", &cose);
    expectation = (struct uvm_expectation){
        .at_signing_time = true,
        .issuer = "did:x509:0:sha256:T3wuOi7RTvgBsJ9df38hYzZTcuj-AECHzLeS-882ops::subject:CN:Gen%20"
                  "Purpose%20NoCS%20P384%20384%20Test%201%20%28DO%20NOT%20TRUST%29",
        .feed = "KensHouseOfUVMImages"};
    check_refused_by(verify_bytes(buf_span(&cose)), "uvm_payload"); /* it endorses nothing */
}

/* One bit of every eighth byte; every bit of a message that is made here is flipped above. */
static void refuses_flipped_bits_of_a_real_endorsement(void **state)
{
    (void)state;
    vectors_need("cose");
    BUF_AUTO cose = BUF_WITH_LIMIT(FILE_MAX);
    struct cose_sign1 message;
    vectors_read(real[1], &cose);
    expectation = (struct uvm_expectation){.at_signing_time = true};
    check_accepted(verify_bytes(buf_span(&cose)));
    check_ok(cose_parse(buf_span(&cose), &message, &err), &err);
    const struct span parts[] = {message.protected_header, message.payload, message.signature};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *bytes = cose.data + (parts[i].data - cose.data);
        for (size_t bit = 0; bit < 8 * parts[i].size; bit += 65) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (verify_bytes(buf_span(&cose)) != VERDICT_REFUSED)
                fail_msg("accepted with bit %zu of part %zu flipped", bit, i);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

#define test_case(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(accepts_both_shapes),
        test_case(accepts_every_scheme),
        test_case(refuses_algorithms_that_are_not_accepted),
        test_case(refuses_an_algorithm_that_is_not_the_keys),
        test_case(refuses_every_flipped_bit_and_truncation),
        test_case(refuses_another_issuer_feed_svn_or_measurement),
        test_case(refuses_a_header_that_names_another_issuer),
        test_case(refuses_chains_in_another_order_or_not_whole),
        test_case(refuses_authorities_and_leaves_that_are_none),
        test_case(a_path_may_be_as_long_as_it_is),
        test_case(refuses_a_chain_under_a_stolen_name),
        test_case(refuses_certificates_signed_with_sha1),
        test_case(the_signing_time_is_taken_only_where_asked),
        test_case(refuses_another_thumbprint),
        test_case(refuses_payloads_that_do_not_say_it),
        test_case(reads_the_svn_wherever_it_stands),
        test_case(refuses_envelopes_of_another_kind),
        test_case(receipts_and_timestamps_decide_nothing),
        test_case(accepts_real_endorsements_of_the_published_issuer),
        test_case(refuses_real_endorsements_of_others),
        test_case(a_real_identity_by_subject_resolves),
        test_case(refuses_flipped_bits_of_a_real_endorsement),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
