#include "synthetic.h"

static struct error err;
static struct private_key *authority;
static struct private_key *leaf_key;

int synthetic_start(void **state)
{
    (void)state;
    authority = private_key_new_rsa4096(&err);
    leaf_key = private_key_new_p384(&err);
    return authority && leaf_key ? 0 : -1;
}

int synthetic_end(void **state)
{
    (void)state;
    private_key_free(authority);
    private_key_free(leaf_key);
    return 0;
}

void synthetic_add(struct synthetic *synthetic, const char *oid, const void *bytes, size_t size)
{
    assert_true(synthetic->extension_count < SYNTHETIC_LEAF_MAX);
    struct synthetic_extension *extension = &synthetic->extensions[synthetic->extension_count++];
    assert_true(size <= SYNTHETIC_BYTES_MAX);
    extension->oid = oid;
    extension->size = size;
    memcpy(extension->bytes, bytes, size);
}

void synthetic_drop(struct synthetic *synthetic, const char *oid)
{
    for (size_t i = 0; i < synthetic->extension_count; i++) {
        if (strcmp(synthetic->extensions[i].oid, oid) != 0)
            continue;
        synthetic->extensions[i] = synthetic->extensions[--synthetic->extension_count];
        return;
    }
    fail_msg("no extension %s", oid);
}

void synthetic_replace(struct synthetic *synthetic, const char *oid, const void *bytes, size_t size)
{
    synthetic_drop(synthetic, oid);
    synthetic_add(synthetic, oid, bytes, size);
}

static void set_tcbs(struct snp_report *report, const uint8_t tcb[SNP_TCB_SIZE])
{
    memcpy(report->current_tcb, tcb, SNP_TCB_SIZE);
    memcpy(report->reported_tcb, tcb, SNP_TCB_SIZE);
    memcpy(report->committed_tcb, tcb, SNP_TCB_SIZE);
    memcpy(report->launch_tcb, tcb, SNP_TCB_SIZE);
}

void synthetic_milan(struct synthetic *synthetic)
{
    static const uint8_t tcb[SNP_TCB_SIZE] = {4, 0, 0, 0, 0, 0, 24, 0xDB};
    *synthetic = (struct synthetic){.root_name = "ARK-Milan",
                                    .middle_name = "SEV-Milan",
                                    .leaf_name = "SEV-VCEK",
                                    .report = {.version = 3,
                                               .policy = 0x30000,
                                               .signature_algorithm = 1,
                                               .cpuid_family = 0x19,
                                               .cpuid_model = 1}};
    memset(synthetic->report.chip_id, 0x5A, sizeof synthetic->report.chip_id);
    set_tcbs(&synthetic->report, tcb);
    synthetic_add(synthetic, SYNTHETIC_OID "1", "\x02\x01\x00", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "2", "\x16\x08Milan-B0", 10);
    synthetic_add(synthetic, SYNTHETIC_OID "3.1", "\x02\x01\x04", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.2", "\x02\x01\x00", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.3", "\x02\x01\x18", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.8", "\x02\x02\x00\xDB", 4);
    synthetic_add(synthetic, SYNTHETIC_OID "4", synthetic->report.chip_id, 64);
}

void synthetic_turin(struct synthetic *synthetic)
{
    static const uint8_t tcb[SNP_TCB_SIZE] = {2, 3, 1, 5, 0, 0, 0, 0x48};
    *synthetic = (struct synthetic){.root_name = "ARK-Turin",
                                    .middle_name = "SEV-Turin",
                                    .leaf_name = "SEV-VCEK",
                                    .report = {.version = 5,
                                               .policy = 0x30000,
                                               .signature_algorithm = 1,
                                               .platform_info = 0x65, /* as a real one says */
                                               .cpuid_family = 0x1A,
                                               .cpuid_model = 2}};
    memset(synthetic->report.chip_id, 0x5A, 8);
    set_tcbs(&synthetic->report, tcb);
    synthetic_add(synthetic, SYNTHETIC_OID "1", "\x02\x01\x01", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "2", "\x16\x05Turin", 7);
    synthetic_add(synthetic, SYNTHETIC_OID "3.9", "\x02\x01\x02", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.1", "\x02\x01\x03", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.2", "\x02\x01\x01", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.3", "\x02\x01\x05", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "3.8", "\x02\x01\x48", 3);
    synthetic_add(synthetic, SYNTHETIC_OID "4", synthetic->report.chip_id, 8);
}

static void issue(const char *subject, const char *issuer, bool is_ca,
                  const struct synthetic *synthetic, struct buf *der)
{
    struct issue_extension extensions[SYNTHETIC_LEAF_MAX];
    size_t count = is_ca ? 0 : synthetic->extension_count;
    for (size_t i = 0; i < count; i++)
        extensions[i] = (struct issue_extension){
            synthetic->extensions[i].oid,
            span_of(synthetic->extensions[i].bytes, synthetic->extensions[i].size)};
    const struct issue_request request = {.subject = subject,
                                          .issuer = issuer,
                                          .serial = 1,
                                          .not_before = SYNTHETIC_NOW - SYNTHETIC_LIFE,
                                          .not_after = SYNTHETIC_NOW + SYNTHETIC_LIFE,
                                          .is_ca = is_ca,
                                          .extensions = extensions,
                                          .extension_count = count};
    buf_init(der, CERTIFICATE_DER_MAX);
    check_ok(certificate_issue(&request, is_ca ? authority : leaf_key, authority, der, &err), &err);
}

void synthetic_sign(struct snp_report *report, uint8_t bytes[SNP_REPORT_SIZE])
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

void synthetic_issue(struct synthetic *synthetic, struct synthetic_issued *issued)
{
    issue(synthetic->leaf_name, synthetic->middle_name, false, synthetic, &issued->der[0]);
    issue(synthetic->middle_name, synthetic->root_name, true, synthetic, &issued->der[1]);
    issue(synthetic->root_name, synthetic->root_name, true, synthetic, &issued->der[2]);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        issued->chain[i] = buf_span(&issued->der[i]);
    synthetic_sign(&synthetic->report, issued->report);
    issued->root = (struct trusted_root){.simulated = false};
    sha256_digest(issued->chain[2], issued->root.digest);
    issued->evidence = (struct snp_evidence){span_of(issued->report, SNP_REPORT_SIZE),
                                             issued->chain, SNP_CHAIN_LENGTH};
}

void synthetic_fini(struct synthetic_issued *issued)
{
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        buf_fini(&issued->der[i]);
}

const struct snp_result *synthetic_check(struct synthetic *synthetic,
                                         const struct snp_appraisal *appraisal, const char *failure)
{
    static struct snp_result result;
    SYNTHETIC_ISSUED issued;
    synthetic_issue(synthetic, &issued);
    const struct snp_chain_options options = {
        .time = SYNTHETIC_NOW, .roots = &issued.root, .root_count = 1};
    enum verdict verdict = snp_verify(&issued.evidence, &options, appraisal, &result);
    const struct check *first = checks_first_failure(&result.checks);
    if (!failure) {
        if (verdict != VERDICT_ACCEPTED)
            fail_msg("refused by %s: %s", first ? first->rule->name : "?",
                     first ? first->found : "");
        return &result;
    }
    assert_int_equal(verdict, VERDICT_REFUSED);
    assert_non_null(first);
    if (strcmp(first->rule->name, failure) != 0)
        fail_msg("refused by %s instead of %s: %s", first->rule->name, failure, first->found);
    return &result;
}
