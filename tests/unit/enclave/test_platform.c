/* The platform of simulated SGX: its folder, its quotes, and who refuses them. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "enclave/model_keys.h"
#include "enclave/platform.h"
#include "evidence/dcap_verify.h"
#include "os/file.h"
#include "os/output.h"

#define NOW    INT64_C(1780272000) /* 2026-06-01 */
#define STARTS 3
#define PATHS  4096

/* Header, report, size; signature and key; the quoting component's report, signature and auth data;
 * type and size of the chain, which follows. */
#define CHAIN_AT (48 + DCAP_SGX_SIZE + 4 + 128 + DCAP_SGX_SIZE + 64 + 2 + 13 + 6)

static struct error err;
static char top[PATHS - 64];
static char dir[PATHS];
static char copy[PATHS];
static struct sgx_secs secs = {
    .attributes = {.flags = SGX_INIT | SGX_MODE64 | SGX_KSS, .xfrm = SGX_XFRM_LEGACY},
    .mrenclave = {1, 2, 3},
    .mrsigner = {4, 5, 6},
    .config_id = {7, 8, 9},
    .config_svn = 10,
};
static const uint8_t data[SGX_REPORT_DATA_SIZE] = {11, 12, 13};
static const char *const files[] = {"fuse.key", "pck.key", "pck.pem", "root.pem",
                                    "collateral.json"};
#define FILE_COUNT (sizeof files / sizeof *files)

static void path_of(char out[2 * PATHS], const char *folder, const char *name)
{
    (void)snprintf(out, 2 * PATHS, "%s/%s", folder, name);
}

static void read_file(const char *folder, const char *name, struct buf *out)
{
    char path[2 * PATHS];
    path_of(path, folder, name);
    check_ok(file_read(path, out, &err), &err);
}

static void write_file(const char *folder, const char *name, struct span bytes)
{
    char path[2 * PATHS];
    path_of(path, folder, name);
    check_ok(output_write(path, bytes, 0600, &err), &err);
}

static void remove_files(const char *folder)
{
    char path[2 * PATHS];
    for (size_t i = 0; i < FILE_COUNT; i++) {
        path_of(path, folder, files[i]);
        (void)unlink(path);
    }
    path_of(path, folder, "lock");
    (void)unlink(path);
    (void)rmdir(folder);
}

/* Several first starts at once make one platform. */
static int make_platform(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(top, sizeof top, "%s/caisson-platform-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof dir, "%s/sgx", top);
    (void)snprintf(copy, sizeof copy, "%s/copy", top);
    pid_t starts[STARTS];
    for (int i = 0; i < STARTS; i++) {
        starts[i] = fork();
        if (starts[i] == 0)
            _exit(platform_open(dir, &err) ? 0 : 1);
    }
    for (int i = 0; i < STARTS; i++) {
        int status = -1;
        assert_int_equal(waitpid(starts[i], &status, 0), starts[i]);
        assert_int_equal(status, 0);
    }
    return 0;
}

static int remove_platform(void **state)
{
    (void)state;
    remove_files(copy);
    remove_files(dir);
    return rmdir(top);
}

static struct platform *open_platform(void)
{
    struct platform *platform = platform_open(dir, &err);
    if (!platform)
        fail_msg("%s", err.text);
    return platform;
}

static void copy_platform(void)
{
    remove_files(copy);
    assert_int_equal(mkdir(copy, 0700), 0);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        read_file(dir, files[i], &bytes);
        write_file(copy, files[i], buf_span(&bytes));
    }
}

/* What EREPORT of the model makes for this target, or for the platform's own. */
static void report(const struct platform *platform, const struct sgx_targetinfo *target,
                   struct sgx_report *out)
{
    static const uint8_t zero[16];
    const struct model_identity who = {&secs, zero, zero};
    struct sgx_targetinfo own;
    platform_target(&own);
    check_ok(model_report(platform_fuse(platform), &who, target ? target : &own, data, out, &err),
             &err);
}

/* The platform's root as a verifier is given it, and its collateral. */
struct judge {
    struct buf collateral;
    struct dcap_parts parts;
    struct trusted_root root;
    struct dcap_options options;
    struct dcap_result result;
};

static void judge_init(struct judge *judge)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(65536);
    *judge = (struct judge){.collateral = BUF_WITH_LIMIT(65536)};
    read_file(dir, "root.pem", &pem);
    read_file(dir, "collateral.json", &judge->collateral);
    check_ok(trusted_root_read(buf_span(&pem), &judge->root, NULL, &err), &err);
    check_ok(dcap_parts_parse(buf_span(&judge->collateral), &judge->parts, &err), &err);
    judge->options = (struct dcap_options){.time = NOW, .roots = &judge->root, .root_count = 1};
}

static void judge_fini(struct judge *judge)
{
    dcap_parts_fini(&judge->parts);
    buf_fini(&judge->collateral);
}
#define JUDGE_AUTO __attribute__((cleanup(judge_fini))) struct judge

static enum verdict judge_quote(struct judge *judge, struct span quote)
{
    static const struct dcap_appraisal any;
    return dcap_verify(quote, &judge->parts, &judge->options, &any, &judge->result);
}

static void make_quote(struct buf *quote)
{
    PLATFORM_AUTO *platform = open_platform();
    struct sgx_report made;
    report(platform, NULL, &made);
    check_ok(platform_quote(platform, &made, quote, &err), &err);
}

static void expect_refusal(struct judge *judge, struct span quote, const char *check)
{
    assert_int_equal(judge_quote(judge, quote), VERDICT_REFUSED);
    assert_string_equal(checks_first_failure(&judge->result.checks)->rule->name, check);
}

static void quotes_what_the_report_says(void **state)
{
    (void)state;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    JUDGE_AUTO judge;
    judge_init(&judge);
    make_quote(&quote);
    assert_int_equal(judge_quote(&judge, buf_span(&quote)), VERDICT_ACCEPTED);
    assert_true(judge.result.simulated);
    const struct dcap_quote *read = &judge.result.quote;
    assert_int_equal(read->version, 3);
    assert_int_equal(read->certification_type, DCAP_CERTIFICATION_PCK_CHAIN);
    assert_memory_equal(dcap_quote_get(read, DCAP_MRENCLAVE).data, secs.mrenclave, 32);
    assert_memory_equal(dcap_quote_get(read, DCAP_MRSIGNER).data, secs.mrsigner, 32);
    assert_memory_equal(dcap_quote_get(read, DCAP_CONFIGID).data, secs.config_id, 64);
    assert_memory_equal(dcap_quote_get(read, DCAP_REPORT_DATA).data, data, 64);
    assert_int_equal(dcap_report_get_u16(read->body, read->report, DCAP_CONFIGSVN), 10);
}

static void holds_from_2020_to_2049(void **state)
{
    (void)state;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    JUDGE_AUTO judge;
    judge_init(&judge);
    make_quote(&quote);
    judge.options.time = INT64_C(2524607999);
    assert_int_equal(judge_quote(&judge, buf_span(&quote)), VERDICT_ACCEPTED);
    judge.options.time++;
    expect_refusal(&judge, buf_span(&quote), "collateral_validity");
    judge.options.time = INT64_C(1577836799);
    expect_refusal(&judge, buf_span(&quote), "collateral_validity");
}

static void is_refused_unless_its_root_is_named_as_simulated(void **state)
{
    (void)state;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    JUDGE_AUTO judge;
    judge_init(&judge);
    make_quote(&quote);
    judge.options.root_count = 0;
    expect_refusal(&judge, buf_span(&quote), "collateral_root");
    judge.options.root_count = 1;
    judge.root.simulated = false;
    expect_refusal(&judge, buf_span(&quote), "collateral_root");
    judge.root.simulated = true;
    judge.root.digest[0] ^= 1;
    expect_refusal(&judge, buf_span(&quote), "collateral_root");
}

static void every_name_says_simulated(void **state)
{
    (void)state;
    BUF_AUTO chain = BUF_WITH_LIMIT(65536);
    read_file(dir, "pck.pem", &chain);
    struct span pem = buf_span(&chain);
    for (int i = 0; i < 3; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        check_ok(certificate_pem_next(&pem, &der, &err), &err);
        CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&der), &err);
        assert_non_null(certificate);
        assert_true(text_starts_with(certificate_name(certificate), "SIMULATED SGX "));
    }
    assert_int_equal(pem.size, 0);
}

static void refuses_a_quote_with_any_bit_changed(void **state)
{
    (void)state;
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    JUDGE_AUTO judge;
    struct checks checks;
    static const struct dcap_appraisal any;
    judge_init(&judge);
    make_quote(&quote);
    checks_init(&checks);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&judge.parts, &judge.options, &checks);
    /* The same, with the chain of certificates checked before: cheaper. */
    judge.parts.pck_certificate_chain = span_of(quote.data + CHAIN_AT, quote.size - CHAIN_AT);
    DCAP_COLLATERAL_AUTO *cached = dcap_collateral_new(&judge.parts, &judge.options, &checks);
    assert_true(collateral && cached);
    /* All that is signed; of the certificates, whose own tests change each bit, a part. */
    const size_t signed_bits = (size_t)8 * (CHAIN_AT - 6); /* not type and size of the chain */
    for (size_t at = 0; at < 8 * quote.size; at += at < signed_bits ? 1 : 61) {
        const struct dcap_collateral *by = at < signed_bits ? cached : collateral;
        quote.data[at / 8] ^= (uint8_t)(1U << (at % 8));
        if (dcap_verify_quote(buf_span(&quote), by, &any, &judge.result) != VERDICT_REFUSED)
            fail_msg("bit %zu of byte %zu may be flipped", at % 8, at / 8);
        quote.data[at / 8] ^= (uint8_t)(1U << (at % 8));
    }
    assert_int_equal(dcap_verify_quote(buf_span(&quote), cached, &any, &judge.result),
                     VERDICT_ACCEPTED);
}

static void quotes_no_report_that_is_not_for_it(void **state)
{
    (void)state;
    PLATFORM_AUTO *platform = open_platform();
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    struct sgx_report made;
    struct sgx_targetinfo other;
    report(platform, NULL, &made);
    uint8_t *bytes = (uint8_t *)&made;
    for (size_t at = 0; at < (size_t)8 * SGX_REPORT_SIZE; at += 3) {
        bytes[at / 8] ^= (uint8_t)(1U << (at % 8));
        check_error(platform_quote(platform, &made, &quote, &err), &err, ERROR_REFUSED);
        bytes[at / 8] ^= (uint8_t)(1U << (at % 8));
    }
    platform_target(&other);
    other.mrenclave[0] ^= 1;
    report(platform, &other, &made);
    check_error(platform_quote(platform, &made, &quote, &err), &err, ERROR_REFUSED);
    assert_int_equal(quote.size, 0);
}

static void quotes_no_report_of_another_platform(void **state)
{
    (void)state;
    uint8_t fuse[SGX_KEY_SIZE] = {1};
    static const uint8_t zero[16];
    const struct model_identity who = {&secs, zero, zero};
    PLATFORM_AUTO *platform = open_platform();
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    struct sgx_report made;
    struct sgx_targetinfo target;
    platform_target(&target);
    check_ok(model_report(fuse, &who, &target, data, &made, &err), &err);
    check_error(platform_quote(platform, &made, &quote, &err), &err, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "SIMULATED SGX"));
}

static void keeps_its_files_private_and_its_fuses(void **state)
{
    (void)state;
    struct stat info;
    char path[2 * PATHS];
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        path_of(path, dir, files[i]);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
    }
    PLATFORM_AUTO *first = open_platform();
    PLATFORM_AUTO *second = open_platform();
    assert_memory_equal(platform_fuse(first), platform_fuse(second), SGX_KEY_SIZE);
    assert_true(span_equal(platform_collateral(first), platform_collateral(second)));
}

/* Opens the copy and expects a refusal with these words. */
static void check_damaged(const char *words)
{
    err = (struct error){0};
    assert_null(platform_open(copy, &err));
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
}

static void refuses_a_damaged_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        copy_platform();
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        read_file(copy, files[i], &bytes);
        write_file(copy, files[i], span_of(bytes.data, bytes.size / 2));
        check_damaged("damaged");
        write_file(copy, files[i], span_of(NULL, 0));
        check_damaged("damaged");
        if (i == 0)
            continue; /* any 16 bytes are fuses */
        bytes.data[bytes.size / 2] ^= 2;
        write_file(copy, files[i], buf_span(&bytes));
        check_damaged("damaged");
    }
}

static void refuses_a_missing_file(void **state)
{
    (void)state;
    char path[2 * PATHS];
    for (size_t i = 0; i + 1 < FILE_COUNT; i++) {
        copy_platform();
        path_of(path, copy, files[i]);
        assert_int_equal(unlink(path), 0);
        check_damaged("damaged");
    }
}

/* Without the last file it was never finished: all are made anew. */
static void begins_again_where_the_last_file_is_missing(void **state)
{
    (void)state;
    char path[2 * PATHS];
    copy_platform();
    path_of(path, copy, "collateral.json");
    assert_int_equal(unlink(path), 0);
    PLATFORM_AUTO *renewed = platform_open(copy, &err);
    assert_non_null(renewed);
    PLATFORM_AUTO *old = open_platform();
    assert_memory_not_equal(platform_fuse(renewed), platform_fuse(old), SGX_KEY_SIZE);
}

static void refuses_files_of_two_platforms(void **state)
{
    (void)state;
    for (size_t i = 1; i < FILE_COUNT; i++) { /* fuses go with any */
        remove_files(copy);
        platform_close(platform_open(copy, &err));
        BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
        read_file(dir, files[i], &bytes);
        write_file(copy, files[i], buf_span(&bytes));
        check_damaged("damaged");
    }
}

static void refuses_files_that_others_can_read(void **state)
{
    (void)state;
    char path[2 * PATHS];
    for (size_t i = 0; i < 2; i++) {
        copy_platform();
        path_of(path, copy, files[i]);
        assert_int_equal(chmod(path, 0640), 0);
        check_damaged("0600");
    }
    copy_platform();
    assert_int_equal(chmod(copy, 0755), 0);
    check_damaged("0700");
    assert_int_equal(chmod(copy, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_what_the_report_says),
        cmocka_unit_test(holds_from_2020_to_2049),
        cmocka_unit_test(is_refused_unless_its_root_is_named_as_simulated),
        cmocka_unit_test(every_name_says_simulated),
        cmocka_unit_test(refuses_a_quote_with_any_bit_changed),
        cmocka_unit_test(quotes_no_report_that_is_not_for_it),
        cmocka_unit_test(quotes_no_report_of_another_platform),
        cmocka_unit_test(keeps_its_files_private_and_its_fuses),
        cmocka_unit_test(refuses_a_damaged_file),
        cmocka_unit_test(refuses_a_missing_file),
        cmocka_unit_test(begins_again_where_the_last_file_is_missing),
        cmocka_unit_test(refuses_files_of_two_platforms),
        cmocka_unit_test(refuses_files_that_others_can_read),
    };
    return cmocka_run_group_tests(tests, make_platform, remove_platform);
}
