/* Real reports of AMD's processors, and synthetic ones with one thing wrong each. */
#include "../check.h"
#include "../vectors.h"

#include <time.h>

#include "evidence/snp_verify.h"
#include "format/json.h"

#define FILE_MAX (1024 * 1024)

static struct error err;
static struct snp_result result;

static int64_t time_of(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm));
    return timegm(&tm);
}

struct files {
    struct buf report;
    struct buf certificates[3];
    struct buf crl;
};

static void read_files(struct files *files, const char *folder, const char *const names[5])
{
    struct buf *buffers[5] = {&files->report, &files->certificates[0], &files->certificates[1],
                              &files->certificates[2], &files->crl};
    for (int i = 0; i < 5; i++) {
        buf_init(buffers[i], FILE_MAX);
        if (!names[i])
            continue;
        char path[512];
        (void)snprintf(path, sizeof path, "attest/%s%s", folder, names[i]);
        vectors_read(path, buffers[i]);
    }
}

static void free_files(struct files *files)
{
    buf_fini(&files->report);
    buf_fini(&files->crl);
    for (int i = 0; i < 3; i++)
        buf_fini(&files->certificates[i]);
}

static enum verdict verify(const struct files *files, struct snp_chain_options *options,
                           const struct snp_appraisal *appraisal)
{
    const struct span certificates[3] = {buf_span(&files->certificates[0]),
                                         buf_span(&files->certificates[1]),
                                         buf_span(&files->certificates[2])};
    const struct snp_evidence evidence = {buf_span(&files->report), certificates, 3};
    options->crl = buf_span(&files->crl);
    return snp_verify(&evidence, options, appraisal, &result);
}

static void check_accepted(enum verdict verdict, const char *name)
{
    const struct check *check = checks_first_failure(&result.checks);
    if (verdict != VERDICT_ACCEPTED)
        fail_msg("%s is refused by %s: %s", name, check ? check->rule->name : "nothing",
                 check ? check->found : "");
}

static void check_refused_by(enum verdict verdict, const char *name, const char *check_name)
{
    assert_int_equal(verdict, VERDICT_REFUSED);
    const struct check *check = checks_first_failure(&result.checks);
    assert_non_null(check);
    if (strcmp(check->rule->name, check_name) != 0)
        fail_msg("%s is refused by %s instead of %s: %s", name, check->rule->name, check_name,
                 check->found);
}

/* ---- the synthetic cases ---- */

/* For each case that is refused by default: the check that must say so first, and the knob that
 * lets it pass, where there is one. */
static const struct expectation {
    const char *name;
    const char *check;
    enum { NO_KNOB, MASKED, MIGRATION, VMPL, STALE_CRL, PROVISIONAL, LAUNCH } knob;
} expectations[] = {
    {"ok-masked-chipid", "chip_id", MASKED},
    {"bad-turin-fmc", "reported_tcb", NO_KNOB},
    {"bad-turin-nofmc", "leaf_extensions", NO_KNOB},
    {"bad-tcb-ucode", "reported_tcb", NO_KNOB},
    {"bad-tcb-missing", "leaf_extensions", NO_KNOB},
    {"bad-hwid", "chip_id", NO_KNOB},
    {"bad-hwid-missing", "leaf_extensions", NO_KNOB},
    {"bad-hwid-prefix", "leaf_extensions", NO_KNOB},
    {"bad-debug", "debug", NO_KNOB},
    {"bad-policy-bit17", "guest_policy", NO_KNOB},
    {"bad-migratema", "migration_agent", MIGRATION},
    {"bad-vmpl1", "vmpl", VMPL},
    {"bad-signingkey-vlek-vcekleaf", "signing_key", NO_KNOB},
    {"bad-vlek-as-vcek", "signing_key", NO_KNOB},
    {"bad-signingkey-none", "signing_key", NO_KNOB},
    {"bad-leaf-expired", "validity", NO_KNOB},
    {"bad-leaf-notyet", "validity", NO_KNOB},
    {"bad-leaf-sha256", "leaf_signature", NO_KNOB},
    {"bad-leaf-pkcs1", "leaf_signature", NO_KNOB},
    {"bad-leaf-otherkey", "signature", NO_KNOB},
    {"bad-leaf-by-ark", "leaf_signature", NO_KNOB},
    {"bad-crossgen", "certificate_names", NO_KNOB},
    {"bad-fms-turin-milanchain", "product", NO_KNOB},
    {"bad-unknown-critical", "certificate_extensions", NO_KNOB},
    {"bad-crl-ask-revoked", "revocation", NO_KNOB},
    {"bad-crl-expired", "revocation", STALE_CRL},
    {"bad-crl-wrongsigner", "revocation", NO_KNOB},
    {"bad-reserved-mbz", "reserved_fields", NO_KNOB},
    {"bad-algo2", "signature_algorithm", NO_KNOB},
    {"prov-committed-lt", "committed_tcb", PROVISIONAL},
    {"low-launch-tcb", "launch_tcb", LAUNCH},
    {"bad-reported-gt-current", "current_tcb", NO_KNOB},
};

static const struct expectation *find_expectation(const char *name)
{
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        if (strcmp(expectations[i].name, name) == 0)
            return &expectations[i];
    }
    return NULL;
}

static void read_case(const json_t *item, struct files *files)
{
    static const char *const keys[5] = {"report", "leaf", "intermediate", "root", "crl"};
    const char *names[5];
    for (int i = 0; i < 5; i++)
        names[i] = json_string_value(json_object_get(item, keys[i]));
    read_files(files, "snp-synth/", names);
}

static void run_case(const json_t *item)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *verdict = json_string_value(json_object_get(item, "default_policy"));
    const struct expectation *expectation = find_expectation(name);
    struct files files;
    read_case(item, &files);
    struct trusted_root root = {.simulated = false};
    sha256_digest(buf_span(&files.certificates[2]), root.digest);
    struct snp_chain_options options = {
        .time = time_of(json_string_value(json_object_get(item, "now"))),
        .roots = &root,
        .root_count = 1};
    struct snp_appraisal appraisal = {0};

    enum verdict got = verify(&files, &options, &appraisal);
    assert_int_equal(strcmp(verdict, "accept") == 0, !expectation);
    if (!expectation) {
        check_accepted(got, name);
    } else {
        check_refused_by(got, name, expectation->check);
        options.allow_stale_crl = expectation->knob == STALE_CRL;
        appraisal = (struct snp_appraisal){
            .allow_masked_chip_id = expectation->knob == MASKED,
            .allow_migration_agent = expectation->knob == MIGRATION,
            .vmpl_max = expectation->knob == VMPL ? 1 : 0,
            .allow_provisional_firmware = expectation->knob == PROVISIONAL,
            .allow_old_launch_tcb = expectation->knob == LAUNCH};
        if (expectation->knob != NO_KNOB)
            check_accepted(verify(&files, &options, &appraisal), name);
    }
    /* Nobody's root is trusted by itself. */
    options.root_count = 0;
    assert_int_equal(verify(&files, &options, &appraisal), VERDICT_REFUSED);
    assert_int_equal(checks_find(&result.checks, "root")->result, CHECK_FAILED);
    free_files(&files);
}

static void every_synthetic_case_is_answered_by_its_check(void **state)
{
    (void)state;
    vectors_need("attest/snp-synth/cases.json");
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    vectors_read("attest/snp-synth/cases.json", &text);
    const struct json_limits limits = {FILE_MAX, 8};
    json_auto_t *document = json_parse_object(buf_span(&text), &limits, &err);
    assert_non_null(document);
    json_t *cases = NULL;
    check_ok(json_get_array(document, "cases", &cases, &err), &err);
    assert_int_equal(json_array_size(cases), 37);
    for (size_t i = 0; i < json_array_size(cases); i++)
        run_case(json_array_get(cases, i));
}

/* ---- real reports ---- */

static const char *const milan[5] = {"snp/milan-v3.report.bin", "snp/milan-v3.vcek.der",
                                     "roots/milan_ask.der", "roots/milan_ark.der", NULL};
static const char *const genoa[5] = {"snp/genoa-v3.report.bin", "snp/genoa-v3.vcek.der",
                                     "roots/genoa_ask.der", "roots/genoa_ark.der", NULL};
static const char *const aci[5] = {"snp/milan-v2-aci.report.bin", "snp/milan-v2-aci.vcek.der",
                                   "roots/milan_ask.der", "roots/milan_ark.der", NULL};
static const char *const debug[5] = {"snp/milan-v2-debug.report.bin", "snp/milan-v2-debug.vcek.der",
                                     "roots/milan_ask.der", "roots/milan_ark.der", NULL};
static const char *const vlek[5] = {"snp/milan-v3-vlek-a.report.bin",
                                    "snp/milan-v3-vlek-a.vlek.der", "roots/milan_asvk.der",
                                    "roots/milan_ark.der", NULL};

static enum verdict verify_real(const char *const names[5], const char *time,
                                const struct snp_appraisal *appraisal)
{
    struct files files;
    read_files(&files, "", names);
    struct snp_chain_options options = {.time = time_of(time)};
    enum verdict verdict = verify(&files, &options, appraisal);
    free_files(&files);
    return verdict;
}

static void accepts_real_reports_under_pinned_roots(void **state)
{
    (void)state;
    vectors_need("attest/snp");
    const struct snp_appraisal strict = {0};
    check_accepted(verify_real(milan, "2026-06-01T00:00:00Z", &strict), "milan");
    assert_string_equal(result.product, "Milan");
    assert_false(result.simulated);
    check_accepted(verify_real(genoa, "2026-06-01T00:00:00Z", &strict), "genoa");
    assert_string_equal(result.product, "Genoa");
    check_accepted(verify_real(aci, "2024-06-01T00:00:00Z", &strict), "aci");
}

static void refuses_real_debug_report_unless_allowed(void **state)
{
    (void)state;
    vectors_need("attest/snp");
    struct snp_appraisal appraisal = {0};
    check_refused_by(verify_real(debug, "2024-06-01T00:00:00Z", &appraisal), "debug", "debug");
    appraisal.allow_debug = true;
    check_accepted(verify_real(debug, "2024-06-01T00:00:00Z", &appraisal), "debug");
}

static void accepts_real_vlek_report_with_what_its_provider_needs(void **state)
{
    (void)state;
    vectors_need("attest/snp");
    struct snp_appraisal appraisal = {.vmpl_max = 1, .allow_provisional_firmware = true};
    check_accepted(verify_real(vlek, "2025-06-01T00:00:00Z", &appraisal), "vlek");
    check_refused_by(verify_real(vlek, "2026-06-01T00:00:00Z", &appraisal), "vlek", "validity");
    appraisal.vmpl_max = 0;
    check_refused_by(verify_real(vlek, "2025-06-01T00:00:00Z", &appraisal), "vlek", "vmpl");
}

static void reads_a_real_turin_leaf(void **state)
{
    (void)state;
    vectors_need("attest/snp");
    /* There is no real Turin report here: a Milan one must fail, by agreement and not before. */
    static const char *const turin[5] = {"snp/milan-v3.report.bin", "snp/turin-vcek-only.der",
                                         "roots/turin_ask.der", "roots/turin_ark.der", NULL};
    const struct snp_appraisal strict = {0};
    check_refused_by(verify_real(turin, "2026-06-01T00:00:00Z", &strict), "turin", "signature");
    assert_int_equal(checks_find(&result.checks, "leaf_extensions")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.checks, "leaf_signature")->result, CHECK_PASSED);
    assert_int_equal(checks_find(&result.checks, "product")->result, CHECK_FAILED);
    assert_int_equal(checks_find(&result.checks, "chip_id")->result, CHECK_FAILED);
}

static void refuses_every_tampered_report(void **state)
{
    (void)state;
    vectors_need("attest/snp/tampered");
    static const struct {
        const char *name;
        const char *check; /* the first that fails */
    } cases[] = {
        {"measurement", "signature"},
        {"reportdata", "signature"},
        {"policy-debug", "signature"},
        {"vmpl", "signature"},
        {"reportedtcb", "signature"},
        {"chipid", "signature"},
        {"reserved", "reserved_fields"},
        {"lastsigned", "reserved_fields"},
        {"sig-r", "signature"},
        {"sig-s", "signature"},
        {"sig-bigendian", "signature_range"},
        {"sig-zero", "signature_range"},
        {"sig-r-plus-n", "signature_range"},
        {"sigalgo0", "signature_algorithm"},
        {"sig-tail", "reserved_fields"},
        {"truncated", "report_format"},
        {"version9", "report_format"},
        {"signingkey-none", "signing_key"},
        {"signingkey-vlek", "signing_key"},
    };
    const struct snp_appraisal strict = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "snp/tampered/milan-v3.%s.bin", cases[i].name);
        const char *const names[5] = {path, milan[1], milan[2], milan[3], NULL};
        check_refused_by(verify_real(names, "2026-06-01T00:00:00Z", &strict), cases[i].name,
                         cases[i].check);
    }
}

/* ECDSA's (r, n - s) is as good a signature as (r, s): nothing here depends on a report's bytes
 * being the only ones, so it is accepted. */
static void accepts_the_negated_signature(void **state)
{
    (void)state;
    vectors_need("attest/snp/tampered");
    static const char *const names[5] = {"snp/tampered/milan-v3.sig-s-neg.bin",
                                         "snp/milan-v3.vcek.der", "roots/milan_ask.der",
                                         "roots/milan_ark.der", NULL};
    const struct snp_appraisal strict = {0};
    check_accepted(verify_real(names, "2026-06-01T00:00:00Z", &strict), "sig-s-neg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_synthetic_case_is_answered_by_its_check),
        cmocka_unit_test(accepts_real_reports_under_pinned_roots),
        cmocka_unit_test(refuses_real_debug_report_unless_allowed),
        cmocka_unit_test(accepts_real_vlek_report_with_what_its_provider_needs),
        cmocka_unit_test(reads_a_real_turin_leaf),
        cmocka_unit_test(refuses_every_tampered_report),
        cmocka_unit_test(accepts_the_negated_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
