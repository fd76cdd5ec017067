#include "evidence/dcap_appraise.h"

#include <stdio.h>

#include "base/cursor.h"
#include "base/hex.h"

#define SDM_ATTRIBUTES "Intel SDM volume 3D, table \"Layout of ATTRIBUTES structure\""
#define TD_ATTRIBUTES  "Intel TDX Module Base Architecture Specification, ATTRIBUTES"

/* ATTRIBUTES of an enclave, the low 64 bits. */
#define SGX_INIT  (UINT64_C(1) << 0)
#define SGX_DEBUG (UINT64_C(1) << 1)
/* INIT, DEBUG, MODE64BIT, PROVISIONKEY, EINITTOKEN_KEY, CET, KSS, AEXNOTIFY. */
#define SGX_KNOWN UINT64_C(0x4F7)

/* ATTRIBUTES of a trust domain. Bits 7:0 (TUD) say that it can't be trusted. */
#define TD_UNTRUSTED       UINT64_C(0xFF)
#define TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_MIGRATABLE      (UINT64_C(1) << 29)
/* TUD: DEBUG, HGS_PLUS_PROF, PERF_PROF, PMT_PROF; ICSSD, LASS, SEPT_VE_DISABLE, MIGRATABLE, PKS,
 * KL; TPA, PERFMON. */
#define TD_KNOWN (UINT64_C(0x0F) | UINT64_C(1) << 16 | UINT64_C(0x1F) << 27 | UINT64_C(3) << 62)

/* XFAM: x87 and SSE always; the others that a TDX module lets a trust domain have (XFAM_FIXED0),
 * and APX. */
#define XFAM_FIXED UINT64_C(0x3)
#define XFAM_KNOWN UINT64_C(0xEDBE7)

static const struct check_rule rule_sgx_attributes = {
    "attributes", SDM_ATTRIBUTES,
    "this is no initialised enclave, or one of a newer kind than is known here"};
static const struct check_rule rule_sgx_debug = {
    "debug", SDM_ATTRIBUTES " (DEBUG)",
    "the host may read a debug enclave; build and sign it without DEBUG"};
static const struct check_rule rule_td_attributes = {
    "tdattributes", TD_ATTRIBUTES, "a bit is set that is reserved or newer than is known here"};
static const struct check_rule rule_td_debug = {
    "debug", TD_ATTRIBUTES " (TUD)",
    "the host may read or profile this trust domain; launch it without debugging"};
static const struct check_rule rule_sept_ve = {
    "sept_ve_disable", TD_ATTRIBUTES " (SEPT_VE_DISABLE)",
    "the host may inject #VE by taking pages away; launch with sept-ve-disable=on"};
static const struct check_rule rule_migration = {
    "migration", TD_ATTRIBUTES " (MIGRATABLE)",
    "this trust domain may move to another machine; allow that only with a known MRSERVICETD"};
static const struct check_rule rule_xfam = {
    "xfam", "Intel TDX Module Base Architecture Specification, XFAM",
    "a bit is set that is reserved or newer than is known here"};
static const struct check_rule rule_isvsvn = {"minimum_isvsvn",
                                              "Intel SDM volume 3D, REPORT (ISVSVN)",
                                              "a newer version of the enclave is wanted"};

/* What a failed comparison means, by field; the names are dcap_field_name()'s. */
#define WANTED(field, name, remedy)                                                                \
    [field] = {name, "the caller's appraisal; Intel's quote format (" name ")", remedy}
static const struct check_rule wanted_rules[DCAP_FIELD_COUNT] = {
    WANTED(DCAP_CPUSVN, "cpusvn", "another processor version than is wanted"),
    WANTED(DCAP_MISCSELECT, "miscselect", "the enclave was built with another MISCSELECT"),
    WANTED(DCAP_ISVEXTPRODID, "isvextprodid", "another product than is wanted"),
    WANTED(DCAP_ATTRIBUTES, "wanted_attributes", "other attributes than are wanted"),
    WANTED(DCAP_MRENCLAVE, "mrenclave", "other code than is wanted: compare versions and builds"),
    WANTED(DCAP_MRSIGNER, "mrsigner", "the enclave was signed by another key"),
    WANTED(
        DCAP_CONFIGID, "configid",
        "the enclave was launched with another configuration: of Caisson's, with another policy"),
    WANTED(DCAP_ISVPRODID, "isvprodid", "another product of the signer than is wanted"),
    WANTED(DCAP_ISVSVN, "isvsvn", "exactly another version; minimum_isvsvn lets newer ones pass"),
    WANTED(DCAP_CONFIGSVN, "configsvn", "another version of the configuration"),
    WANTED(DCAP_ISVFAMILYID, "isvfamilyid", "another product family than is wanted"),
    WANTED(DCAP_TEE_TCB_SVN, "tee_tcb_svn", "another TDX module than is wanted"),
    WANTED(DCAP_MRSEAM, "mrseam", "another TDX module than is wanted"),
    WANTED(DCAP_MRSIGNERSEAM, "mrsignerseam", "the TDX module was signed by another key"),
    WANTED(DCAP_SEAMATTRIBUTES, "seamattributes", "another kind of TDX module"),
    WANTED(DCAP_TDATTRIBUTES, "wanted_tdattributes", "other attributes than are wanted"),
    WANTED(DCAP_XFAM, "wanted_xfam", "other extended features than are wanted"),
    WANTED(DCAP_MRTD, "mrtd", "other firmware than is wanted: compare its version"),
    WANTED(DCAP_MRCONFIGID, "mrconfigid", "launched with another configuration"),
    WANTED(DCAP_MROWNER, "mrowner", "launched by another owner"),
    WANTED(DCAP_MROWNERCONFIG, "mrownerconfig", "launched with another owner's configuration"),
    WANTED(DCAP_RTMR0, "rtmr0", "other firmware configuration was measured"),
    WANTED(DCAP_RTMR1, "rtmr1", "another kernel or boot loader was measured"),
    WANTED(DCAP_RTMR2, "rtmr2", "another command line or initrd was measured"),
    WANTED(DCAP_RTMR3, "rtmr3", "other things were measured at run time"),
    WANTED(DCAP_REPORT_DATA, "report_data", "the quote was made for another question"),
    WANTED(DCAP_TEE_TCB_SVN2, "tee_tcb_svn2", "another TDX module runs now than is wanted"),
    WANTED(DCAP_MRSERVICETD, "mrservicetd", "other service trust domains are bound"),
};

/* The field's first eight bytes. */
static uint64_t read_bits(const struct dcap_quote *quote, enum dcap_field field, char *text,
                          size_t text_size)
{
    uint64_t bits;
    struct cursor cursor = cursor_of(dcap_quote_get(quote, field));
    (void)cursor_le64(&cursor, &bits);
    (void)snprintf(text, text_size, "0x%016llx", (unsigned long long)bits);
    return bits;
}

bool dcap_is_debug(const struct dcap_quote *quote)
{
    char text[2 * sizeof(uint64_t) + 3];
    if (dcap_body_is_td(quote->body))
        return (read_bits(quote, DCAP_TDATTRIBUTES, text, sizeof text) & TD_UNTRUSTED) != 0;
    return (read_bits(quote, DCAP_ATTRIBUTES, text, sizeof text) & SGX_DEBUG) != 0;
}

static void appraise_debug(const struct check_rule *rule, bool debug, bool allowed,
                           struct checks *checks)
{
    (void)checks_judge(checks, rule, !debug || allowed, allowed ? "allowed" : "off",
                       debug ? "on" : "off");
}

static void appraise_sgx(const struct dcap_quote *quote, const struct dcap_appraisal *appraisal,
                         struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    char expected[CHECK_TEXT_SIZE];
    uint64_t bits = read_bits(quote, DCAP_ATTRIBUTES, found, sizeof found);
    uint16_t isvsvn = dcap_report_get_u16(quote->body, quote->report, DCAP_ISVSVN);
    (void)checks_judge(checks, &rule_sgx_attributes, (bits & SGX_INIT) && !(bits & ~SGX_KNOWN),
                       "INIT set, reserved bits zero", found);
    appraise_debug(&rule_sgx_debug, dcap_is_debug(quote), appraisal->allow_debug, checks);
    if (appraisal->minimum_isvsvn == 0)
        return;
    (void)snprintf(expected, sizeof expected, "at least %u", appraisal->minimum_isvsvn);
    (void)snprintf(found, sizeof found, "%u", isvsvn);
    (void)checks_judge(checks, &rule_isvsvn, isvsvn >= appraisal->minimum_isvsvn, expected, found);
}

static void appraise_td(const struct dcap_quote *quote, const struct dcap_appraisal *appraisal,
                        struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    uint64_t bits = read_bits(quote, DCAP_TDATTRIBUTES, found, sizeof found);
    bool quiet = (bits & TD_SEPT_VE_DISABLE) != 0;
    bool migratable = (bits & TD_MIGRATABLE) != 0;
    (void)checks_judge(checks, &rule_td_attributes, !(bits & ~TD_KNOWN), "reserved bits zero",
                       found);
    appraise_debug(&rule_td_debug, dcap_is_debug(quote), appraisal->allow_debug, checks);
    (void)checks_judge(checks, &rule_sept_ve, quiet || appraisal->allow_sept_ve,
                       appraisal->allow_sept_ve ? "on, or allowed off" : "on",
                       quiet ? "on" : "off");
    (void)checks_judge(checks, &rule_migration, !migratable || appraisal->allow_migration,
                       appraisal->allow_migration ? "allowed" : "none",
                       migratable ? "possible" : "none");
    bits = read_bits(quote, DCAP_XFAM, found, sizeof found);
    (void)checks_judge(checks, &rule_xfam,
                       (bits & XFAM_FIXED) == XFAM_FIXED && !(bits & ~XFAM_KNOWN),
                       "x87 and SSE set, reserved bits zero", found);
    if (appraisal->minimum_isvsvn != 0)
        (void)checks_judge(checks, &rule_isvsvn, false, "an enclave",
                           "a trust domain has no ISVSVN");
}

static void appraise_wanted(const struct dcap_quote *quote, enum dcap_field field,
                            const struct dcap_wanted *wanted, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[2 * DCAP_FIELD_SIZE_MAX + 1];
    bool matches = false;
    struct span value = dcap_quote_get(quote, field);
    for (size_t i = 0; !matches && i < wanted->count; i++)
        matches = span_equal(value, span_of(wanted->values[i], dcap_field_size(field)));
    if (wanted->count == 1)
        hex_encode(span_of(wanted->values[0], dcap_field_size(field)), expected);
    else
        (void)snprintf(expected, sizeof expected, "one of %zu that the caller accepts",
                       wanted->count);
    hex_encode(value, found);
    (void)checks_judge(checks, &wanted_rules[field], matches, expected,
                       value.size > 0 ? found : "this kind of quote has none");
}

void dcap_appraise(const struct dcap_quote *quote, const struct dcap_appraisal *appraisal,
                   struct checks *checks)
{
    if (dcap_body_is_td(quote->body))
        appraise_td(quote, appraisal, checks);
    else
        appraise_sgx(quote, appraisal, checks);
    for (unsigned field = 0; field < DCAP_FIELD_COUNT; field++) {
        if (appraisal->wanted[field].count > 0)
            appraise_wanted(quote, field, &appraisal->wanted[field], checks);
    }
}
