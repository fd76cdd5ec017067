/* Azure's evidence by libcaisson's public header, linked against the shared library. */
#include "../check.h"
#include "../evidence/dcap_fake.h"
#include "../evidence/synthetic.h"
#include "../made_azure.h"

#include <caisson/evidence.h>

#include "evidence/runtime_data.h"

#define PCRS    0x000011U
#define POLICY  "package policy\n"
#define RUNTIME "{\"keys\":[]}"

static struct error err;
static struct caisson_result *result;
static struct caisson_check check;
static EVP_PKEY *key; /* the vTPM's */
static struct dcap_fake fake;
static struct buf claims, frame, td_frame, quote, signature, issuer, cose, host;
static struct synthetic_issued machine, group;
static struct caisson_bytes certificates[3];
static struct caisson_root root, td_root;
static struct caisson_collateral *collateral;
static uint8_t values[2 * TPM_PCR_SIZE];

static struct buf *const buffers[] = {&claims,    &frame,  &td_frame, &quote,
                                      &signature, &issuer, &cose,     &host};

static struct caisson_bytes bytes_of(struct span bytes)
{
    return (struct caisson_bytes){bytes.data, bytes.size};
}

static void make_machine(void)
{
    struct synthetic synthetic;
    synthetic_milan(&synthetic);
    runtime_data_report_data(buf_span(&claims), synthetic.report.report_data);
    synthetic_issue(&synthetic, &machine);
    made_hcl(HCL_SNP, span_of(machine.report, SNP_REPORT_SIZE), buf_span(&claims), &frame);
    made_quote(span_of_text("nonce"), PCRS, span_of(values, sizeof values), &quote);
    made_sign(key, SIGNATURE_RS256, buf_span(&quote), &signature);
    for (size_t i = 0; i < 3; i++)
        certificates[i] = bytes_of(machine.chain[i]);
}

static void make_trust_domain(void)
{
    uint8_t tdreport[HCL_TDREPORT_SIZE];
    BUF_AUTO json = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    made_tdreport(buf_span(&claims), tdreport);
    made_hcl(HCL_TDX, span_of(tdreport, sizeof tdreport), buf_span(&claims), &td_frame);
    dcap_fake_init(&fake);
    dcap_fake_reset(&fake, DCAP_BODY_TD15);
    memcpy(dcap_fake_field(&fake, DCAP_REPORT_DATA), tdreport + 128, 64);
    memcpy(dcap_fake_field(&fake, DCAP_MRTD), tdreport + 528, 48);
    dcap_fake_make(&fake);
    dcap_fake_collateral(&fake, &json);
    memcpy(td_root.sha256, fake.root.digest, sizeof td_root.sha256);
    struct caisson_collateral_input input = CAISSON_INIT(input);
    input.document = bytes_of(buf_span(&json));
    input.time = FAKE_NOW;
    input.roots = &td_root;
    input.root_count = 1;
    collateral = caisson_collateral_new(&input, result);
    assert_non_null(collateral);
}

static void make_endorsement(struct span measurement)
{
    struct made_chain chain;
    struct span ders[MADE_CHAIN_LENGTH];
    made_chain_init(&chain);
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        ders[i] = buf_span(&chain.ders[i]);
    made_did(ders[2], &issuer);
    const struct made_message message = {.shape = MADE_HASH_ENVELOPE,
                                         .algorithm = COSE_ES384,
                                         .issuer = buf_text(&issuer),
                                         .feed = MADE_FEED,
                                         .svn = 7,
                                         .content_type = "application/octet-stream",
                                         .chain = ders,
                                         .chain_count = MADE_CHAIN_LENGTH,
                                         .payload = measurement};
    made_cose(&message, chain.keys[0], SIGNATURE_ES384, &cose);
    made_chain_fini(&chain);
}

static void make_group(void)
{
    struct synthetic synthetic;
    BUF_AUTO leaf = BUF_WITH_LIMIT(65536);
    BUF_AUTO authorities = BUF_WITH_LIMIT(65536);
    synthetic_milan(&synthetic);
    runtime_data_report_data(span_of_text(RUNTIME), synthetic.report.report_data);
    sha256_digest(span_of_text(POLICY), synthetic.report.host_data);
    synthetic_issue(&synthetic, &group);
    check_ok(certificate_der_to_pem(group.chain[0], &leaf, &err), &err);
    check_ok(certificate_der_to_pem(group.chain[1], &authorities, &err), &err);
    check_ok(certificate_der_to_pem(group.chain[2], &authorities, &err), &err);
    json_auto_t *document = json_pack("{s:s, s:s}", "vcekCert", buf_text(&leaf), "certificateChain",
                                      buf_text(&authorities));
    check_ok(json_append(document, &host, &err), &err);
    make_endorsement(span_of(synthetic.report.measurement, SNP_MEASUREMENT_SIZE));
}

static int start(void **state)
{
    if (synthetic_start(state) < 0)
        return -1;
    result = caisson_result_new();
    if (!result)
        return -1;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_init(buffers[i], 1 << 20);
    key = made_key("RSA");
    made_claims(key, &claims);
    make_machine();
    make_trust_domain();
    make_group();
    return 0;
}

static int end(void **state)
{
    EVP_PKEY_free(key);
    caisson_collateral_free(collateral);
    caisson_result_free(result);
    dcap_fake_fini(&fake);
    synthetic_fini(&machine);
    synthetic_fini(&group);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buf_fini(buffers[i]);
    return synthetic_end(state);
}

/* What is refused has no claims, whatever it is. */
static void check_refused_by(const char *name)
{
    assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
    assert_true(caisson_result_get_failure(result, &check));
    if (strcmp(check.name, name) != 0)
        fail_msg("refused by %s instead of %s: %s", check.name, name, check.found);
    assert_false(caisson_result_get_hcl(result, &(struct caisson_hcl_claims){0}));
    assert_false(caisson_result_get_snp(result, &(struct caisson_snp_claims){0}));
    assert_false(caisson_result_get_quote(result, &(struct caisson_quote_claims){0}));
    assert_false(caisson_result_get_uvm(result, &(struct caisson_uvm_claims){0}));
}

static void check_not_verified(const char *words)
{
    assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
    assert_int_equal(caisson_result_check_count(result), 0);
    if (!strstr(caisson_result_error(result), words))
        fail_msg("\"%s\" does not hold \"%s\"", caisson_result_error(result), words);
}

static void check_accepted(void)
{
    if (caisson_result_verdict(result) == CAISSON_ACCEPTED)
        return;
    fail_msg("refused by %s: %s %s",
             caisson_result_get_failure(result, &check) ? check.name : "nothing", check.found,
             caisson_result_error(result));
}

/* --- HCL reports ------------------------------------------------------------------------------ */

static struct caisson_hcl_input snp_input(void)
{
    struct caisson_hcl_input input = CAISSON_INIT(input);
    memcpy(root.sha256, machine.root.digest, sizeof root.sha256);
    input.report = bytes_of(buf_span(&frame));
    input.time = SYNTHETIC_NOW;
    input.roots = &root;
    input.root_count = 1;
    input.certificates = certificates;
    input.certificate_count = 3;
    return input;
}

static struct caisson_hcl_input td_input(void)
{
    struct caisson_hcl_input input = CAISSON_INIT(input);
    input.report = bytes_of(buf_span(&td_frame));
    input.td_quote = bytes_of(buf_span(&fake.quote));
    input.td_collateral = collateral;
    return input;
}

static void add_quote(struct caisson_hcl_input *input)
{
    input->tpm_quote = bytes_of(buf_span(&quote));
    input->tpm_signature = bytes_of(buf_span(&signature));
    input->tpm_nonce = bytes_of(span_of_text("nonce"));
    input->tpm_pcrs = (struct caisson_bytes){values, sizeof values};
}

static void accepts_a_machine_and_tells_its_claims(void **state)
{
    (void)state;
    struct caisson_hcl_claims found;
    struct caisson_snp_claims snp;
    struct caisson_hcl_input input = snp_input();
    (void)caisson_verify_hcl(&input, result);
    check_accepted();
    assert_true(caisson_result_get_hcl(result, &found));
    assert_false(found.is_tdx);
    assert_string_equal(found.vm_id, "00112233-4455");
    assert_true(found.secure_boot && !found.user_data && !found.is_quoted);
    assert_int_equal(found.attestation_key_modulus.size, 256);
    assert_int_equal(found.attestation_key_exponent.size, 3);
    assert_true(caisson_result_get_snp(result, &snp));
    assert_string_equal(snp.product, "Milan");
    assert_false(caisson_result_get_quote(result, &(struct caisson_quote_claims){0}));
    const struct caisson_pcr pcr = {.index = 4};
    add_quote(&input);
    input.pcrs = &pcr;
    input.pcr_count = 1;
    (void)caisson_verify_hcl(&input, result);
    check_accepted();
    assert_true(caisson_result_get_hcl(result, &found));
    assert_true(found.is_quoted);
    assert_int_equal(found.quoted_pcrs, PCRS);
}

static void refuses_machines_by_the_check_that_is_meant(void **state)
{
    (void)state;
    static const uint8_t other[32] = {1};
    static const struct caisson_pcr pcr = {.index = 0, .value = {1}};
    struct caisson_snp_appraisal appraisal = CAISSON_INIT(appraisal);
    struct caisson_hcl_input wrong[9];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        wrong[i] = snp_input();
        if (i > 4)
            add_quote(&wrong[i]);
    }
    appraisal.host_data = other;
    wrong[0].root_count = 0;
    wrong[1].certificate_count = 0;
    wrong[2].snp_appraisal = &appraisal;
    wrong[3].report.size = 100;
    wrong[4].tpm_nonce = bytes_of(span_of_text("nonce")); /* and no quote */
    wrong[5].tpm_nonce = bytes_of(span_of_text("other"));
    wrong[6].tpm_signature = (struct caisson_bytes){values, sizeof values};
    wrong[7].pcrs = &pcr;
    wrong[7].pcr_count = 1;
    wrong[8].time += SYNTHETIC_LIFE + 1;
    static const char *const names[] = {
        "root",      "certificates",    "host_data",           "hcl_format",
        "tpm_quote", "tpm_quote_nonce", "tpm_quote_signature", "tpm_pcrs",
        "validity"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)caisson_verify_hcl(&wrong[i], result);
        check_refused_by(names[i]);
    }
}

static void accepts_a_trust_domain_with_its_quote(void **state)
{
    (void)state;
    struct caisson_hcl_claims found;
    struct caisson_quote_claims td;
    const struct caisson_hcl_input input = td_input();
    (void)caisson_verify_hcl(&input, result);
    check_accepted();
    assert_true(caisson_result_get_hcl(result, &found));
    assert_true(found.is_tdx);
    assert_true(caisson_result_get_quote(result, &td));
    assert_int_equal(td.tee, CAISSON_TEE_TDX);
    assert_int_equal(td.mrtd[1], 0x11); /* of a TDREPORT that counts up, from byte 528 */
    assert_false(caisson_result_get_snp(result, &(struct caisson_snp_claims){0}));
}

static void refuses_a_trust_domain_without_what_proves_it(void **state)
{
    (void)state;
    static const uint8_t other[48] = {1};
    struct caisson_quote_appraisal appraisal = CAISSON_INIT(appraisal);
    struct caisson_hcl_input input = td_input();
    input.td_quote = (struct caisson_bytes){NULL, 0};
    input.td_collateral = NULL;
    (void)caisson_verify_hcl(&input, result);
    check_refused_by("td_quote");
    input = td_input();
    input.td_quote.size--;
    (void)caisson_verify_hcl(&input, result);
    check_refused_by("quote_format");
    input = td_input();
    appraisal.rtmrs[2] = other;
    input.td_appraisal = &appraisal;
    (void)caisson_verify_hcl(&input, result);
    check_refused_by("rtmr2");
    input = td_input();
    input.appraisal_file = bytes_of(span_of_text("{\"dcap_appraisal\":1,\"minimum_isvsvn\":1}"));
    (void)caisson_verify_hcl(&input, result);
    check_refused_by("minimum_isvsvn");
    td_frame.data[1236 + 2] ^= 1; /* in the claims */
    input = td_input();
    (void)caisson_verify_hcl(&input, result);
    check_refused_by("hcl_claims_hash");
    td_frame.data[1236 + 2] ^= 1;
}

static void refuses_what_does_not_go_together(void **state)
{
    (void)state;
    static const uint8_t long_nonce[65];
    static const struct caisson_pcr pcr = {.index = 24};
    const struct caisson_quote_appraisal td = {.size = sizeof td, .tee = CAISSON_TEE_SGX};
    const struct caisson_snp_appraisal snp = CAISSON_INIT(snp);
    const struct {
        const char *words;
        struct caisson_hcl_input input;
    } rows[] = {{"one release", {.size = sizeof(struct caisson_hcl_input) + 1}},
                {"TD quote", snp_input()},
                {"signature and its nonce", snp_input()},
                {"65 bytes", snp_input()},
                {"no PCR 24", snp_input()},
                {"25 PCRs", snp_input()},
                {"certificates[0]", snp_input()},
                {"go together", td_input()},
                {"go together", td_input()},
                {"TD's appraisal", td_input()},
                {"wants an enclave", td_input()},
                {"appraisal_file", td_input()},
                {"65 roots", td_input()}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct caisson_hcl_input input = rows[i].input;
        const struct caisson_bytes junk = {values, 2};
        if (i == 1)
            input.td_quote = bytes_of(buf_span(&fake.quote));
        if (i == 2)
            input.tpm_quote = bytes_of(buf_span(&quote));
        if (i == 3)
            input.tpm_nonce = (struct caisson_bytes){long_nonce, sizeof long_nonce};
        if (i == 4 || i == 5) {
            input.pcrs = &pcr;
            input.pcr_count = i == 4 ? 1 : 25;
        }
        if (i == 6) {
            input.certificates = &junk;
            input.certificate_count = 1;
        }
        if (i == 7)
            input.td_collateral = NULL;
        if (i == 8)
            input.td_quote.size = 0;
        if (i == 9)
            input.snp_appraisal = &snp;
        if (i == 10)
            input.td_appraisal = &td;
        if (i == 11)
            input.appraisal_file = bytes_of(span_of_text("{\"snp_appraisal\": 1}"));
        if (i == 12)
            input.root_count = 65;
        (void)caisson_verify_hcl(&input, result);
        check_not_verified(rows[i].words);
    }
    (void)caisson_verify_hcl(NULL, result);
    check_not_verified("no struct caisson_hcl_input");
}

/* --- ACI -------------------------------------------------------------------------------------- */

static struct caisson_aci_input aci_input(void)
{
    struct caisson_aci_input input = CAISSON_INIT(input);
    input.report = (struct caisson_bytes){group.report, SNP_REPORT_SIZE};
    input.host_certificates = bytes_of(buf_span(&host));
    input.reference_info = bytes_of(buf_span(&cose));
    input.policy = bytes_of(span_of_text(POLICY));
    input.expected_policy = input.policy;
    input.runtime_data = bytes_of(span_of_text(RUNTIME));
    input.time = SYNTHETIC_NOW;
    input.endorsement_time = MADE_NOW;
    memcpy(root.sha256, group.root.digest, sizeof root.sha256);
    input.roots = &root;
    input.root_count = 1;
    input.issuer = buf_text(&issuer);
    input.feed = MADE_FEED;
    return input;
}

static void accepts_a_container_group(void **state)
{
    (void)state;
    struct caisson_snp_claims snp;
    struct caisson_uvm_claims uvm;
    const struct caisson_aci_input input = aci_input();
    (void)caisson_verify_aci(&input, result);
    check_accepted();
    assert_true(caisson_result_get_snp(result, &snp));
    assert_true(caisson_result_get_uvm(result, &uvm));
    assert_memory_equal(snp.measurement, uvm.measurement, 48);
    assert_int_equal(uvm.svn, 7);
    assert_false(caisson_result_get_hcl(result, &(struct caisson_hcl_claims){0}));
    assert_false(caisson_result_is_simulated(result));
}

static void refuses_container_groups_by_the_check_that_is_meant(void **state)
{
    (void)state;
    static const uint8_t other[64] = {1};
    static const struct caisson_bytes others = {other, 1};
    struct caisson_snp_appraisal appraisal = {.size = sizeof appraisal, .report_data = other};
    struct caisson_aci_input wrong[11];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        wrong[i] = aci_input();
    wrong[0].root_count = 0;
    wrong[1].policy = others;
    wrong[2].expected_policy = others;
    wrong[3].runtime_data = others;
    wrong[4].host_certificates = others;
    wrong[5].reference_info = others;
    wrong[6].issuer = NULL; /* Microsoft */
    wrong[7].minimum_svn = 8;
    wrong[8].endorsement_time = MADE_NOW + INT64_C(100000000);
    wrong[9].appraisal = &appraisal;
    wrong[10].require_crl = true;
    static const char *const names[] = {
        "root",       "policy",       "expected_policy", "runtime_data", "host_certificates",
        "uvm_format", "uvm_identity", "uvm_svn",         "uvm_validity", "report_data",
        "revocation"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)caisson_verify_aci(&wrong[i], result);
        check_refused_by(names[i]);
    }
    struct caisson_aci_input input = aci_input();
    input.appraisal = &appraisal;
    input.appraisal_file = others;
    (void)caisson_verify_aci(&input, result);
    check_not_verified("not both");
    input.size = 8;
    (void)caisson_verify_aci(&input, result);
    check_not_verified("caisson_aci_input");
    (void)caisson_verify_aci(NULL, result);
    check_not_verified("no struct caisson_aci_input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_a_machine_and_tells_its_claims),
        cmocka_unit_test(refuses_machines_by_the_check_that_is_meant),
        cmocka_unit_test(accepts_a_trust_domain_with_its_quote),
        cmocka_unit_test(refuses_a_trust_domain_without_what_proves_it),
        cmocka_unit_test(refuses_what_does_not_go_together),
        cmocka_unit_test(accepts_a_container_group),
        cmocka_unit_test(refuses_container_groups_by_the_check_that_is_meant),
    };
    return cmocka_run_group_tests(tests, start, end);
}
