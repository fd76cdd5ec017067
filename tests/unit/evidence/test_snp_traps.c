/*
 * Evidence under a root of this test's own, with one thing wrong each: the traps into which other
 * verifiers have fallen (missing extensions that pass, a VLEK for a VCEK, chip ids read as DER, …).
 */
#include "synthetic.h"

#define OID SYNTHETIC_OID

static const struct snp_appraisal strict = {0};

static void check_evidence(struct synthetic *evidence, const char *failure)
{
    (void)synthetic_check(evidence, &strict, failure);
}

static void accepts_what_has_nothing_wrong(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    check_evidence(&evidence, NULL);
}

/* snpguest#38: the raw bytes were taken for DER, whose INTEGER begins with 02h; 04h is an OCTET
 * STRING's. */
static void takes_a_chip_id_for_bytes_whatever_it_begins_with(void **state)
{
    (void)state;
    static const uint8_t starts[] = {0x02, 0x04, 0x30, 0x00};
    for (size_t i = 0; i < sizeof starts; i++) {
        struct synthetic evidence;
        synthetic_milan(&evidence);
        evidence.report.chip_id[0] = starts[i];
        evidence.report.chip_id[1] = 0x3E;
        synthetic_replace(&evidence, OID "4", evidence.report.chip_id, 64);
        check_evidence(&evidence, NULL);
    }
}

static void refuses_every_missing_or_doubled_extension(void **state)
{
    (void)state;
    static const char *const oids[] = {OID "1",   OID "2",   OID "3.1", OID "3.2",
                                       OID "3.3", OID "3.8", OID "4"};
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        struct synthetic evidence;
        synthetic_milan(&evidence);
        synthetic_drop(&evidence, oids[i]);
        check_evidence(&evidence, "leaf_extensions");
        synthetic_milan(&evidence);
        struct synthetic_extension twice = evidence.extensions[i];
        assert_string_equal(twice.oid, oids[i]);
        synthetic_add(&evidence, oids[i], twice.bytes, twice.size);
        check_evidence(&evidence, "leaf_extensions");
    }
}

static void refuses_security_versions_in_other_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } refused[] = {{"", 0},
                   {"\x04", 1},
                   {"\x02\x01", 2},
                   {"\x02\x00", 2},
                   {"\x02\x01\x84", 3},
                   {"\x02\x02\x00\x04", 4},
                   {"\x02\x02\x01\x04", 4},
                   {"\x0a\x01\x04", 3},
                   {"\x02\x01\x04\x00", 4},
                   {"\x02\x81\x01\x04", 4}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct synthetic evidence;
        synthetic_milan(&evidence);
        synthetic_replace(&evidence, OID "3.1", refused[i].bytes, refused[i].size);
        check_evidence(&evidence, "leaf_extensions");
    }
}

static void refuses_chip_ids_of_other_sizes_and_other_chips(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 8, 32, 63, 65, 66};
    static const uint8_t bytes[66] = {0x04, 0x41};
    struct synthetic evidence;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        synthetic_milan(&evidence);
        synthetic_replace(&evidence, OID "4", bytes, sizes[i]);
        check_evidence(&evidence, "leaf_extensions");
    }
    synthetic_milan(&evidence);
    evidence.report.chip_id[63] ^= 1;
    check_evidence(&evidence, "chip_id");
    synthetic_milan(&evidence); /* zero, but not said to be masked */
    memset(evidence.report.chip_id, 0, 64);
    check_evidence(&evidence, "chip_id");
}

/* A VLEK is a cloud provider's, for many chips: it may not pass for the key of one. */
static void refuses_a_vlek_for_a_vcek(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.leaf_name = "SEV-VLEK";
    check_evidence(&evidence, "leaf_extensions"); /* it has a HWID, and no CSP_ID */
    synthetic_drop(&evidence, OID "4");
    synthetic_add(&evidence, OID "5", "\x16\x01x", 3);
    check_evidence(&evidence, "certificate_names"); /* by the ASK instead of the ASVK */
    evidence.middle_name = "SEV-VLEK-Milan";
    check_evidence(&evidence, "signing_key"); /* the report says VCEK */
    evidence.report.key_info = 1 << 2;
    check_evidence(&evidence, NULL);
    evidence.leaf_name = "SEV-VCEK";
    check_evidence(&evidence, "leaf_extensions");
}

static void refuses_names_of_other_products(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.root_name = "ARK-Genoa";
    check_evidence(&evidence, "certificate_names");
    synthetic_milan(&evidence);
    evidence.middle_name = "SEV-Genoa";
    check_evidence(&evidence, "certificate_names");
    synthetic_milan(&evidence);
    evidence.leaf_name = "SEV-VCEK2";
    check_evidence(&evidence, "certificate_names");
    synthetic_milan(&evidence);
    synthetic_replace(&evidence, OID "2", "\x16\x05Genoa", 7);
    check_evidence(&evidence, "certificate_names");
    synthetic_milan(&evidence);
    synthetic_replace(&evidence, OID "2", "\x16\x06Venice", 8);
    check_evidence(&evidence, "leaf_extensions");
}

/* Names as the simulated processor's, under a root that was not named as simulated. */
static void refuses_names_that_say_simulated_under_another_root(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.root_name = "ARK-SIMULATED";
    evidence.middle_name = "SEV-SIMULATED";
    evidence.leaf_name = "SEV-SIMULATED-VCEK";
    check_evidence(&evidence, "root");
}

/* A processor that is announced, and whose root nobody can pin yet: named, and refused. */
static void names_a_venice_and_refuses_it(void **state)
{
    (void)state;
    static const uint8_t models[] = {0x50, 0x57, 0x90, 0xAF, 0xC0, 0xC7};
    struct synthetic evidence;
    for (size_t i = 0; i < sizeof models; i++) {
        synthetic_turin(&evidence);
        evidence.report.cpuid_model = models[i];
        const struct snp_result *result = synthetic_check(&evidence, &strict, "product");
        const struct check *check = checks_find(&result->checks, "product");
        assert_non_null(strstr(check->found, "Venice"));
        assert_non_null(strstr(check->found, "no root"));
    }
    evidence.root_name = "ARK-Venice";
    evidence.middle_name = "SEV-Venice";
    synthetic_replace(&evidence, OID "2", "\x16\x06Venice", 8);
    const struct snp_result *result = synthetic_check(&evidence, &strict, "leaf_extensions");
    assert_non_null(strstr(checks_find(&result->checks, "leaf_extensions")->found, "by name only"));
    assert_null(result->product);
    assert_string_equal(snp_product_name_of_cpuid(0x1A, 0x50), "Venice");
    assert_null(snp_product_of_cpuid(0x1A, 0x50));
    assert_null(snp_product_name_of_cpuid(0x1A, 0x58));
}

/* go-sev-guest refused real Turins for the FMC's extension, and for bit 6 of PLATFORM_INFO. */
static void accepts_a_turin_with_its_fmc_and_its_platform_bits(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_turin(&evidence);
    check_evidence(&evidence, NULL);
    evidence.report.version = 2; /* tells a Turin by the zeros in its chip id alone */
    evidence.report.cpuid_family = 0;
    evidence.report.cpuid_model = 0;
    check_evidence(&evidence, NULL);
}

/* Turin's TCB has another order: Milan's would compare the wrong bytes, or none. */
static void refuses_a_turin_that_differs_in_any_part_of_its_tcb(void **state)
{
    (void)state;
    static const char *const oids[] = {OID "3.9", OID "3.1", OID "3.2", OID "3.3", OID "3.8"};
    struct synthetic evidence;
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        synthetic_turin(&evidence);
        synthetic_replace(&evidence, oids[i], "\x02\x01\x09", 3);
        check_evidence(&evidence, "reported_tcb");
        synthetic_turin(&evidence);
        synthetic_drop(&evidence, oids[i]);
        check_evidence(&evidence, "leaf_extensions");
    }
    synthetic_turin(&evidence);
    synthetic_replace(&evidence, OID "1", "\x02\x01\x00", 3);
    check_evidence(&evidence, "leaf_extensions");
    synthetic_turin(&evidence);
    evidence.report.chip_id[8] = 1; /* beyond the eight bytes that the leaf knows */
    check_evidence(&evidence, "chip_id");
}

/* trustee and snpguest took a leaf for a VCEK by a name that none has, and so never compared chips;
 * librats compared nothing beyond chain and signature. Each field that binds leaf and report must
 * decide by itself. */
static void refuses_what_chain_and_signature_alone_would_accept(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.report.chip_id[0] ^= 1;
    const struct snp_result *result = synthetic_check(&evidence, &strict, "chip_id");
    assert_int_equal(checks_find(&result->checks, "signature")->result, CHECK_PASSED);
    synthetic_milan(&evidence);
    evidence.report.policy |= SNP_POLICY_DEBUG;
    check_evidence(&evidence, "debug");
    synthetic_milan(&evidence);
    evidence.report.reported_tcb[7]--;
    check_evidence(&evidence, "reported_tcb");
    synthetic_milan(&evidence);
    evidence.report.vmpl = 1;
    check_evidence(&evidence, "vmpl");
}

/* go-sev-guest crashed on a report of family 19h, model A0h, in version 5, when it was given no
 * roots. A Bergamo is Genoa's to the KDS. */
static void answers_a_bergamo_with_and_without_roots(void **state)
{
    (void)state;
    struct synthetic evidence;
    struct snp_result result;
    SYNTHETIC_ISSUED issued;
    synthetic_milan(&evidence);
    evidence.root_name = "ARK-Genoa";
    evidence.middle_name = "SEV-Genoa";
    evidence.report.version = 5;
    evidence.report.cpuid_model = 0xA0;
    synthetic_replace(&evidence, OID "2", "\x16\x05Genoa", 7);
    check_evidence(&evidence, NULL);
    synthetic_issue(&evidence, &issued);
    const struct snp_chain_options none = {.time = SYNTHETIC_NOW};
    assert_int_equal(snp_verify(&issued.evidence, &none, &strict, &result), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "root");
    issued.evidence.certificate_count = 0;
    assert_int_equal(snp_verify(&issued.evidence, &none, &strict, &result), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&result.checks)->rule->name, "certificates");
}

static void refuses_reports_of_other_products(void **state)
{
    (void)state;
    static const struct {
        uint8_t family;
        uint8_t model;
    } others[] = {{0x19, 0xA0}, {0x19, 0x10}, {0x1A, 0x02}, {0x1A, 0x50},
                  {0x17, 0x01}, {0x19, 0x20}, {0, 0},       {0xFF, 0xFF}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        for (uint32_t version = 3; version <= 5; version++) {
            struct synthetic evidence;
            synthetic_milan(&evidence);
            evidence.report.version = version;
            evidence.report.cpuid_family = others[i].family;
            evidence.report.cpuid_model = others[i].model;
            check_evidence(&evidence, "product");
        }
    }
}

/* go-sev-guest#72: the leaf must be of REPORTED_TCB; one of CURRENT_TCB is another key. */
static void refuses_a_leaf_of_the_current_tcb(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.report.reported_tcb[6] = 23;
    check_evidence(&evidence, "reported_tcb");
    for (size_t i = 2; i < 6; i++) { /* bytes that Milan reserves */
        synthetic_milan(&evidence);
        evidence.report.reported_tcb[i] = 1;
        check_evidence(&evidence, "reported_tcb");
    }
}

static void refuses_signing_keys_that_are_none(void **state)
{
    (void)state;
    for (uint32_t key = 1; key < 8; key++) {
        struct synthetic evidence;
        synthetic_milan(&evidence);
        evidence.report.key_info = key << 2;
        check_evidence(&evidence, "signing_key");
    }
}

static void accepts_platform_bits_that_are_not_known(void **state)
{
    (void)state;
    struct synthetic evidence;
    synthetic_milan(&evidence);
    evidence.report.platform_info = UINT64_C(0xFFFFFFFFFFFFFF65);
    check_evidence(&evidence, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_has_nothing_wrong),
        cmocka_unit_test(takes_a_chip_id_for_bytes_whatever_it_begins_with),
        cmocka_unit_test(refuses_every_missing_or_doubled_extension),
        cmocka_unit_test(refuses_security_versions_in_other_encodings),
        cmocka_unit_test(refuses_chip_ids_of_other_sizes_and_other_chips),
        cmocka_unit_test(refuses_a_vlek_for_a_vcek),
        cmocka_unit_test(refuses_names_of_other_products),
        cmocka_unit_test(refuses_names_that_say_simulated_under_another_root),
        cmocka_unit_test(refuses_reports_of_other_products),
        cmocka_unit_test(names_a_venice_and_refuses_it),
        cmocka_unit_test(accepts_a_turin_with_its_fmc_and_its_platform_bits),
        cmocka_unit_test(refuses_a_turin_that_differs_in_any_part_of_its_tcb),
        cmocka_unit_test(refuses_what_chain_and_signature_alone_would_accept),
        cmocka_unit_test(answers_a_bergamo_with_and_without_roots),
        cmocka_unit_test(refuses_a_leaf_of_the_current_tcb),
        cmocka_unit_test(refuses_signing_keys_that_are_none),
        cmocka_unit_test(accepts_platform_bits_that_are_not_known),
    };
    return cmocka_run_group_tests(tests, synthetic_start, synthetic_end);
}
