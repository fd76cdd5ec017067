#include "service/kbs_verify.h"

#include "service/kbs_evidence.h"

static int verify(const struct kbs_snp_evidence *given, const struct kbs_attestation *attestation,
                  const struct maa_trust *trust, struct snp_result *out, struct error *err)
{
    struct snp_appraisal appraisal;
    maa_open_report(&appraisal);
    appraisal.report_data = attestation->report_data;
    if (attestation->has_init_data)
        appraisal.host_data = attestation->host_data;
    if (given->certificates.count == 0)
        return error_set(err, ERROR_REFUSED,
                         "cert_chain is null: the host gave its guest no certificates, and this "
                         "service has none for the processor");
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
    struct snp_result snp = {0};
    checks_init(&result->checks);
    result->claims = NULL;
    int verified = kbs_snp_evidence_read(attestation->evidence, &given, err);
    if (verified < 0)
        (void)error_context(err, "tee-evidence: primary_evidence");
    else
        verified = verify(&given, attestation, trust, &snp, err);
    kbs_snp_evidence_fini(&given);
    result->checks = snp.checks;
    result->simulated = snp.simulated;
    *report = snp.report;
    if (verified < 0)
        return -1;
    result->claims = maa_snp_claims(&snp, NULL);
    return result->claims ? 0 : error_memory(err);
}
