/* Quotes of SGX and TDX, exported. */
#include <stdlib.h>

#include "api/quote_input.h"
#include "api/snp_input.h"

_Static_assert((int)CAISSON_TCB_UNKNOWN == (int)TCB_UNKNOWN &&
                   (int)CAISSON_TCB_UP_TO_DATE == (int)TCB_UP_TO_DATE &&
                   (int)CAISSON_TCB_SW_HARDENING_NEEDED == (int)TCB_SW_HARDENING_NEEDED &&
                   (int)CAISSON_TCB_CONFIGURATION_NEEDED == (int)TCB_CONFIGURATION_NEEDED &&
                   (int)CAISSON_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ==
                       (int)TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED &&
                   (int)CAISSON_TCB_OUT_OF_DATE == (int)TCB_OUT_OF_DATE &&
                   (int)CAISSON_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ==
                       (int)TCB_OUT_OF_DATE_CONFIGURATION_NEEDED &&
                   (int)CAISSON_TCB_REVOKED == (int)TCB_REVOKED && TCB_STATUS_COUNT == 8,
               "the statuses agree");

/* --- collateral ------------------------------------------------------------------------------- */

static bool has_pieces(const struct caisson_collateral_input *in)
{
    return in->pck_crl_issuer_chain.size > 0 || in->root_ca_crl.size > 0 || in->pck_crl.size > 0 ||
           in->tcb_info_issuer_chain.size > 0 || in->tcb_info.size > 0 ||
           in->tcb_info_signature.size > 0 || in->qe_identity_issuer_chain.size > 0 ||
           in->qe_identity.size > 0 || in->qe_identity_signature.size > 0 ||
           in->pck_certificate_chain.size > 0;
}

static int take_signature(struct caisson_bytes given, const char *name,
                          uint8_t out[P256_SIGNATURE_SIZE], struct error *err)
{
    if (given.size != P256_SIGNATURE_SIZE)
        return error_set(err, ERROR_USAGE, "%s has %zu bytes and not %d", name, given.size,
                         P256_SIGNATURE_SIZE);
    memcpy(out, given.data, P256_SIGNATURE_SIZE);
    return 0;
}

static int take_parts(const struct caisson_collateral_input *in, struct dcap_parts *out,
                      struct error *err)
{
    if (in->document.size > 0 && has_pieces(in))
        return error_set(err, ERROR_USAGE, "give a document of collateral or its pieces, not both");
    if (in->document.size > 0) {
        if (dcap_parts_parse(span_of_bytes(in->document), out, err) < 0)
            return error_context(err, "document");
        return 0;
    }
    *out = (struct dcap_parts){
        .pck_crl_issuer_chain = span_of_bytes(in->pck_crl_issuer_chain),
        .root_ca_crl = span_of_bytes(in->root_ca_crl),
        .pck_crl = span_of_bytes(in->pck_crl),
        .tcb_info_issuer_chain = span_of_bytes(in->tcb_info_issuer_chain),
        .tcb_info = span_of_bytes(in->tcb_info),
        .qe_identity_issuer_chain = span_of_bytes(in->qe_identity_issuer_chain),
        .qe_identity = span_of_bytes(in->qe_identity),
        .pck_certificate_chain = span_of_bytes(in->pck_certificate_chain),
    };
    if (take_signature(in->tcb_info_signature, "tcb_info_signature", out->tcb_info_signature, err) <
        0)
        return -1;
    return take_signature(in->qe_identity_signature, "qe_identity_signature",
                          out->qe_identity_signature, err);
}

static struct dcap_collateral *check(const struct caisson_collateral_input *in,
                                     const struct dcap_parts *parts, struct caisson_result *result)
{
    struct trusted_root roots[ROOTS_MAX];
    if (input_take_roots(in->roots, in->root_count, roots, &result->error) < 0)
        return NULL;
    const struct dcap_options options = {in->time, roots, in->root_count};
    struct dcap_collateral *checked = dcap_collateral_new(parts, &options, &result->checks);
    result->kind = RESULT_COLLATERAL;
    if (checked)
        checks_complete(&result->checks);
    result->verdict = checks_verdict(&result->checks);
    return checked;
}

struct caisson_collateral *caisson_collateral_new(const struct caisson_collateral_input *input,
                                                  struct caisson_result *result)
{
    struct caisson_collateral_input in;
    struct dcap_parts parts = {0};
    result_reset(result);
    struct caisson_collateral *collateral = calloc(1, sizeof *collateral);
    if (!collateral)
        (void)error_memory(&result->error);
    else if (input_take(&in, sizeof in, input, "caisson_collateral_input", &result->error) == 0 &&
             take_parts(&in, &parts, &result->error) == 0)
        collateral->checked = check(&in, &parts, result);
    dcap_parts_fini(&parts);
    if (collateral && collateral->checked)
        return collateral;
    free(collateral);
    return NULL;
}

void caisson_collateral_free(struct caisson_collateral *collateral)
{
    if (!collateral)
        return;
    dcap_collateral_free(collateral->checked);
    free(collateral);
}

/* --- quotes ----------------------------------------------------------------------------------- */

static int verify(const struct caisson_quote_input *given, struct caisson_result *result,
                  struct error *err)
{
    struct caisson_quote_input in;
    struct dcap_appraisal appraisal;
    if (input_take(&in, sizeof in, given, "caisson_quote_input", err) < 0 ||
        input_take_quote_appraisal(in.appraisal, in.appraisal_file, &appraisal, err) < 0)
        return -1;
    if (!in.collateral)
        return error_set(err, ERROR_USAGE,
                         "no collateral was given: caisson_collateral_new() makes it");
    result->verdict = result_verify_quote(in.quote, in.collateral, &appraisal, result);
    return 0;
}

enum caisson_verdict caisson_verify_quote(const struct caisson_quote_input *input,
                                          struct caisson_result *result)
{
    result_reset(result);
    if (verify(input, result, &result->error) == 0)
        result->kind = RESULT_QUOTE;
    return caisson_result_verdict(result);
}

static bool is_accepted(const struct caisson_result *result)
{
    return result->has_quote && result->verdict == VERDICT_ACCEPTED;
}

static void get_enclave(const struct dcap_quote *quote, struct caisson_quote_claims *out)
{
    out->mrenclave = dcap_quote_get(quote, DCAP_MRENCLAVE).data;
    out->mrsigner = dcap_quote_get(quote, DCAP_MRSIGNER).data;
    out->configid = dcap_quote_get(quote, DCAP_CONFIGID).data;
    out->attributes = dcap_quote_get(quote, DCAP_ATTRIBUTES).data;
    out->cpusvn = dcap_quote_get(quote, DCAP_CPUSVN).data;
    out->isvfamilyid = dcap_quote_get(quote, DCAP_ISVFAMILYID).data;
    out->isvextprodid = dcap_quote_get(quote, DCAP_ISVEXTPRODID).data;
    out->isvprodid = dcap_report_get_u16(quote->body, quote->report, DCAP_ISVPRODID);
    out->isvsvn = dcap_report_get_u16(quote->body, quote->report, DCAP_ISVSVN);
    out->configsvn = dcap_report_get_u16(quote->body, quote->report, DCAP_CONFIGSVN);
}

static void get_trust_domain(const struct dcap_quote *quote, struct caisson_quote_claims *out)
{
    static const enum dcap_field rtmrs[] = {DCAP_RTMR0, DCAP_RTMR1, DCAP_RTMR2, DCAP_RTMR3};
    out->mrtd = dcap_quote_get(quote, DCAP_MRTD).data;
    for (size_t i = 0; i < sizeof rtmrs / sizeof *rtmrs; i++)
        out->rtmrs[i] = dcap_quote_get(quote, rtmrs[i]).data;
    out->mrconfigid = dcap_quote_get(quote, DCAP_MRCONFIGID).data;
    out->mrowner = dcap_quote_get(quote, DCAP_MROWNER).data;
    out->mrownerconfig = dcap_quote_get(quote, DCAP_MROWNERCONFIG).data;
    out->mrseam = dcap_quote_get(quote, DCAP_MRSEAM).data;
    out->mrservicetd = dcap_quote_get(quote, DCAP_MRSERVICETD).data;
    out->tdattributes = dcap_quote_get(quote, DCAP_TDATTRIBUTES).data;
    out->xfam = dcap_quote_get(quote, DCAP_XFAM).data;
    out->tee_tcb_svn = dcap_quote_get(quote, DCAP_TEE_TCB_SVN).data;
}

bool caisson_result_get_quote(const struct caisson_result *result, struct caisson_quote_claims *out)
{
    const struct dcap_quote *quote = &result->quote.quote;
    const struct dcap_claims *claims = &result->quote.claims;
    if (!is_accepted(result))
        return false;
    *out = (struct caisson_quote_claims){
        .version = quote->version,
        .tee = dcap_body_is_td(quote->body) ? CAISSON_TEE_TDX : CAISSON_TEE_SGX,
        .debug = dcap_is_debug(quote),
        .report_data = dcap_quote_get(quote, DCAP_REPORT_DATA).data,
        .fmspc = result->quote.pck.fmspc,
        .pceid = result->quote.pck.pceid,
        .ppid = result->quote.pck.ppid,
        .status = (enum caisson_tcb_status)claims->status,
        .platform_status = (enum caisson_tcb_status)claims->platform_status,
        .qe_status = (enum caisson_tcb_status)claims->qe_status,
        .module_status = (enum caisson_tcb_status)claims->module_status,
        .tcb_date = claims->tcb_date,
        .tcb_evaluation = claims->tcb_evaluation,
        .qe_evaluation = claims->qe_evaluation,
    };
    if (dcap_body_is_td(quote->body))
        get_trust_domain(quote, out);
    else
        get_enclave(quote, out);
    return true;
}

const char *caisson_result_get_advisory(const struct caisson_result *result, size_t index)
{
    if (!is_accepted(result) || index >= result->quote.claims.advisory_count)
        return NULL;
    return result->quote.claims.advisories[index];
}
