/* A security-context directory's contents: synthetic, with each part swapped, and a real one. */
#include "../check.h"
#include "../made.h"
#include "../vectors.h"
#include "synthetic.h"

#include "base/base64.h"
#include "evidence/aci.h"
#include "evidence/runtime_data.h"
#include "format/json.h"

#define POLICY  "package policy\n"
#define RUNTIME "{\"keys\":[]}"

static struct error err;
static struct aci_result result;
static struct synthetic_issued issued;
static struct made_chain chain;
static struct span signers[MADE_CHAIN_LENGTH];
static struct buf issuer;
static struct buf cose;
static struct buf host;
static uint8_t measurement[SNP_MEASUREMENT_SIZE] = {1, 2, 3};

static struct aci_evidence evidence;
static struct aci_expectation expectation;

static void make_report(void)
{
    struct synthetic synthetic;
    synthetic_milan(&synthetic);
    runtime_data_report_data(span_of_text(RUNTIME), synthetic.report.report_data);
    sha256_digest(span_of_text(POLICY), synthetic.report.host_data);
    memcpy(synthetic.report.measurement, measurement, sizeof measurement);
    synthetic_issue(&synthetic, &issued);
}

static void make_endorsement(struct span endorsed, struct buf *out)
{
    const struct made_message message = {.shape = MADE_HASH_ENVELOPE,
                                         .algorithm = COSE_ES384,
                                         .issuer = buf_text(&issuer),
                                         .feed = MADE_FEED,
                                         .svn = 7,
                                         .signing_time = MADE_NOW,
                                         .content_type = "application/octet-stream",
                                         .chain = signers,
                                         .chain_count = MADE_CHAIN_LENGTH,
                                         .payload = endorsed};
    made_cose(&message, chain.keys[0], SIGNATURE_ES384, out);
}

/* The host's JSON about these three certificates. */
static void make_host(const struct span *ders, const char *tcb, struct buf *out)
{
    BUF_AUTO leaf = BUF_WITH_LIMIT(65536);
    BUF_AUTO authorities = BUF_WITH_LIMIT(65536);
    check_ok(certificate_der_to_pem(ders[0], &leaf, &err), &err);
    check_ok(certificate_der_to_pem(ders[1], &authorities, &err), &err);
    check_ok(certificate_der_to_pem(ders[2], &authorities, &err), &err);
    json_auto_t *document = json_pack("{s:s, s:s, s:s}", "vcekCert", buf_text(&leaf),
                                      "certificateChain", buf_text(&authorities), "tcbm", tcb);
    assert_non_null(document);
    check_ok(json_append(document, out, &err), &err);
}

static void write_tcb(char out[17])
{
    struct snp_report report;
    check_ok(snp_report_parse(span_of(issued.report, SNP_REPORT_SIZE), &report, &err), &err);
    for (int i = 0; i < 8; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", report.reported_tcb[7 - i]);
}

static int make(void **state)
{
    char tcb[17];
    if (synthetic_start(state) < 0)
        return -1;
    make_report();
    made_chain_init(&chain);
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        signers[i] = buf_span(&chain.ders[i]);
    buf_init(&issuer, 4096);
    buf_init(&cose, 65536);
    buf_init(&host, 65536);
    made_did(signers[2], &issuer);
    make_endorsement(span_of(measurement, sizeof measurement), &cose);
    write_tcb(tcb);
    make_host(issued.chain, tcb, &host);
    return 0;
}

static int finish(void **state)
{
    synthetic_fini(&issued);
    made_chain_fini(&chain);
    buf_fini(&issuer);
    buf_fini(&cose);
    buf_fini(&host);
    return synthetic_end(state);
}

static int begin(void **state)
{
    (void)state;
    evidence = (struct aci_evidence){.report = span_of(issued.report, SNP_REPORT_SIZE),
                                     .host_certificates = buf_span(&host),
                                     .reference_info = buf_span(&cose),
                                     .policy = span_of_text(POLICY),
                                     .runtime_data = span_of_text(RUNTIME)};
    expectation = (struct aci_expectation){
        .chain = {.time = SYNTHETIC_NOW, .roots = &issued.root, .root_count = 1},
        .uvm = {.time = MADE_NOW, .issuer = buf_text(&issuer), .feed = MADE_FEED},
        .policy = span_of_text(POLICY)};
    return 0;
}

static enum verdict verify(void)
{
    return aci_verify(&evidence, &expectation, &result);
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

static void accepts_what_belongs_together(void **state)
{
    (void)state;
    check_accepted(verify());
    assert_int_equal(result.endorsement.svn, 7);
    assert_int_equal(checks_find(&result.snp.checks, "uvm_measurement")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.snp.checks, "policy")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.snp.checks, "expected_policy")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.snp.checks, "runtime_data")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.snp.checks, "host_tcb")->result, CHECK_PASSED);
}

static void says_what_was_not_compared(void **state)
{
    (void)state;
    evidence.runtime_data = span_of(NULL, 0);
    expectation.policy = span_of(NULL, 0);
    check_accepted(verify());
    assert_int_equal(checks_find(&result.snp.checks, "runtime_data")->result, CHECK_SKIPPED);
    assert_int_equal(checks_find(&result.snp.checks, "expected_policy")->result, CHECK_SKIPPED);
}

static void refuses_each_part_when_it_is_missing(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *check;
    } parts[] = {{offsetof(struct aci_evidence, report), "report_format"},
                 {offsetof(struct aci_evidence, host_certificates), "host_certificates"},
                 {offsetof(struct aci_evidence, reference_info), "uvm_format"},
                 {offsetof(struct aci_evidence, policy), "policy"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        (void)begin(state);
        memset((char *)&evidence + parts[i].offset, 0, sizeof(struct span));
        check_refused_by(verify(), parts[i].check);
    }
}

static void refuses_each_part_when_it_is_anothers(void **state)
{
    (void)state;
    BUF_AUTO other = BUF_WITH_LIMIT(65536);
    uint8_t elsewhere[SNP_MEASUREMENT_SIZE] = {1, 2, 4};
    evidence.policy = span_of_text(POLICY " ");
    check_refused_by(verify(), "policy");
    (void)begin(state);
    expectation.policy = span_of_text(POLICY " ");
    check_refused_by(verify(), "expected_policy");
    (void)begin(state);
    evidence.runtime_data = span_of_text(RUNTIME " ");
    check_refused_by(verify(), "runtime_data");
    (void)begin(state);
    make_endorsement(span_of(elsewhere, sizeof elsewhere), &other);
    evidence.reference_info = buf_span(&other);
    check_refused_by(verify(), "uvm_measurement");
    (void)begin(state);
    expectation.uvm.issuer = NULL;
    check_refused_by(verify(), "uvm_identity");
    (void)begin(state);
    expectation.uvm.minimum_svn = 8;
    check_refused_by(verify(), "uvm_svn");
    (void)begin(state);
    expectation.chain.root_count = 0;
    check_refused_by(verify(), "root");
    (void)begin(state);
    expectation.chain.time += 2 * SYNTHETIC_LIFE;
    check_refused_by(verify(), "validity");
    (void)begin(state);
    expectation.uvm.time += 86400;
    check_refused_by(verify(), "uvm_validity");
}

static void refuses_other_certificates_of_the_host(void **state)
{
    (void)state;
    char tcb[17];
    BUF_AUTO swapped = BUF_WITH_LIMIT(65536);
    BUF_AUTO lying = BUF_WITH_LIMIT(65536);
    const struct span order[3] = {issued.chain[0], issued.chain[2], issued.chain[1]};
    write_tcb(tcb);
    make_host(order, tcb, &swapped);
    evidence.host_certificates = buf_span(&swapped);
    check_refused_by(verify(), "root");
    make_host(issued.chain, "ff00000000000000", &lying);
    evidence.host_certificates = buf_span(&lying);
    check_refused_by(verify(), "host_tcb");
    evidence.host_certificates = buf_span(&cose);
    check_refused_by(verify(), "host_certificates");
}

/* Verifies with one bit in each fourth byte of this part flipped, up to `size`. */
static void flip(const struct buf *part, struct span *place, size_t size)
{
    BUF_AUTO changed = BUF_WITH_LIMIT(65536);
    check_ok(buf_append(&changed, buf_span(part), &err), &err);
    *place = buf_span(&changed);
    check_accepted(verify());
    for (size_t bit = 0; bit < 8 * size; bit += 31) {
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (verify() != VERDICT_REFUSED)
            fail_msg("accepted with bit %zu flipped", bit);
        changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void refuses_flipped_bits_of_endorsement_and_certificates(void **state)
{
    flip(&cose, &evidence.reference_info, cose.size);
    (void)begin(state);
    /* What follows is tcbm, whose name the host may leave out, and whose digits have two cases. */
    flip(&host, &evidence.host_certificates,
         (size_t)(strstr(buf_text(&host), "tcbm") - buf_text(&host)));
}

/* ---- a real one ---- */

#define FOLDER "aci/attest_test_data/"

static void accepts_a_real_directory(void **state)
{
    (void)state;
    vectors_need(FOLDER "snp_report.bin");
    static const char *const names[] = {"snp_report.bin", "uvm_host_amd_certificate.json",
                                        "body.uvm_reference_info.bin", "runtimedata.json",
                                        "uvm_security_policy.base64"};
    struct buf parts[5];
    BUF_AUTO policy = BUF_WITH_LIMIT(65536);
    for (int i = 0; i < 5; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, FOLDER "%s", names[i]);
        buf_init(&parts[i], 65536);
        vectors_read(path, &parts[i]);
    }
    check_ok(base64_decode(buf_span(&parts[4]), &policy, &err), &err);
    evidence = (struct aci_evidence){.report = buf_span(&parts[0]),
                                     .host_certificates = buf_span(&parts[1]),
                                     .reference_info = buf_span(&parts[2]),
                                     .policy = buf_span(&policy),
                                     .runtime_data = buf_span(&parts[3])};
    expectation = (struct aci_expectation){.chain = {.time = SYNTHETIC_NOW},
                                           .uvm = {.at_signing_time = true, .minimum_svn = 22},
                                           .policy = buf_span(&policy)};
    check_accepted(verify());
    assert_string_equal(result.snp.product, "Milan");
    assert_int_equal(result.endorsement.svn, 22);
    expectation.uvm.minimum_svn = 23;
    check_refused_by(verify(), "uvm_svn");
    expectation.uvm = (struct uvm_expectation){.time = SYNTHETIC_NOW};
    check_refused_by(verify(), "uvm_validity");
    for (int i = 0; i < 5; i++)
        buf_fini(&parts[i]);
}

#define test_case(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_case(accepts_what_belongs_together),
        test_case(says_what_was_not_compared),
        test_case(refuses_each_part_when_it_is_missing),
        test_case(refuses_each_part_when_it_is_anothers),
        test_case(refuses_other_certificates_of_the_host),
        test_case(refuses_flipped_bits_of_endorsement_and_certificates),
        test_case(accepts_a_real_directory),
    };
    return cmocka_run_group_tests(tests, make, finish);
}
