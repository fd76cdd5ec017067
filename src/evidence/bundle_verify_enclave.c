#include "evidence/bundle_verify_enclave.h"

#include "evidence/bundle_checks.h"
#include "evidence/enclave_mark.h"

static const struct check_rule rule_tee = {
    "tee", "docs/evidence.md",
    "the bundle calls itself what its root is not: neither simulated nor real evidence may pass "
    "for the other"};

static void want(struct dcap_appraisal *appraisal, enum dcap_field field, const uint8_t *value,
                 size_t size)
{
    appraisal->wanted[field].count = 1;
    memcpy(appraisal->wanted[field].values[0], value, size);
}

static void check_tee(const struct bundle *bundle, struct dcap_result *result)
{
    bool simulated = bundle->tee == BUNDLE_TEE_SGX_SIMULATED;
    (void)checks_judge(&result->checks, &rule_tee,
                       bundle_is_of_enclave(bundle) && simulated == result->simulated,
                       result->simulated ? "sgx-simulated, as the root"
                                         : "sgx, for the root is no simulated one that was named",
                       bundle_tee_name(bundle->tee));
}

enum verdict bundle_verify_enclave(const struct bundle *bundle,
                                   const struct enclave_expectation *expectation,
                                   struct dcap_result *result)
{
    struct dcap_appraisal appraisal = {.tee = DCAP_SGX};
    uint8_t config_id[SHA256_SIZE];
    uint8_t report_data[REPORT_DATA_SIZE];
    RUNTIME_STATEMENT_AUTO found;
    struct error unread = {0};
    memset(result, 0, sizeof *result);
    (void)runtime_statement_read(buf_span(&bundle->runtime_data), &found, &unread);
    /* Only a nonce of impossible size fails here; then nothing has been checked: refused. */
    if (bundle_expect_report_data(expectation->nonce, &found.data, report_data) < 0)
        return VERDICT_REFUSED;
    enclave_mark_set(report_data);
    sha256_digest(expectation->policy, config_id);
    want(&appraisal, DCAP_REPORT_DATA, report_data, sizeof report_data);
    want(&appraisal, DCAP_CONFIGID, config_id, sizeof config_id); /* then zeros */
    want(&appraisal, DCAP_MRENCLAVE, expectation->mrenclave, SHA256_SIZE);
    (void)dcap_verify(buf_span(&bundle->report), expectation->collateral, expectation->options,
                      &appraisal, result);
    check_tee(bundle, result);
    bundle_check_policy(bundle, config_id, &result->checks);
    bundle_check_nonce(&found.data, &unread, expectation->nonce, &result->checks);
    bundle_check_containers(&found.data, expectation->partial, &result->checks);
    fragment_demands_check(&expectation->fragments, &found.data, &result->checks);
    return checks_verdict(&result->checks);
}
