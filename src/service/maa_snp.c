/* SEV-SNP: {"SnpReport", "VcekCertChain", "Endorsements"} to x-ms-sevsnpvm-… */
#include <stdio.h>

#include "base/hex.h"
#include "evidence/uvm_endorsement.h"
#include "format/json.h"
#include "service/maa_claims.h"

#define ENDORSEMENT_MAX ((size_t)128 << 10) /* bytes of a COSE message */

struct snp_parts {
    struct buf report;
    struct snp_certificates certificates;
    struct buf endorsement; /* the COSE message; empty where there is none */
};

static void parts_fini(struct snp_parts *parts)
{
    buf_fini(&parts->report);
    snp_certificates_fini(&parts->certificates);
    buf_fini(&parts->endorsement);
}
#define PARTS_AUTO __attribute__((cleanup(parts_fini))) struct snp_parts

/* "Endorsements": base64url of {"Uvm": [base64url of a COSE_Sign1]}, of which one is taken. */
static int read_endorsement(const struct value *object, struct snp_parts *parts, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(MAA_EVIDENCE_MAX);
    MAA_ARENA_AUTO arena = {0};
    struct value endorsements;
    if (!value_member(object, "Endorsements"))
        return 0;
    if (maa_get_bytes(object, "Endorsements", &text, err) < 0)
        return -1;
    if (maa_read_object(buf_span(&text), 4, &arena, &endorsements, err) < 0)
        return error_context(err, "Endorsements");
    const struct value *list = value_member(&endorsements, "Uvm");
    if (!list || (list->kind == VALUE_ARRAY && list->count == 0))
        return 0;
    if (list->kind != VALUE_ARRAY || list->first->kind != VALUE_TEXT)
        return error_set(err, ERROR_INVALID, "Endorsements: Uvm is no list of texts");
    if (list->count > 1)
        return error_set(err, ERROR_LIMIT, "Endorsements: Uvm holds %u messages; one is taken",
                         list->count);
    return maa_decode(span_of_text(list->first->text), &parts->endorsement, err) < 0
               ? error_context(err, "Endorsements: Uvm")
               : 0;
}

static int read_parts(struct span evidence, struct snp_parts *parts, struct error *err)
{
    BUF_AUTO chain = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    MAA_ARENA_AUTO arena = {0};
    struct value object;
    if (maa_read_object(evidence, 4, &arena, &object, err) < 0)
        return error_context(err, "report");
    if (maa_get_bytes(&object, "SnpReport", &parts->report, err) < 0 ||
        maa_get_bytes(&object, "VcekCertChain", &chain, err) < 0)
        return error_context(err, "report");
    if (snp_certificates_add(&parts->certificates, buf_span(&chain), err) < 0)
        return error_context(err, "report: VcekCertChain");
    return read_endorsement(&object, parts, err) < 0 ? error_context(err, "report") : 0;
}

/* --- claims ----------------------------------------------------------------------------------- */

#define NAME(short_name) "x-ms-sevsnpvm-" short_name

#define ADD_HEX(name, member)                                                                      \
    maa_add_hex(claims, NAME(name), span_of(report->member, sizeof report->member))

static bool add_identity(json_t *claims, const struct snp_report *report)
{
    return ADD_HEX("authorkeydigest", author_key_digest) && ADD_HEX("familyId", family_id) &&
           ADD_HEX("hostdata", host_data) && ADD_HEX("idkeydigest", id_key_digest) &&
           ADD_HEX("imageId", image_id) && ADD_HEX("launchmeasurement", measurement) &&
           ADD_HEX("reportdata", report_data) && ADD_HEX("reportid", report_id) &&
           maa_add_number(claims, NAME("guestsvn"), report->guest_svn) &&
           maa_add_number(claims, NAME("vmpl"), report->vmpl);
}

static bool add_policy(json_t *claims, const struct snp_report *report)
{
    return maa_add_flag(claims, NAME("is-debuggable"), report->policy & SNP_POLICY_DEBUG) &&
           maa_add_flag(claims, NAME("migration-allowed"),
                        report->policy & SNP_POLICY_MIGRATE_MA) &&
           maa_add_flag(claims, NAME("smt-allowed"), report->policy & SNP_POLICY_SMT);
}

/* The security versions of REPORTED_TCB, by the generation's order of its bytes. */
static bool add_versions(json_t *claims, const struct snp_result *snp)
{
    static const struct {
        enum snp_tcb_part part;
        const char *name;
    } versions[] = {
        {SNP_TCB_BOOTLOADER, NAME("bootloader-svn")},
        {SNP_TCB_MICROCODE, NAME("microcode-svn")},
        {SNP_TCB_SNP, NAME("snpfw-svn")},
        {SNP_TCB_TEE, NAME("tee-svn")},
        {SNP_TCB_FMC, NAME("fmc-svn")},
    };
    const struct snp_product *product = snp->product
                                            ? snp_product_by_name(span_of_text(snp->product))
                                            : NULL;
    for (size_t i = 0; product && i < sizeof versions / sizeof versions[0]; i++) {
        int at = product->tcb_at[versions[i].part];
        if (at != SNP_TCB_NOWHERE &&
            !maa_add_number(claims, versions[i].name, snp->report.reported_tcb[at]))
            return false;
    }
    return true;
}

/* In the form of MAA's tokens: the guest's svn is text there. */
static bool add_endorsement(json_t *claims, const struct uvm_endorsement *uvm)
{
    char svn[24];
    (void)snprintf(svn, sizeof svn, "%llu", (unsigned long long)uvm->svn);
    json_t *object = json_pack("{s:s, s:s, s:s}", "x-ms-sevsnpvm-guestsvn", svn, "issuer",
                               uvm->issuer, "feed", uvm->feed);
    return object &&
           maa_add_hex(object, NAME("launchmeasurement"),
                       span_of(uvm->measurement, sizeof uvm->measurement)) &&
           json_object_set_new(claims, NAME("uvm-endorsement"), object) == 0 &&
           json_object_set_new(claims, "x-ms-compliance-status",
                               json_string("azure-compliant-uvm")) == 0;
}

json_t *maa_snp_claims(const struct snp_result *snp, const struct uvm_endorsement *uvm)
{
    json_t *claims = json_pack("{s:s}", "x-ms-attestation-type", "sevsnpvm");
    if (claims && add_identity(claims, &snp->report) && add_policy(claims, &snp->report) &&
        add_versions(claims, snp) && (!uvm || add_endorsement(claims, uvm)))
        return claims;
    json_decref(claims);
    return NULL;
}

/* --- verification ----------------------------------------------------------------------------- */

void maa_open_report(struct snp_appraisal *out)
{
    *out = (struct snp_appraisal){.allow_masked_chip_id = true,
                                  .allow_debug = true,
                                  .allow_migration_agent = true,
                                  .allow_provisional_firmware = true,
                                  .allow_old_launch_tcb = true};
}

/* What the report must bind: SHA-256 of the runtime data, then zeros; SHA-256 of the init-time
 * data. What is left open here is the policy's to judge. */
static void fill_appraisal(const struct maa_request *request, uint8_t report_data[64],
                           uint8_t host_data[SHA256_SIZE], struct snp_appraisal *out)
{
    maa_open_report(out);
    out->vmpl_max = 3;
    memset(report_data, 0, 64);
    if (request->runtime.is_there) {
        sha256_digest(buf_span(&request->runtime.bytes), report_data);
        out->report_data = report_data;
    }
    if (request->init.is_there) {
        sha256_digest(buf_span(&request->init.bytes), host_data);
        out->host_data = host_data;
    }
}

static int verify_report(const struct maa_request *request, const struct snp_parts *parts,
                         const struct maa_trust *trust, struct snp_result *snp, struct error *err)
{
    uint8_t report_data[64], host_data[SHA256_SIZE];
    struct snp_appraisal appraisal;
    fill_appraisal(request, report_data, host_data, &appraisal);
    if (snp_chains_verify(trust->chains, &parts->certificates, buf_span(&parts->report),
                          trust->time, &appraisal, snp, err) < 0)
        return error_context(err, "report: VcekCertChain");
    return checks_verdict(&snp->checks) == VERDICT_ACCEPTED ? 0 : maa_refuse(&snp->checks, err);
}

/* An endorsement that does not hold refuses the evidence: nobody sends one for nothing. */
static int verify_endorsement(const struct snp_parts *parts, const struct maa_trust *trust,
                              const struct snp_report *report, struct uvm_endorsement *uvm,
                              struct checks *checks, struct error *err)
{
    struct uvm_expectation expectation = {.time = trust->time,
                                          .at_signing_time = true,
                                          .issuer = trust->endorser.issuer,
                                          .feed = trust->endorser.feed,
                                          .minimum_svn = trust->endorser.minimum_svn,
                                          .measurement = report->measurement};
    uvm_endorsement_check(buf_span(&parts->endorsement), &expectation, uvm, checks);
    return checks_first_failure(checks) ? maa_refuse(checks, err) : 0;
}

int maa_verify_snp(const struct maa_request *request, const struct maa_trust *trust,
                   struct maa_result *result, struct error *err)
{
    PARTS_AUTO parts = {.report = BUF_WITH_LIMIT(SNP_REPORT_SIZE),
                        .endorsement = BUF_WITH_LIMIT(ENDORSEMENT_MAX)};
    struct snp_result snp;
    struct uvm_endorsement uvm = {0};
    snp_result_init(&snp);
    snp_certificates_init(&parts.certificates);
    checks_init(&result->checks);
    result->claims = NULL;
    if (read_parts(buf_span(&request->evidence), &parts, err) < 0)
        return -1;
    int verified = verify_report(request, &parts, trust, &snp, err);
    checks_copy(&result->checks, &snp.checks);
    result->simulated = snp.simulated;
    if (verified < 0)
        return -1;
    bool endorsed = parts.endorsement.size > 0;
    if (endorsed && verify_endorsement(&parts, trust, &snp.report, &uvm, &result->checks, err) < 0)
        return -1;
    result->claims = maa_snp_claims(&snp, endorsed ? &uvm : NULL);
    return result->claims ? 0 : error_memory(err);
}
