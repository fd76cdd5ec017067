#include "evidence/dcap_tcb.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/timestamp.h"

#define SECONDS_A_DAY INT64_C(86400)
#define SERVICES      "Intel SGX and Intel TDX services API, version 4, "

static const struct check_rule rule_fmspc = {"fmspc", SERVICES "get TCB info (fmspc)",
                                             "fetch the TCB info of this platform's FMSPC"};
static const struct check_rule rule_pceid = {"pceid", SERVICES "get TCB info (pceId)",
                                             "fetch the TCB info of this platform's PCE"};
static const struct check_rule rule_evaluation = {
    "tcb_evaluation", SERVICES "get TCB info (tcbEvaluationDataNumber)",
    "the collateral is of an older evaluation than is wanted: fetch it again"};
static const struct check_rule rule_platform = {
    "platform_tcb", SERVICES "get TCB info (determining a TCB status)",
    "no level fits this platform: its firmware is older than all that Intel supports"};
static const struct check_rule rule_module = {
    "tdx_module", SERVICES "get TCB info (tdxModule, tdxModuleIdentities)",
    "the TDX module is none of Intel's, or of a version that the TCB info does not know"};
static const struct check_rule rule_module_tcb = {
    "tdx_module_tcb", SERVICES "get TCB info (tdxModuleIdentities)",
    "no level fits this TDX module: it is older than all that Intel supports"};
static const struct check_rule rule_qe_tcb = {
    "qe_tcb", SERVICES "get QE identity (tcbLevels)",
    "no level fits the quoting enclave: it is older than all that Intel supports"};
static const struct check_rule rule_status = {
    "tcb_status", SERVICES "get TCB info (tcbStatus)",
    "update what the advisories name; or list this status in the appraisal's accepted_statuses, "
    "knowing what it means"};

#define PART_COUNT 3

/* The levels that were found. */
struct parts {
    const struct tcb_verdict *platform;
    const struct tcb_verdict *module; /* NULL for SGX, and for modules without levels */
    const struct tcb_verdict *qe;
};

/* A level was found, or not; what it says is judged with the others. */
static void add_level(struct checks *checks, const struct check_rule *rule,
                      const struct tcb_verdict *verdict, const char *versions)
{
    char found[CHECK_TEXT_SIZE];
    char date[TIMESTAMP_SIZE] = "";
    if (verdict)
        timestamp_write(verdict->date, date);
    (void)snprintf(found, sizeof found, "%s%s%s (%s)",
                   verdict ? tcb_status_name(verdict->status) : "no level fits",
                   verdict ? " of " : "", date, versions);
    (void)checks_judge(checks, rule, verdict && verdict->status != TCB_REVOKED,
                       "a level that fits and is not Revoked", found);
}

static const struct tcb_verdict *find_platform(const struct dcap_collateral *collateral,
                                               struct dcap_result *result)
{
    const struct tcb_info *info = &collateral->tcb_info;
    const struct pck *pck = &result->pck;
    static const uint8_t none[TCB_COMPONENT_COUNT] = {0};
    char components[2 * TCB_COMPONENT_COUNT + 1];
    char tdx[2 * TCB_COMPONENT_COUNT + 1] = "";
    char versions[128];
    struct span svn = dcap_quote_get(&result->quote, DCAP_TEE_TCB_SVN);
    const struct tcb_level *level = tcb_info_find_level(info, pck,
                                                        svn.size == sizeof none ? svn.data : none);
    hex_encode(span_of(pck->components, sizeof pck->components), components);
    hex_encode(svn, tdx);
    (void)snprintf(versions, sizeof versions, "%s, PCE %u%s%s", components, pck->pcesvn,
                   svn.size ? ", TDX " : "", tdx);
    add_level(&result->checks, &rule_platform, level ? &level->verdict : NULL, versions);
    return level ? &level->verdict : NULL;
}

static bool matches(struct span value, const uint8_t *mask, const uint8_t *expected)
{
    for (size_t i = 0; i < value.size; i++) {
        if ((value.data[i] & mask[i]) != expected[i])
            return false;
    }
    return true;
}

/* TEE_TCB_SVN: byte 0 is the module's ISVSVN, byte 1 its major version, which names the identity;
 * version 0 is described by "tdxModule", whose levels are the platform's. */
static const struct tcb_verdict *find_module(const struct dcap_collateral *collateral,
                                             struct dcap_result *result)
{
    const struct tcb_info *info = &collateral->tcb_info;
    const struct dcap_quote *quote = &result->quote;
    struct span svn = dcap_quote_get(quote, DCAP_TEE_TCB_SVN);
    uint8_t version = svn.data[1];
    const struct tdx_module_identity *identity = version ? tcb_info_find_module(info, version)
                                                         : NULL;
    const struct tdx_module *module = identity ? &identity->module : &info->module;
    char found[CHECK_TEXT_SIZE];
    char versions[32];
    bool known = version == 0 || identity;
    bool same = span_equal(dcap_quote_get(quote, DCAP_MRSIGNERSEAM),
                           span_of(module->mrsigner, sizeof module->mrsigner)) &&
                matches(dcap_quote_get(quote, DCAP_SEAMATTRIBUTES), module->attributes_mask,
                        module->attributes);
    (void)snprintf(found, sizeof found, "TDX_%02x, %s", version,
                   !known ? "which the TCB info does not know"
                   : same ? "signer and attributes as expected"
                          : "of another signer, or with other attributes");
    (void)checks_judge(&result->checks, &rule_module, known && same,
                       "the TCB info's module of this version", found);
    result->claims.has_module = version != 0;
    if (version == 0)
        return NULL;
    const struct tcb_verdict *verdict = identity
                                            ? isvsvn_levels_find(&identity->levels, svn.data[0])
                                            : NULL;
    (void)snprintf(versions, sizeof versions, "ISVSVN %u", svn.data[0]);
    add_level(&result->checks, &rule_module_tcb, verdict, versions);
    return verdict;
}

static const struct tcb_verdict *find_qe(const struct dcap_collateral *collateral,
                                         struct dcap_result *result)
{
    char versions[32];
    uint16_t isvsvn = dcap_report_get_u16(DCAP_BODY_SGX, result->quote.qe_report, DCAP_ISVSVN);
    const struct tcb_verdict *verdict = isvsvn_levels_find(&collateral->qe_identity.levels, isvsvn);
    (void)snprintf(versions, sizeof versions, "ISVSVN %u", isvsvn);
    add_level(&result->checks, &rule_qe_tcb, verdict, versions);
    return verdict;
}

static void add_advisory(struct dcap_claims *claims, const char *id)
{
    for (size_t i = 0; i < claims->advisory_count; i++) {
        if (strcmp(claims->advisories[i], id) == 0)
            return;
    }
    if (claims->advisory_count < DCAP_ADVISORIES_MAX)
        (void)text_copy(claims->advisories[claims->advisory_count++], TCB_ADVISORY_SIZE, id);
}

static enum tcb_status status_of(const struct tcb_verdict *verdict)
{
    return verdict ? verdict->status : TCB_UNKNOWN;
}

static void claim(const struct parts *parts, struct dcap_claims *claims)
{
    const struct tcb_verdict *all[PART_COUNT] = {parts->platform, parts->module, parts->qe};
    claims->platform_status = status_of(parts->platform);
    claims->module_status = status_of(parts->module);
    claims->qe_status = status_of(parts->qe);
    claims->status = tcb_status_merge(claims->platform_status, claims->qe_status);
    if (claims->has_module)
        claims->status = tcb_status_merge(claims->status, claims->module_status);
    bool dated = false;
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!all[i])
            continue;
        claims->tcb_date = !dated || all[i]->date < claims->tcb_date ? all[i]->date
                                                                     : claims->tcb_date;
        dated = true;
        for (size_t k = 0; k < json_array_size(all[i]->advisories); k++)
            add_advisory(claims, json_string_value(json_array_get(all[i]->advisories, k)));
    }
}

/* What a status is while the grace period after its level's date lasts: out of date no more. */
static enum tcb_status with_grace(const struct tcb_verdict *verdict, int64_t time, uint32_t days)
{
    enum tcb_status status = status_of(verdict);
    if (days == 0 || !verdict || time > verdict->date + days * SECONDS_A_DAY)
        return status;
    if (status == TCB_OUT_OF_DATE)
        return TCB_UP_TO_DATE;
    return status == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ? TCB_CONFIGURATION_NEEDED : status;
}

static bool is_accepted(enum tcb_status status, const struct dcap_appraisal *appraisal)
{
    if (status == TCB_UNKNOWN || status == TCB_REVOKED)
        return false;
    return status == TCB_UP_TO_DATE || (appraisal->accepted_statuses & 1U << status);
}

static void write_accepted(const struct dcap_appraisal *appraisal, char out[CHECK_TEXT_SIZE])
{
    size_t at = 0;
    for (unsigned i = TCB_UP_TO_DATE; i < TCB_REVOKED; i++) {
        if (is_accepted(i, appraisal))
            at += (size_t)snprintf(out + at, CHECK_TEXT_SIZE - at, "%s%s", at ? ", " : "",
                                   tcb_status_name(i));
    }
}

static void check_status(const struct parts *parts, int64_t time,
                         const struct dcap_appraisal *appraisal, struct dcap_result *result)
{
    const struct dcap_claims *claims = &result->claims;
    uint32_t days = appraisal->out_of_date_grace_days;
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    enum tcb_status status = tcb_status_merge(with_grace(parts->platform, time, days),
                                              with_grace(parts->qe, time, days));
    if (claims->has_module)
        status = tcb_status_merge(status, with_grace(parts->module, time, days));
    write_accepted(appraisal, expected);
    (void)snprintf(found, sizeof found, "%s%s, %zu advisories", tcb_status_name(claims->status),
                   status != claims->status ? ", within the grace period" : "",
                   claims->advisory_count);
    (void)checks_judge(&result->checks, &rule_status, is_accepted(status, appraisal), expected,
                       found);
}

static void check_evaluation(const struct dcap_collateral *collateral, uint32_t minimum,
                             struct checks *checks)
{
    uint32_t tcb = collateral->tcb_info.evaluation_number;
    uint32_t qe = collateral->qe_identity.evaluation_number;
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    if (minimum == 0)
        return;
    (void)snprintf(expected, sizeof expected, "at least %u", minimum);
    (void)snprintf(found, sizeof found, "%u in the TCB info, %u in the QE identity", tcb, qe);
    (void)checks_judge(checks, &rule_evaluation, tcb >= minimum && qe >= minimum, expected, found);
}

void dcap_tcb_check(const struct dcap_collateral *collateral,
                    const struct dcap_appraisal *appraisal, struct dcap_result *result)
{
    const struct tcb_info *info = &collateral->tcb_info;
    struct checks *checks = &result->checks;
    struct parts parts = {0};
    result->claims.tcb_evaluation = info->evaluation_number;
    result->claims.qe_evaluation = collateral->qe_identity.evaluation_number;
    (void)checks_compare(checks, &rule_fmspc, span_of(info->fmspc, sizeof info->fmspc),
                         span_of(result->pck.fmspc, sizeof result->pck.fmspc));
    (void)checks_compare(checks, &rule_pceid, span_of(info->pceid, sizeof info->pceid),
                         span_of(result->pck.pceid, sizeof result->pck.pceid));
    check_evaluation(collateral, appraisal->minimum_evaluation, checks);
    parts.platform = find_platform(collateral, result);
    if (dcap_body_is_td(result->quote.body))
        parts.module = find_module(collateral, result);
    parts.qe = find_qe(collateral, result);
    claim(&parts, &result->claims);
    check_status(&parts, collateral->time, appraisal, result);
}
