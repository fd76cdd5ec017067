/*
 * Evidence under a root of this test's own, with one thing wrong each: the traps into which other
 * verifiers have fallen (missing extensions that pass, a VLEK for a VCEK, chip ids read as DER, …).
 */
#include "../check.h"

#include "crypto/issue.h"
#include "evidence/snp_verify.h"

#define NOW       INT64_C(1780272000) /* 2026-06-01T00:00:00Z */
#define OID       "1.3.6.1.4.1.3704.1."
#define LEAF_MAX  16
#define BYTES_MAX 80

static struct error err;
static struct snp_result result;
static struct private_key *authority; /* one key for ARK and ASK: making one takes seconds */
static struct private_key *leaf_key;

struct extension {
    const char *oid;
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

/* All that a case may change before it is signed. */
struct evidence {
    const char *root_name;
    const char *middle_name;
    const char *leaf_name;
    struct extension extensions[LEAF_MAX];
    size_t extension_count;
    struct snp_report report;
};

static void add_extension(struct evidence *evidence, const char *oid, const void *bytes,
                          size_t size)
{
    struct extension *extension = &evidence->extensions[evidence->extension_count++];
    assert_true(size <= BYTES_MAX);
    extension->oid = oid;
    extension->size = size;
    memcpy(extension->bytes, bytes, size);
}

static struct extension *find_extension(struct evidence *evidence, const char *oid)
{
    for (size_t i = 0; i < evidence->extension_count; i++) {
        if (strcmp(evidence->extensions[i].oid, oid) == 0)
            return &evidence->extensions[i];
    }
    fail_msg("no extension %s", oid);
    return NULL;
}

static void drop_extension(struct evidence *evidence, const char *oid)
{
    struct extension *dropped = find_extension(evidence, oid);
    *dropped = evidence->extensions[--evidence->extension_count];
}

static void replace_extension(struct evidence *evidence, const char *oid, const void *bytes,
                              size_t size)
{
    drop_extension(evidence, oid);
    add_extension(evidence, oid, bytes, size);
}

static void make_milan(struct evidence *evidence)
{
    static const uint8_t tcb[8] = {4, 0, 0, 0, 0, 0, 24, 0xDB};
    *evidence = (struct evidence){.root_name = "ARK-Milan",
                                  .middle_name = "SEV-Milan",
                                  .leaf_name = "SEV-VCEK",
                                  .report = {.version = 3,
                                             .policy = 0x30000,
                                             .signature_algorithm = 1,
                                             .cpuid_family = 0x19,
                                             .cpuid_model = 1}};
    struct snp_report *report = &evidence->report;
    memset(report->chip_id, 0x5A, sizeof report->chip_id);
    memcpy(report->current_tcb, tcb, 8);
    memcpy(report->reported_tcb, tcb, 8);
    memcpy(report->committed_tcb, tcb, 8);
    memcpy(report->launch_tcb, tcb, 8);
    add_extension(evidence, OID "1", "\x02\x01\x00", 3);
    add_extension(evidence, OID "2", "\x16\x08Milan-B0", 10);
    add_extension(evidence, OID "3.1", "\x02\x01\x04", 3);
    add_extension(evidence, OID "3.2", "\x02\x01\x00", 3);
    add_extension(evidence, OID "3.3", "\x02\x01\x18", 3);
    add_extension(evidence, OID "3.8", "\x02\x02\x00\xDB", 4);
    add_extension(evidence, OID "4", report->chip_id, sizeof report->chip_id);
}

static int make_keys(void **state)
{
    (void)state;
    authority = private_key_new_rsa4096(&err);
    leaf_key = private_key_new_p384(&err);
    return authority && leaf_key ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    private_key_free(authority);
    private_key_free(leaf_key);
    return 0;
}

static void issue(const char *subject, const char *issuer, bool is_ca,
                  const struct evidence *evidence, struct buf *der)
{
    struct issue_extension extensions[LEAF_MAX];
    size_t count = is_ca ? 0 : evidence->extension_count;
    for (size_t i = 0; i < count; i++)
        extensions[i] = (struct issue_extension){
            evidence->extensions[i].oid,
            span_of(evidence->extensions[i].bytes, evidence->extensions[i].size)};
    const struct issue_request request = {.subject = subject,
                                          .issuer = issuer,
                                          .serial = 1,
                                          .not_before = NOW - 1000,
                                          .not_after = NOW + 1000,
                                          .is_ca = is_ca,
                                          .extensions = extensions,
                                          .extension_count = count};
    check_ok(certificate_issue(&request, is_ca ? authority : leaf_key, authority, der, &err), &err);
}

static void sign(struct snp_report *report, uint8_t bytes[SNP_REPORT_SIZE])
{
    uint8_t digest[SHA384_SIZE];
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    snp_report_write(report, bytes);
    sha384_digest(span_of(bytes, SNP_SIGNED_SIZE), digest);
    check_ok(private_key_sign_p384(leaf_key, digest, r, s, &err), &err);
    for (size_t i = 0; i < P384_SIZE; i++) {
        report->signature_r[i] = r[P384_SIZE - 1 - i];
        report->signature_s[i] = s[P384_SIZE - 1 - i];
    }
    snp_report_write(report, bytes);
}

/* Issues, signs, verifies; `failure` is the first check that must fail, NULL where all must pass.
 */
static void check_evidence(struct evidence *evidence, const char *failure)
{
    BUF_AUTO leaf = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    BUF_AUTO middle = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    BUF_AUTO root = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    uint8_t bytes[SNP_REPORT_SIZE];
    issue(evidence->root_name, evidence->root_name, true, evidence, &root);
    issue(evidence->middle_name, evidence->root_name, true, evidence, &middle);
    issue(evidence->leaf_name, evidence->middle_name, false, evidence, &leaf);
    sign(&evidence->report, bytes);
    struct snp_root trusted = {.simulated = false};
    sha256_digest(buf_span(&root), trusted.digest);
    const struct span certificates[3] = {buf_span(&leaf), buf_span(&middle), buf_span(&root)};
    const struct snp_evidence all = {span_of(bytes, sizeof bytes), certificates, 3};
    const struct snp_chain_options options = {.time = NOW, .roots = &trusted, .root_count = 1};
    const struct snp_appraisal appraisal = {0};
    enum verdict verdict = snp_verify(&all, &options, &appraisal, &result);
    const struct check *first = checks_first_failure(&result.checks);
    if (!failure) {
        if (verdict != VERDICT_ACCEPTED)
            fail_msg("refused by %s: %s", first ? first->rule->name : "?",
                     first ? first->found : "");
        return;
    }
    assert_int_equal(verdict, VERDICT_REFUSED);
    if (strcmp(first->rule->name, failure) != 0)
        fail_msg("refused by %s instead of %s: %s", first->rule->name, failure, first->found);
}

static void accepts_what_has_nothing_wrong(void **state)
{
    (void)state;
    struct evidence evidence;
    make_milan(&evidence);
    check_evidence(&evidence, NULL);
}

/* snpguest#38: the raw bytes were taken for DER, whose INTEGER begins with 02h; 04h is an OCTET
 * STRING's. */
static void takes_a_chip_id_for_bytes_whatever_it_begins_with(void **state)
{
    (void)state;
    static const uint8_t starts[] = {0x02, 0x04, 0x30, 0x00};
    for (size_t i = 0; i < sizeof starts; i++) {
        struct evidence evidence;
        make_milan(&evidence);
        evidence.report.chip_id[0] = starts[i];
        evidence.report.chip_id[1] = 0x3E;
        replace_extension(&evidence, OID "4", evidence.report.chip_id, 64);
        check_evidence(&evidence, NULL);
    }
}

static void refuses_every_missing_or_doubled_extension(void **state)
{
    (void)state;
    static const char *const oids[] = {OID "1",   OID "2",   OID "3.1", OID "3.2",
                                       OID "3.3", OID "3.8", OID "4"};
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        struct evidence evidence;
        make_milan(&evidence);
        drop_extension(&evidence, oids[i]);
        check_evidence(&evidence, "leaf_extensions");
        make_milan(&evidence);
        const struct extension *twice = find_extension(&evidence, oids[i]);
        add_extension(&evidence, oids[i], twice->bytes, twice->size);
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
        struct evidence evidence;
        make_milan(&evidence);
        replace_extension(&evidence, OID "3.1", refused[i].bytes, refused[i].size);
        check_evidence(&evidence, "leaf_extensions");
    }
}

static void refuses_chip_ids_of_other_sizes_and_other_chips(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 8, 32, 63, 65, 66};
    static const uint8_t bytes[66] = {0x04, 0x41};
    struct evidence evidence;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_milan(&evidence);
        replace_extension(&evidence, OID "4", bytes, sizes[i]);
        check_evidence(&evidence, "leaf_extensions");
    }
    make_milan(&evidence);
    evidence.report.chip_id[63] ^= 1;
    check_evidence(&evidence, "chip_id");
    make_milan(&evidence); /* zero, but not said to be masked */
    memset(evidence.report.chip_id, 0, 64);
    check_evidence(&evidence, "chip_id");
}

/* A VLEK is a cloud provider's, for many chips: it may not pass for the key of one. */
static void refuses_a_vlek_for_a_vcek(void **state)
{
    (void)state;
    struct evidence evidence;
    make_milan(&evidence);
    evidence.leaf_name = "SEV-VLEK";
    check_evidence(&evidence, "leaf_extensions"); /* it has a HWID, and no CSP_ID */
    drop_extension(&evidence, OID "4");
    add_extension(&evidence, OID "5", "\x16\x01x", 3);
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
    struct evidence evidence;
    make_milan(&evidence);
    evidence.root_name = "ARK-Genoa";
    check_evidence(&evidence, "certificate_names");
    make_milan(&evidence);
    evidence.middle_name = "SEV-Genoa";
    check_evidence(&evidence, "certificate_names");
    make_milan(&evidence);
    evidence.leaf_name = "SEV-VCEK2";
    check_evidence(&evidence, "certificate_names");
    make_milan(&evidence);
    replace_extension(&evidence, OID "2", "\x16\x05Genoa", 7);
    check_evidence(&evidence, "certificate_names");
    make_milan(&evidence);
    replace_extension(&evidence, OID "2", "\x16\x06Venice", 8);
    check_evidence(&evidence, "leaf_extensions");
}

/* Names as the simulated processor's, under a root that was not named as simulated. */
static void refuses_names_that_say_simulated_under_another_root(void **state)
{
    (void)state;
    struct evidence evidence;
    make_milan(&evidence);
    evidence.root_name = "ARK-SIMULATED";
    evidence.middle_name = "SEV-SIMULATED";
    evidence.leaf_name = "SEV-SIMULATED-VCEK";
    check_evidence(&evidence, "root");
}

/* go-sev-guest crashed on a report of family 19h, model A0h, in version 5. */
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
            struct evidence evidence;
            make_milan(&evidence);
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
    struct evidence evidence;
    make_milan(&evidence);
    evidence.report.reported_tcb[6] = 23;
    check_evidence(&evidence, "reported_tcb");
    for (size_t i = 2; i < 6; i++) { /* bytes that Milan reserves */
        make_milan(&evidence);
        evidence.report.reported_tcb[i] = 1;
        check_evidence(&evidence, "reported_tcb");
    }
}

static void refuses_signing_keys_that_are_none(void **state)
{
    (void)state;
    for (uint32_t key = 1; key < 8; key++) {
        struct evidence evidence;
        make_milan(&evidence);
        evidence.report.key_info = key << 2;
        check_evidence(&evidence, "signing_key");
    }
}

static void accepts_platform_bits_that_are_not_known(void **state)
{
    (void)state;
    struct evidence evidence;
    make_milan(&evidence);
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
        cmocka_unit_test(refuses_a_leaf_of_the_current_tcb),
        cmocka_unit_test(refuses_signing_keys_that_are_none),
        cmocka_unit_test(accepts_platform_bits_that_are_not_known),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
