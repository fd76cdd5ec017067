/* An Azure machine's evidence: accepted with the quote that the caller's data asked for, and
 * refused with any other thing in its place. The processor is the tests' own. */
#include "../evidence/synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../evidence/dcap_fake.h"
#include "../made_azure.h"
#include "../remove_tree.h"
#include "base/base64.h"
#include "base/text.h"
#include "evidence/hcl_verify.h"
#include "evidence/runtime_data.h"
#include "os/output.h"
#include "service/maa_claims.h"

static struct error err;
static struct synthetic evidence;
static struct synthetic_issued issued;
static struct snp_chains *chains;
static struct dcap_fake fake;
static struct collaterals *collaterals;
static char folder[256];
static EVP_PKEY *key, *other;
static struct maa_result result;

static const char runtime[] = "{\"keys\":[]}";

/* What is sent; a test changes one of them. */
static struct {
    struct buf claims, frame, chain, td_quote, quote, signature, pcrs;
    const char *runtime, *init;
} sent;

static void make_nonce(const char *text, uint8_t out[SHA256_SIZE])
{
    sha256_digest(span_of_text(text), out);
}

static void quote_by(EVP_PKEY *signer, const char *text)
{
    uint8_t nonce[SHA256_SIZE];
    make_nonce(text, nonce);
    buf_truncate(&sent.quote, 0);
    buf_truncate(&sent.signature, 0);
    made_quote(span_of(nonce, sizeof nonce), 1U << 0 | 1U << 7, buf_span(&sent.pcrs), &sent.quote);
    made_sign(signer, SIGNATURE_RS256, buf_span(&sent.quote), &sent.signature);
}

/* Has the processor sign what it is to vouch for, and trusts its root. */
static void issue(void)
{
    runtime_data_report_data(buf_span(&sent.claims), evidence.report.report_data);
    synthetic_fini(&issued);
    synthetic_issue(&evidence, &issued);
    buf_truncate(&sent.frame, 0);
    buf_truncate(&sent.chain, 0);
    made_hcl(HCL_SNP, span_of(issued.report, SNP_REPORT_SIZE), buf_span(&sent.claims), &sent.frame);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        check_ok(certificate_der_to_pem(issued.chain[i], &sent.chain, &err), &err);
    snp_chains_free(chains);
    chains = snp_chains_new(&issued.root, 1, &err);
    assert_non_null(chains);
}

static int start(void **state)
{
    if (synthetic_start(state) < 0)
        return -1;
    key = made_key("RSA");
    other = made_key("RSA");
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-hcl-XXXXXX", base ? base : "/tmp");
    dcap_fake_init(&fake);
    return key && other && mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    dcap_fake_fini(&fake);
    return remove_tree(folder) < 0 ? -1 : synthetic_end(state);
}

static int begin(void **state)
{
    (void)state;
    struct buf *const all[] = {&sent.claims, &sent.frame,     &sent.chain, &sent.td_quote,
                               &sent.quote,  &sent.signature, &sent.pcrs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], 1 << 17);
    sent.runtime = runtime;
    sent.init = NULL;
    made_claims(key, &sent.claims);
    synthetic_milan(&evidence);
    issue();
    check_ok(buf_append_zero(&sent.pcrs, (size_t)2 * TPM_PCR_SIZE, &err), &err);
    sent.pcrs.data[3] = 7;
    quote_by(key, runtime);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    struct buf *const all[] = {&sent.claims, &sent.frame,     &sent.chain, &sent.td_quote,
                               &sent.quote,  &sent.signature, &sent.pcrs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_fini(all[i]);
    collaterals_close(collaterals);
    snp_chains_free(chains);
    collaterals = NULL;
    chains = NULL;
    synthetic_fini(&issued);
    json_decref(result.claims);
    result = (struct maa_result){0};
    return 0;
}

static void append(struct buf *out, const char *name, const struct buf *bytes)
{
    if (bytes->size == 0)
        return;
    check_ok(buf_printf(out, &err, "%s\"%s\":\"", out->size > 1 ? "," : "", name), &err);
    check_ok(base64url_encode(buf_span(bytes), out, &err), &err);
    check_ok(buf_append_byte(out, '"', &err), &err);
}

static int verify(void)
{
    MAA_REQUEST_AUTO request = {.kind = MAA_AZURE_GUEST,
                                .evidence = BUF_WITH_LIMIT(1 << 20),
                                .runtime = {.bytes = BUF_WITH_LIMIT(1 << 16)},
                                .init = {.bytes = BUF_WITH_LIMIT(1 << 16)}};
    struct maa_trust trust = {.time = collaterals ? FAKE_NOW : SYNTHETIC_NOW,
                              .chains = chains,
                              .collaterals = collaterals,
                              .tcb_statuses = 1U << TCB_UP_TO_DATE};
    json_decref(result.claims);
    result = (struct maa_result){0};
    check_ok(buf_append_byte(&request.evidence, '{', &err), &err);
    append(&request.evidence, "HclReport", &sent.frame);
    append(&request.evidence, "VcekCertChain", &sent.chain);
    append(&request.evidence, "TdQuote", &sent.td_quote);
    append(&request.evidence, "TpmQuote", &sent.quote);
    append(&request.evidence, "TpmSignature", &sent.signature);
    append(&request.evidence, "Pcrs", &sent.pcrs);
    check_ok(buf_append_byte(&request.evidence, '}', &err), &err);
    if (sent.runtime) {
        request.runtime.is_there = true;
        check_ok(buf_append_text(&request.runtime.bytes, sent.runtime, &err), &err);
    }
    if (sent.init) {
        request.init.is_there = true;
        check_ok(buf_append_text(&request.init.bytes, sent.init, &err), &err);
    }
    return maa_verify_hcl(&request, &trust, &result, &err);
}

static void a_machine_has_claims_of_its_processor_and_its_frame(void **state)
{
    (void)state;
    check_ok(verify(), &err);
    const json_t *tee = json_object_get(result.claims, "x-ms-isolation-tee");
    assert_string_equal(json_string_value(json_object_get(result.claims, "x-ms-attestation-type")),
                        "azurevm");
    assert_string_equal(json_string_value(json_object_get(tee, "x-ms-attestation-type")),
                        "sevsnpvm");
    assert_non_null(json_object_get(tee, "x-ms-sevsnpvm-launchmeasurement"));
    assert_true(json_is_array(json_object_get(json_object_get(tee, "x-ms-runtime"), "keys")));
    const json_t *pcrs = json_object_get(result.claims, "caisson-tpm-pcrs");
    assert_int_equal(json_object_size(pcrs), 2);
    assert_memory_equal(json_string_value(json_object_get(pcrs, "0")), "00000007", 8);
    assert_non_null(json_object_get(pcrs, "7"));
}

static void without_pcrs_there_is_no_claim_of_them(void **state)
{
    (void)state;
    buf_truncate(&sent.pcrs, 0);
    check_ok(verify(), &err);
    assert_null(json_object_get(result.claims, "caisson-tpm-pcrs"));
}

static void refuses_a_quote_for_other_data(void **state)
{
    (void)state;
    sent.runtime = "{\"keys\":[1]}";
    check_refused(verify(), &err, "tpm_quote_nonce");
    assert_null(result.claims);
    sent.runtime = NULL;
    check_error(verify(), &err, ERROR_INVALID);
}

static void refuses_a_quote_by_another_key(void **state)
{
    (void)state;
    quote_by(other, runtime);
    check_refused(verify(), &err, "tpm_quote_signature");
}

static void refuses_pcrs_that_the_quote_does_not_have(void **state)
{
    (void)state;
    sent.pcrs.data[40] ^= 1;
    check_refused(verify(), &err, "tpm_pcr_digest");
    buf_truncate(&sent.pcrs, TPM_PCR_SIZE);
    check_error(verify(), &err, ERROR_REFUSED);
}

static void refuses_claims_that_the_processor_does_not_bind(void **state)
{
    (void)state;
    BUF_AUTO claims = BUF_WITH_LIMIT(1 << 16);
    made_claims(other, &claims);
    buf_truncate(&sent.frame, 0);
    made_hcl(HCL_SNP, issued.evidence.report, buf_span(&claims), &sent.frame);
    quote_by(other, runtime);
    check_refused(verify(), &err, "hcl_claims_hash");
}

/* Below VMPL 0 is the machine's own guest: what it asks for may name any key. */
static void refuses_a_report_of_the_guests_own(void **state)
{
    (void)state;
    for (uint32_t vmpl = 1; vmpl <= 3; vmpl++) {
        evidence.report.vmpl = vmpl;
        issue();
        check_refused(verify(), &err, "vmpl");
    }
}

static void refuses_init_time_data(void **state)
{
    (void)state;
    sent.init = "policy";
    check_error(verify(), &err, ERROR_INVALID);
    assert_non_null(strstr(err.text, "initTimeData"));
}

static void refuses_a_frame_without_its_certificates(void **state)
{
    (void)state;
    buf_truncate(&sent.chain, 0);
    check_error(verify(), &err, ERROR_REFUSED);
}

static void refuses_what_lacks_a_part(void **state)
{
    (void)state;
    struct buf *const parts[] = {&sent.frame, &sent.quote, &sent.signature};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t size = parts[i]->size;
        buf_truncate(parts[i], 0);
        check_error(verify(), &err, ERROR_INVALID);
        parts[i]->size = size;
    }
}

/* --- with TDX inside -------------------------------------------------------------------------- */

#define TDREPORT_MRTD 528

static void make_td(uint8_t report[HCL_TDREPORT_SIZE])
{
    made_tdreport(buf_span(&sent.claims), report);
    buf_truncate(&sent.frame, 0);
    buf_truncate(&sent.chain, 0);
    made_hcl(HCL_TDX, span_of(report, HCL_TDREPORT_SIZE), buf_span(&sent.claims), &sent.frame);
}

/* Intel's quote of the domain that this report is of. */
static void make_td_quote(const uint8_t report[HCL_TDREPORT_SIZE], uint8_t mrtd_changed)
{
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/fake.json", folder);
    dcap_fake_reset(&fake, DCAP_BODY_TD15);
    runtime_data_report_data(buf_span(&sent.claims), dcap_fake_field(&fake, DCAP_REPORT_DATA));
    memcpy(dcap_fake_field(&fake, DCAP_MRTD), report + TDREPORT_MRTD, HCL_MRTD_SIZE);
    dcap_fake_field(&fake, DCAP_MRTD)[0] ^= mrtd_changed;
    dcap_fake_make(&fake);
    buf_truncate(&sent.td_quote, 0);
    check_ok(buf_append(&sent.td_quote, buf_span(&fake.quote), &err), &err);
    dcap_fake_collateral(&fake, &text);
    check_ok(output_write(path, buf_span(&text), 0600, &err), &err);
    collaterals_close(collaterals);
    collaterals = collaterals_open(folder, &fake.root, 1, &err);
    assert_non_null(collaterals);
}

static void a_trust_domain_has_the_claims_of_its_quote(void **state)
{
    (void)state;
    uint8_t report[HCL_TDREPORT_SIZE];
    make_td(report);
    make_td_quote(report, 0);
    check_ok(verify(), &err);
    const json_t *tee = json_object_get(result.claims, "x-ms-isolation-tee");
    assert_string_equal(json_string_value(json_object_get(tee, "x-ms-attestation-type")), "tdxvm");
    assert_string_equal(json_string_value(json_object_get(tee, "attester_tcb_status")), "UpToDate");
    assert_non_null(json_object_get(tee, "tdx_mrtd"));
}

static void refuses_a_trust_domain_with_the_quote_of_another(void **state)
{
    (void)state;
    uint8_t report[HCL_TDREPORT_SIZE];
    make_td(report);
    check_refused(verify(), &err, "td_quote");
    make_td_quote(report, 1);
    check_refused(verify(), &err, "td_quote");
    make_td_quote(report, 0);
    sent.td_quote.data[sent.td_quote.size / 2] ^= 1;
    assert_int_equal(verify(), -1);
    assert_null(result.claims);
    make_td_quote(report, 0);
    quote_by(other, runtime);
    check_refused(verify(), &err, "tpm_quote_signature");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_machine_has_claims_of_its_processor_and_its_frame),
        TEST(without_pcrs_there_is_no_claim_of_them),
        TEST(refuses_a_quote_for_other_data),
        TEST(refuses_a_quote_by_another_key),
        TEST(refuses_pcrs_that_the_quote_does_not_have),
        TEST(refuses_claims_that_the_processor_does_not_bind),
        TEST(refuses_a_report_of_the_guests_own),
        TEST(refuses_init_time_data),
        TEST(refuses_a_frame_without_its_certificates),
        TEST(refuses_what_lacks_a_part),
        TEST(a_trust_domain_has_the_claims_of_its_quote),
        TEST(refuses_a_trust_domain_with_the_quote_of_another),
    };
    return cmocka_run_group_tests(tests, start, end);
}
