#include "service/ear.h"

#include "base/hex.h"

#define SNP_PREFIX "x-ms-sevsnpvm-"

/* Values of the vector: the tier is 2 to 31 affirming, 32 to 95 a warning, from 96 on
 * contraindicated. */
enum {
    NO_CLAIM = 0,
    HARDWARE_GENUINE = 2,
    HARDWARE_NOT_RECOGNIZED = 97,
    CONFIGURATION_APPROVED = 2,
    CONFIGURATION_VULNERABLE = 96,
    CONFIGURATION_UNKNOWN = 36,
    EXECUTABLES_APPROVED = 3,
    EXECUTABLES_NOT_RECOGNIZED = 33,
};

static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static bool set_hex(json_t *object, const char *name, struct span bytes)
{
    char text[2 * 64 + 1];
    hex_encode(bytes, text);
    return set(object, name, json_string(text));
}

/* --- the vector ------------------------------------------------------------------------------- */

/* Of any kind of evidence: what lets somebody look into the machine or the enclave. */
static int configuration_of(const json_t *claims)
{
    static const char *const doors[] = {SNP_PREFIX "is-debuggable", SNP_PREFIX "migration-allowed",
                                        "x-ms-sgx-is-debuggable", "tdx_td_attributes_debug"};
    bool known = false;
    const json_t *inner = json_object_get(claims, "x-ms-isolation-tee");
    claims = inner ? inner : claims;
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        const json_t *open = json_object_get(claims, doors[i]);
        if (json_is_true(open))
            return CONFIGURATION_VULNERABLE;
        known = known || json_is_false(open);
    }
    return known ? CONFIGURATION_APPROVED : CONFIGURATION_UNKNOWN;
}

static json_t *make_vector(const struct ear_subject *subject, int *worst)
{
    bool endorsed = json_object_get(subject->claims, SNP_PREFIX "uvm-endorsement") != NULL;
    int hardware = subject->simulated ? HARDWARE_NOT_RECOGNIZED : HARDWARE_GENUINE;
    int configuration = configuration_of(subject->claims);
    int executables = endorsed ? EXECUTABLES_APPROVED : EXECUTABLES_NOT_RECOGNIZED;
    *worst = hardware > configuration ? hardware : configuration;
    *worst = *worst > executables ? *worst : executables;
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "instance-identity", NO_CLAIM,
                     "configuration", configuration, "executables", executables, "file-system",
                     NO_CLAIM, "hardware", hardware, "runtime-opaque", NO_CLAIM, "storage-opaque",
                     NO_CLAIM, "sourced-data", NO_CLAIM);
}

static const char *status_of(int worst)
{
    return worst >= 96 ? "contraindicated" : worst >= 32 ? "warning" : "affirming";
}

/* --- what was verified ------------------------------------------------------------------------ */

/* Of the claims, by the names that Trustee's SNP verifier gives them. */
static json_t *make_snp(const struct ear_subject *subject)
{
    static const struct {
        const char *ours, *theirs;
    } names[] = {
        {SNP_PREFIX "smt-allowed", "policy_smt_allowed"},
        {SNP_PREFIX "migration-allowed", "policy_migrate_ma"},
        {SNP_PREFIX "is-debuggable", "policy_debug_allowed"},
        {SNP_PREFIX "bootloader-svn", "reported_tcb_bootloader"},
        {SNP_PREFIX "tee-svn", "reported_tcb_tee"},
        {SNP_PREFIX "snpfw-svn", "reported_tcb_snp"},
        {SNP_PREFIX "microcode-svn", "reported_tcb_microcode"},
        {SNP_PREFIX "launchmeasurement", "measurement"},
    };
    json_t *snp = json_object();
    for (size_t i = 0; snp && i < sizeof names / sizeof names[0]; i++) {
        json_t *value = json_object_get(subject->claims, names[i].ours);
        if (value && json_object_set(snp, names[i].theirs, value) < 0) {
            json_decref(snp);
            return NULL;
        }
    }
    return snp;
}

static bool add_report(json_t *snp, const struct snp_report *report)
{
    return set(snp, "policy_abi_major", json_integer(report->policy >> 8 & 0xFF)) &&
           set(snp, "policy_abi_minor", json_integer(report->policy & 0xFF)) &&
           set(snp, "policy_single_socket",
               json_boolean(report->policy & SNP_POLICY_SINGLE_SOCKET)) &&
           set(snp, "platform_tsme_enabled",
               json_boolean(report->platform_info & SNP_PLATFORM_TSME)) &&
           set(snp, "platform_smt_enabled",
               json_boolean(report->platform_info & SNP_PLATFORM_SMT)) &&
           set_hex(snp, "chip_id", span_of(report->chip_id, sizeof report->chip_id));
}

static bool fill_evidence(json_t *evidence, const struct ear_subject *subject)
{
    json_t *bound = json_object_get(subject->claims, SNP_PREFIX "reportdata");
    json_t *host = json_object_get(subject->claims, SNP_PREFIX "hostdata");
    if (!bound) /* of another kind: as it is */
        return set(evidence, "claims", json_deep_copy(subject->claims));
    json_t *snp = make_snp(subject);
    return set(evidence, "snp", snp) && (!subject->report || add_report(snp, subject->report)) &&
           json_object_set(evidence, "report_data", bound) == 0 &&
           json_object_set(evidence, "init_data", host) == 0;
}

static json_t *make_evidence(const struct ear_subject *subject)
{
    json_t *evidence = json_object();
    if (evidence && fill_evidence(evidence, subject) &&
        (!subject->runtime ||
         set(evidence, "runtime_data_claims", json_deep_copy(subject->runtime))))
        return evidence;
    json_decref(evidence);
    return NULL;
}

/* --- the token -------------------------------------------------------------------------------- */

#define EVIDENCE "ear.veraison.annotated-evidence"

static bool fill(json_t *claims, const struct ear_subject *subject)
{
    int worst;
    json_t *vector = make_vector(subject, &worst);
    json_t *module = json_pack("{s:s, s:o, s:s}", "ear.status", status_of(worst),
                               "ear.trustworthiness-vector", vector, "ear.appraisal-policy-id",
                               subject->policy_id);
    json_auto_t *submods = json_pack("{s:o}", "cpu0", module);
    if (!submods || !set(module, EVIDENCE, make_evidence(subject)) ||
        json_object_set(claims, "submods", submods) < 0)
        return false;
    json_t *verifier = json_pack("{s:s, s:s}", "developer", "Caisson", "build",
                                 "caisson-attestd " CAISSON_VERSION);
    return set(claims, "ear.verifier-id", verifier) &&
           set(claims, "eat_profile", json_string(EAR_PROFILE)) &&
           set(claims, "iss", json_string(subject->issuer)) &&
           set(claims, "jti", json_string(subject->id)) &&
           set(claims, "iat", json_integer(subject->now)) &&
           set(claims, "nbf", json_integer(subject->now)) &&
           set(claims, "exp", json_integer(subject->now + subject->life)) &&
           (!subject->simulated || set(claims, "caisson-simulated", json_true()));
}

/* Claims of the evidence and of the policy never take the place of what the service says. The
 * objects are borrowed and stay as they are; jansson has no constant reference. */
static bool add_missing(json_t *claims, const json_t *more)
{
    return !more || json_object_update_missing(claims, (json_t *)(uintptr_t)more) == 0;
}

json_t *ear_claims(const struct ear_subject *subject, struct error *err)
{
    json_t *claims = json_object();
    if (claims && fill(claims, subject) && add_missing(claims, subject->claims) &&
        add_missing(claims, subject->issued))
        return claims;
    json_decref(claims);
    (void)error_memory(err);
    return NULL;
}

json_t *ear_find_key(const json_t *claims)
{
    const json_t *module = json_object_get(json_object_get(claims, "submods"), "cpu0");
    const json_t *runtime = json_object_get(json_object_get(module, EVIDENCE),
                                            "runtime_data_claims");
    return json_object_get(runtime, "tee-pubkey");
}
