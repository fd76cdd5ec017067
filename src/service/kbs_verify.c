#include "service/kbs_verify.h"

#include "base/base64.h"
#include "format/json.h"
#include "service/kbs_evidence.h"

/* --- SEV-SNP ---------------------------------------------------------------------------------- */

/* Guests of hosts that give no certificates send null. */
static int complete(struct kbs_snp_evidence *given, const struct maa_trust *trust,
                    struct error *err)
{
    struct snp_report report;
    struct span bytes = span_of(given->report, sizeof given->report);
    if (given->certificates.count > 0)
        return 0;
    if (snp_report_parse(bytes, &report, err) < 0)
        return -1;
    if (snp_files_find(trust->files, &report, &given->certificates, err) == 0)
        return 0;
    err->code = ERROR_REFUSED;
    return error_context(err, "cert_chain is null, and");
}

static int verify_report(struct kbs_snp_evidence *given, const struct kbs_attestation *attestation,
                         const struct maa_trust *trust, struct snp_result *out, struct error *err)
{
    struct snp_appraisal appraisal;
    maa_open_report(&appraisal);
    appraisal.report_data = attestation->report_data;
    if (attestation->has_init_data)
        appraisal.host_data = attestation->host_data;
    if (complete(given, trust, err) < 0)
        return -1;
    if (snp_chains_verify(trust->chains, &given->certificates,
                          span_of(given->report, sizeof given->report), trust->time, &appraisal,
                          out, err) < 0)
        return error_context(err, "cert_chain");
    return checks_verdict(&out->checks) == VERDICT_ACCEPTED ? 0 : maa_refuse(&out->checks, err);
}

int kbs_verify_snp(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct snp_report *report, struct error *err)
{
    struct kbs_snp_evidence given;
    struct snp_result snp;
    snp_result_init(&snp);
    checks_init(&result->checks);
    result->claims = NULL;
    int verified = kbs_snp_evidence_read(attestation->evidence, &given, err);
    if (verified < 0)
        (void)error_context(err, "tee-evidence: primary_evidence");
    else
        verified = verify_report(&given, attestation, trust, &snp, err);
    kbs_snp_evidence_fini(&given);
    checks_copy(&result->checks, &snp.checks);
    result->simulated = snp.simulated;
    *report = snp.report;
    if (verified < 0)
        return -1;
    result->claims = maa_snp_claims(&snp, NULL);
    return result->claims ? 0 : error_memory(err);
}

/* --- quotes ----------------------------------------------------------------------------------- */

/* What binds init-data. Both fields are longer than what counts of the digest: a SHA-256 is
 * followed by zeros. */
static const struct binding {
    enum dcap_field field;
    const char *name;
} bindings[] = {
    [DCAP_SGX] = {DCAP_CONFIGID, "CONFIGID"}, [DCAP_TDX] = {DCAP_MRCONFIGID, "MRCONFIGID"}};

struct verified {
    struct buf quote;
    struct dcap_result dcap;
    struct collateral_hashes hashes;
};

static int read_quote(const json_t *evidence, struct buf *quote, struct error *err)
{
    const char *text;
    if (!json_is_object(evidence))
        return error_set(err, ERROR_INVALID, "the evidence is %s, not an object",
                         json_kind(evidence));
    if (json_get_text(evidence, "quote", &text, err) < 0)
        return -1;
    return base64_decode(span_of_text(text), quote, err) < 0 ? error_context(err, "quote") : 0;
}

static int check_init_data(const struct kbs_attestation *attestation,
                           const struct dcap_quote *quote, enum dcap_tee tee, struct error *err)
{
    struct span config = dcap_quote_get(quote, bindings[tee].field);
    struct span digest = span_of(attestation->host_data, sizeof attestation->host_data);
    if (!attestation->has_init_data || span_equal(span_of(config.data, digest.size), digest))
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "init-data: %s does not begin with its digest: it is another's",
                     bindings[tee].name);
}

static int verify_quote(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                        enum dcap_tee tee, struct verified *out, struct error *err)
{
    struct dcap_appraisal appraisal;
    struct dcap_wanted *report_data = &appraisal.wanted[DCAP_REPORT_DATA];
    maa_open_quote(tee, trust, &appraisal);
    report_data->count = 1;
    memcpy(report_data->values[0], attestation->report_data, sizeof attestation->report_data);
    if (collaterals_verify(trust->collaterals, buf_span(&out->quote), trust->time, &appraisal,
                           &out->dcap, &out->hashes, err) < 0)
        return -1;
    if (checks_verdict(&out->dcap.checks) != VERDICT_ACCEPTED)
        return maa_refuse(&out->dcap.checks, err);
    if (maa_check_tcb_status(out->dcap.claims.status, trust, err) < 0)
        return -1;
    return check_init_data(attestation, &out->dcap.quote, tee, err);
}

static int verify_tee(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                      enum dcap_tee tee, struct maa_result *result, struct error *err)
{
    struct verified verified = {.quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX)};
    checks_init(&result->checks);
    result->claims = NULL;
    int status = read_quote(attestation->evidence, &verified.quote, err);
    if (status < 0) {
        (void)error_context(err, "tee-evidence: primary_evidence");
    } else {
        status = verify_quote(attestation, trust, tee, &verified, err);
        checks_copy(&result->checks, &verified.dcap.checks);
        result->simulated = verified.dcap.simulated;
    }
    if (status == 0 && tee == DCAP_SGX)
        status = maa_sgx_claims(&verified.dcap, &verified.hashes, buf_span(&verified.quote), result,
                                err);
    else if (status == 0)
        status = (result->claims = maa_tdx_claims(&verified.dcap, err)) ? 0 : -1;
    buf_fini(&verified.quote);
    return status;
}

int kbs_verify_tdx(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err)
{
    return verify_tee(attestation, trust, DCAP_TDX, result, err);
}

int kbs_verify_sgx(const struct kbs_attestation *attestation, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err)
{
    return verify_tee(attestation, trust, DCAP_SGX, result, err);
}
