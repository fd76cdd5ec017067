/* Azure's confidential machines: the HCL report with the processor's in it (evidence/hcl.h), and a
 * quote of the vTPM that says it runs now; to x-ms-isolation-tee and what the report's claims say.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "evidence/hcl_verify.h"
#include "format/json.h"
#include "service/maa_claims.h"

#define PCRS_MAX (TPM_PCR_COUNT * TPM_PCR_SIZE)

/* {"HclReport", "VcekCertChain" or "TdQuote", "TpmQuote", "TpmSignature", "Pcrs"}: base64url each.
 */
struct hcl_parts {
    struct buf frame, chain, td_quote, quote, signature, pcrs;
    struct snp_certificates certificates;
};

/* A machine, verified. */
struct machine {
    const struct maa_request *request;
    const struct maa_trust *trust;
    struct hcl_parts parts;
    uint8_t nonce[SHA256_SIZE];
    struct dcap_result td;
    struct hcl_result hcl;
};

static void machine_init(struct machine *machine)
{
    buf_init(&machine->parts.frame, HCL_SIZE_MAX);
    buf_init(&machine->parts.chain, SNP_CERTIFICATES_SIZE_MAX);
    buf_init(&machine->parts.td_quote, DCAP_QUOTE_SIZE_MAX);
    buf_init(&machine->parts.quote, TPM_QUOTE_MAX);
    buf_init(&machine->parts.signature, TPM_SIGNATURE_MAX);
    buf_init(&machine->parts.pcrs, PCRS_MAX);
    snp_certificates_init(&machine->parts.certificates);
}

static void machine_free(struct machine *machine)
{
    buf_fini(&machine->parts.frame);
    buf_fini(&machine->parts.chain);
    buf_fini(&machine->parts.td_quote);
    buf_fini(&machine->parts.quote);
    buf_fini(&machine->parts.signature);
    buf_fini(&machine->parts.pcrs);
    snp_certificates_fini(&machine->parts.certificates);
    free(machine);
}

static int find_bytes(const struct value *object, const char *key, struct buf *out,
                      struct error *err)
{
    return value_member(object, key) ? maa_get_bytes(object, key, out, err) : 0;
}

static int read_parts(struct span evidence, struct hcl_parts *parts, struct error *err)
{
    MAA_ARENA_AUTO arena = {0};
    struct value object;
    if (maa_read_object(evidence, 2, &arena, &object, err) < 0 ||
        maa_get_bytes(&object, "HclReport", &parts->frame, err) < 0 ||
        maa_get_bytes(&object, "TpmQuote", &parts->quote, err) < 0 ||
        maa_get_bytes(&object, "TpmSignature", &parts->signature, err) < 0 ||
        find_bytes(&object, "Pcrs", &parts->pcrs, err) < 0 ||
        find_bytes(&object, "VcekCertChain", &parts->chain, err) < 0 ||
        find_bytes(&object, "TdQuote", &parts->td_quote, err) < 0)
        return error_context(err, "data");
    if (parts->chain.size > 0 &&
        snp_certificates_add(&parts->certificates, buf_span(&parts->chain), err) < 0)
        return error_context(err, "data: VcekCertChain");
    return 0;
}

/* --- verification ----------------------------------------------------------------------------- */

/* What Intel's key says of the trust domain in which the machine runs. */
static int verify_td(struct machine *machine, struct hcl_td_quote *out, struct error *err)
{
    struct collateral_hashes hashes;
    struct dcap_appraisal appraisal;
    maa_open_quote(DCAP_TDX, machine->trust, &appraisal);
    if (collaterals_verify(machine->trust->collaterals, buf_span(&machine->parts.td_quote),
                           machine->trust->time, &appraisal, &machine->td, &hashes, err) < 0)
        return error_context(err, "data: TdQuote");
    *out = hcl_td_quote_of(&machine->td, checks_verdict(&machine->td.checks));
    return out->verdict == VERDICT_ACCEPTED
               ? maa_check_tcb_status(machine->td.claims.status, machine->trust, err)
               : 0; /* its checks refuse the whole */
}

static int verify(struct machine *machine, struct error *err)
{
    const struct hcl_parts *parts = &machine->parts;
    struct span chain[SNP_CHAIN_LENGTH] = {{0}};
    struct hcl_td_quote td_quote;
    bool has_chain = parts->certificates.count > 0, has_td = parts->td_quote.size > 0;
    if (has_chain && snp_certificates_order(&parts->certificates, chain, err) < 0)
        return error_context(err, "data: VcekCertChain");
    if (has_td && verify_td(machine, &td_quote, err) < 0)
        return -1;
    const struct hcl_evidence evidence = {
        .report = buf_span(&parts->frame),
        .certificates = chain,
        .certificate_count = has_chain ? SNP_CHAIN_LENGTH : 0,
        .td_quote = has_td ? &td_quote : NULL,
        .quote = {buf_span(&parts->quote), buf_span(&parts->signature), buf_span(&parts->pcrs)}};
    struct hcl_expectation expectation = {
        .quote = {.nonce = span_of(machine->nonce, sizeof machine->nonce)}};
    maa_open_report(&expectation.snp); /* at VMPL 0: below it is the guest, which names any key */
    snp_chains_options(machine->trust->chains, machine->trust->time, &expectation.chain);
    return hcl_verify(&evidence, &expectation, &machine->hcl) == VERDICT_ACCEPTED
               ? 0
               : maa_refuse(&machine->hcl.snp.checks, err);
}

/* --- claims ----------------------------------------------------------------------------------- */

/* The processor's part, with the frame's claims as its x-ms-runtime. */
static json_t *isolation_claims(const struct machine *machine, struct error *err)
{
    static const struct json_limits limits = {.size = HCL_SIZE_MAX, .depth = 16};
    json_t *claims = machine->hcl.report.kind == HCL_TDX ? maa_tdx_claims(&machine->td, err)
                                                         : maa_snp_claims(&machine->hcl.snp, NULL);
    json_t *runtime = json_parse(machine->hcl.report.runtime_data, &limits, err);
    if (!claims || !runtime || json_object_set(claims, "x-ms-runtime", runtime) < 0) {
        json_decref(claims);
        claims = NULL;
    }
    json_decref(runtime);
    return claims;
}

/* {"0": hex, …}: those that were sent; a quote vouches for their values. */
static json_t *pcr_claims(const struct machine *machine)
{
    json_t *claims = json_object();
    size_t at = 0;
    for (unsigned i = 0; claims && i < TPM_PCR_COUNT; i++) {
        char name[8];
        if (!(machine->hcl.quote.pcrs >> i & 1))
            continue;
        (void)snprintf(name, sizeof name, "%u", i);
        if (!maa_add_hex(claims, name, span_of(machine->parts.pcrs.data + at, TPM_PCR_SIZE))) {
            json_decref(claims);
            return NULL;
        }
        at += TPM_PCR_SIZE;
    }
    return claims;
}

static json_t *make_claims(const struct machine *machine, struct error *err)
{
    json_auto_t *isolation = isolation_claims(machine, err);
    json_auto_t *claims = isolation ? json_pack("{s:s, s:O, s:b, s:s}", "x-ms-attestation-type",
                                                "azurevm", "x-ms-isolation-tee", isolation,
                                                "secureboot", machine->hcl.claims.secure_boot,
                                                "x-ms-azurevm-vmid", machine->hcl.claims.vm_id)
                                    : NULL;
    bool good = claims != NULL;
    if (good && machine->parts.pcrs.size > 0) {
        json_t *pcrs = pcr_claims(machine);
        good = pcrs && json_object_set_new(claims, "caisson-tpm-pcrs", pcrs) == 0;
    }
    if (good)
        return json_incref(claims);
    if (err->code == ERROR_NONE)
        (void)error_memory(err);
    return NULL;
}

static int judge(struct machine *machine, struct maa_result *result, struct error *err)
{
    const struct maa_request *request = machine->request;
    if (read_parts(buf_span(&request->evidence), &machine->parts, err) < 0)
        return -1;
    if (!request->runtime.is_there || request->init.is_there)
        return error_set(err, ERROR_INVALID,
                         "runtimeData is what the vTPM's quote binds, and has to be there; "
                         "initTimeData is not bound by it");
    sha256_digest(buf_span(&request->runtime.bytes), machine->nonce);
    int verified = verify(machine, err);
    checks_copy(&result->checks, &machine->hcl.snp.checks);
    result->simulated = machine->hcl.snp.simulated;
    if (verified < 0)
        return -1;
    result->claims = make_claims(machine, err);
    return result->claims ? 0 : -1;
}

int maa_verify_hcl(const struct maa_request *request, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err)
{
    struct machine *machine = calloc(1, sizeof *machine); /* too much for a stack */
    checks_init(&result->checks);
    result->claims = result->older = NULL;
    if (!machine)
        return error_memory(err);
    machine->request = request;
    machine->trust = trust;
    machine_init(machine);
    int outcome = judge(machine, result, err);
    machine_free(machine);
    return outcome;
}
