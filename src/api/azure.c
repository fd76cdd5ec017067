/* What Azure's machines hand out, exported. */
#include "api/quote_input.h"
#include "api/snp_input.h"

_Static_assert(sizeof(((struct caisson_pcr *)NULL)->value) == TPM_PCR_SIZE, "as the header says");

/* --- HCL reports ------------------------------------------------------------------------------ */

/* An input, taken over. */
struct taken {
    struct caisson_hcl_input in;
    enum hcl_kind kind; /* 0 where the frame can't be read */
    struct snp_certificates certificates;
    struct span chain[SNP_CHAIN_LENGTH];
    bool has_chain;
    struct trusted_root roots[ROOTS_MAX];
    struct snp_appraisal_file snp;
    struct dcap_appraisal td;
    struct tpm_pcr pcrs[TPM_PCR_COUNT];
};

static void taken_fini(struct taken *taken)
{
    snp_certificates_fini(&taken->certificates);
    snp_appraisal_file_fini(&taken->snp);
}
#define TAKEN_AUTO __attribute__((cleanup(taken_fini))) struct taken

static int take_pcrs(struct taken *taken, struct error *err)
{
    const struct caisson_hcl_input *in = &taken->in;
    if (in->pcr_count > TPM_PCR_COUNT || (in->pcr_count > 0 && !in->pcrs))
        return error_set(err, ERROR_USAGE, "%zu PCRs were given; up to %d can be", in->pcr_count,
                         TPM_PCR_COUNT);
    for (size_t i = 0; i < in->pcr_count; i++) {
        if (in->pcrs[i].index >= TPM_PCR_COUNT)
            return error_set(err, ERROR_USAGE, "there is no PCR %u", in->pcrs[i].index);
        taken->pcrs[i].index = in->pcrs[i].index;
        memcpy(taken->pcrs[i].value, in->pcrs[i].value, TPM_PCR_SIZE);
    }
    return 0;
}

static int take_tpm(struct taken *taken, struct error *err)
{
    const struct caisson_hcl_input *in = &taken->in;
    bool quoted = in->tpm_quote.size > 0;
    if (quoted && (in->tpm_signature.size == 0 || in->tpm_nonce.size == 0))
        return error_set(err, ERROR_USAGE, "a quote of the vTPM wants its signature and its nonce");
    if (in->tpm_nonce.size > TPM_NONCE_MAX)
        return error_set(err, ERROR_USAGE, "the nonce has %zu bytes; up to %d can be",
                         in->tpm_nonce.size, TPM_NONCE_MAX);
    return take_pcrs(taken, err);
}

static int take_snp(struct taken *taken, struct error *err)
{
    const struct caisson_hcl_input *in = &taken->in;
    if (in->td_quote.size > 0 || in->td_appraisal)
        return error_set(err, ERROR_USAGE,
                         "the frame holds an SEV-SNP report: a TD quote and its "
                         "appraisal have no place here");
    if (input_take_snp_appraisal(in->snp_appraisal, in->appraisal_file, &taken->snp, err) < 0)
        return -1;
    if (in->certificate_count == 0)
        return 0;
    taken->has_chain = true;
    if (input_check_certificates(in->certificates, in->certificate_count, err) < 0)
        return -1;
    return input_order_certificates(in->certificates, in->certificate_count, &taken->certificates,
                                    taken->chain, err);
}

static int take_td(struct taken *taken, struct error *err)
{
    const struct caisson_hcl_input *in = &taken->in;
    if (in->snp_appraisal)
        return error_set(err, ERROR_USAGE, "the frame holds a TDREPORT: give a TD's appraisal");
    if ((in->td_quote.size > 0) != (in->td_collateral != NULL))
        return error_set(err, ERROR_USAGE, "a TD quote and its collateral go together");
    if (input_take_quote_appraisal(in->td_appraisal, in->appraisal_file, &taken->td, err) < 0)
        return -1;
    if (taken->td.tee == DCAP_SGX)
        return error_set(err, ERROR_USAGE,
                         "the appraisal wants an enclave, and the frame holds a "
                         "TDREPORT");
    taken->td.tee = DCAP_TDX;
    return 0;
}

static int take(const struct caisson_hcl_input *input, struct taken *taken, struct error *err)
{
    struct hcl_report report;
    if (input_take(&taken->in, sizeof taken->in, input, "caisson_hcl_input", err) < 0 ||
        input_take_roots(taken->in.roots, taken->in.root_count, taken->roots, err) < 0 ||
        take_tpm(taken, err) < 0)
        return -1;
    if (hcl_parse(span_of_bytes(taken->in.report), &report, NULL) < 0)
        return 0; /* a check will say so */
    taken->kind = report.kind;
    return report.kind == HCL_TDX ? take_td(taken, err) : take_snp(taken, err);
}

static struct hcl_expectation expectation_of(const struct taken *taken)
{
    const struct caisson_hcl_input *in = &taken->in;
    return (struct hcl_expectation){
        .chain = {.time = in->time,
                  .roots = taken->roots,
                  .root_count = in->root_count,
                  .crl = span_of_bytes(in->crl),
                  .require_crl = in->require_crl,
                  .allow_stale_crl = in->allow_stale_crl},
        .snp = taken->snp.appraisal,
        .quote = {span_of_bytes(in->tpm_nonce), taken->pcrs, in->pcr_count},
    };
}

static void verify_hcl(const struct taken *taken, struct caisson_result *result)
{
    const struct caisson_hcl_input *in = &taken->in;
    struct hcl_td_quote td_quote;
    bool has_td = taken->kind == HCL_TDX && in->td_quote.size > 0;
    if (has_td) {
        enum verdict verdict = result_verify_quote(in->td_quote, in->td_collateral, &taken->td,
                                                   result);
        td_quote = hcl_td_quote_of(&result->quote, verdict);
    }
    const struct hcl_evidence evidence = {
        .report = span_of_bytes(in->report),
        .certificates = taken->chain,
        .certificate_count = taken->has_chain ? SNP_CHAIN_LENGTH : 0,
        .td_quote = has_td ? &td_quote : NULL,
        .quote = {span_of_bytes(in->tpm_quote), span_of_bytes(in->tpm_signature),
                  span_of_bytes(in->tpm_pcrs)}};
    const struct hcl_expectation expectation = expectation_of(taken);
    result->verdict = hcl_verify(&evidence, &expectation, &result->of.hcl);
}

enum caisson_verdict caisson_verify_hcl(const struct caisson_hcl_input *input,
                                        struct caisson_result *result)
{
    TAKEN_AUTO taken = {0};
    snp_certificates_init(&taken.certificates);
    result_reset(result);
    if (take(input, &taken, &result->error) < 0)
        return CAISSON_REFUSED;
    verify_hcl(&taken, result);
    result->kind = RESULT_HCL;
    return caisson_result_verdict(result);
}

bool caisson_result_get_hcl(const struct caisson_result *result, struct caisson_hcl_claims *out)
{
    const struct hcl_result *hcl = &result->of.hcl;
    if (result->kind != RESULT_HCL || result->verdict != VERDICT_ACCEPTED)
        return false;
    *out = (struct caisson_hcl_claims){
        .is_tdx = hcl->report.kind == HCL_TDX,
        .vm_id = hcl->claims.vm_id,
        .secure_boot = hcl->claims.secure_boot,
        .user_data = hcl->claims.has_user_data ? hcl->claims.user_data : NULL,
        .attestation_key_modulus = {hcl->claims.modulus, hcl->claims.modulus_size},
        .attestation_key_exponent = {hcl->claims.exponent, hcl->claims.exponent_size},
        .is_quoted = hcl->has_quote,
        .quoted_pcrs = hcl->has_quote ? hcl->quote.pcrs : 0,
    };
    return true;
}

/* --- ACI -------------------------------------------------------------------------------------- */

static void verify_aci(const struct caisson_aci_input *in, const struct trusted_root *roots,
                       const struct snp_appraisal *appraisal, struct caisson_result *result)
{
    const struct aci_evidence evidence = {
        .report = span_of_bytes(in->report),
        .host_certificates = span_of_bytes(in->host_certificates),
        .reference_info = span_of_bytes(in->reference_info),
        .policy = span_of_bytes(in->policy),
        .runtime_data = span_of_bytes(in->runtime_data),
    };
    const struct aci_expectation expectation = {
        .chain = {.time = in->time,
                  .roots = roots,
                  .root_count = in->root_count,
                  .crl = span_of_bytes(in->crl),
                  .require_crl = in->require_crl,
                  .allow_stale_crl = in->allow_stale_crl},
        .snp = *appraisal,
        .uvm = {.time = in->endorsement_time ? in->endorsement_time : in->time,
                .at_signing_time = in->at_signing_time,
                .issuer = in->issuer,
                .feed = in->feed,
                .minimum_svn = in->minimum_svn},
        .policy = span_of_bytes(in->expected_policy),
    };
    result->verdict = aci_verify(&evidence, &expectation, &result->of.aci);
    result->kind = RESULT_ACI;
}

enum caisson_verdict caisson_verify_aci(const struct caisson_aci_input *input,
                                        struct caisson_result *result)
{
    struct caisson_aci_input in;
    struct trusted_root roots[ROOTS_MAX];
    SNP_APPRAISAL_FILE_AUTO wishes = {0};
    result_reset(result);
    if (input_take(&in, sizeof in, input, "caisson_aci_input", &result->error) == 0 &&
        input_take_roots(in.roots, in.root_count, roots, &result->error) == 0 &&
        input_take_snp_appraisal(in.appraisal, in.appraisal_file, &wishes, &result->error) == 0)
        verify_aci(&in, roots, &wishes.appraisal, result);
    return caisson_result_verdict(result);
}
