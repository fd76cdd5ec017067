/*
 * Every accepted vector, changed or cut anywhere: refused. With the argument "all", every bit that
 * is signed and every byte of the leaf; else one bit of each fourth byte, and a byte here and
 * there.
 */
#include "../check.h"
#include "../vectors.h"

#include "evidence/snp_verify.h"
#include "format/timestamp.h"

#define FILE_MAX 65536

static struct error err;
static struct snp_result result;
static bool all;

static const struct vector {
    const char *report;
    const char *chain[SNP_CHAIN_LENGTH];
    const char *time;
    bool own_root; /* the vector's root is nobody's: named */
    struct snp_appraisal appraisal;
} vectors[] = {
    {"snp/milan-v3.report.bin",
     {"snp/milan-v3.vcek.der", "roots/milan_ask.der", "roots/milan_ark.der"},
     "2026-06-01T00:00:00Z",
     false,
     {0}},
    {"snp/genoa-v3.report.bin",
     {"snp/genoa-v3.vcek.der", "roots/genoa_ask.der", "roots/genoa_ark.der"},
     "2026-06-01T00:00:00Z",
     false,
     {0}},
    {"snp/milan-v2-aci.report.bin",
     {"snp/milan-v2-aci.vcek.der", "roots/milan_ask.der", "roots/milan_ark.der"},
     "2024-06-01T00:00:00Z",
     false,
     {0}},
    {"snp/milan-v2-debug.report.bin",
     {"snp/milan-v2-debug.vcek.der", "roots/milan_ask.der", "roots/milan_ark.der"},
     "2024-06-01T00:00:00Z",
     false,
     {.allow_debug = true}},
    {"snp/milan-v3-vlek-a.report.bin",
     {"snp/milan-v3-vlek-a.vlek.der", "roots/milan_asvk.der", "roots/milan_ark.der"},
     "2025-06-01T00:00:00Z",
     false,
     {.vmpl_max = 1, .allow_provisional_firmware = true}},
#define SYNTHETIC(name, middle, root)                                                              \
    "snp-synth/" name ".report.bin",                                                               \
        {"snp-synth/" name ".leaf.der", "snp-synth/" middle ".der", "snp-synth/" root ".der"},     \
        "2026-06-01T00:00:00Z", true
    {SYNTHETIC("ok-v3-milan", "milan_ask", "milan_ark"), {0}},
    {SYNTHETIC("ok-v2-milan", "milan_ask", "milan_ark"), {0}},
    {SYNTHETIC("ok-hwid-wrapped", "milan_ask", "milan_ark"), {0}},
    {SYNTHETIC("ok-masked-chipid", "milan_ask", "milan_ark"), {.allow_masked_chip_id = true}},
    {SYNTHETIC("ok-vlek", "milan_asvk", "milan_ark"), {0}},
    {SYNTHETIC("ok-turin-v5", "turin_ask", "turin_ark"), {0}},
};

#define VECTORS (sizeof vectors / sizeof *vectors)

/* A vector's files, whose bytes a test changes and puts back. */
struct files {
    struct buf report;
    struct buf certificates[SNP_CHAIN_LENGTH];
    struct trusted_root root;
    struct snp_chain_options options;
};

static void read_file(const char *name, struct buf *out)
{
    char path[256];
    buf_init(out, FILE_MAX);
    (void)snprintf(path, sizeof path, "attest/%s", name);
    vectors_read(path, out);
}

static void open_vector(const struct vector *vector, struct files *files)
{
    *files = (struct files){.root = {.simulated = false}};
    read_file(vector->report, &files->report);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        read_file(vector->chain[i], &files->certificates[i]);
    sha256_digest(buf_span(&files->certificates[2]), files->root.digest);
    assert_true(timestamp_read(vector->time, &files->options.time));
    files->options.roots = &files->root;
    files->options.root_count = vector->own_root ? 1 : 0;
}

static void close_vector(struct files *files)
{
    buf_fini(&files->report);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        buf_fini(&files->certificates[i]);
}

static enum verdict verify(const struct files *files, const struct snp_appraisal *appraisal,
                           const struct snp_chain_cache *cache)
{
    struct span chain[SNP_CHAIN_LENGTH];
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        chain[i] = buf_span(&files->certificates[i]);
    const struct snp_evidence evidence = {buf_span(&files->report), chain, SNP_CHAIN_LENGTH};
    return cache ? snp_verify_cached(cache, &evidence, files->options.time, appraisal, &result)
                 : snp_verify(&evidence, &files->options, appraisal, &result);
}

static struct snp_chain_cache *make_cache(const struct files *files)
{
    struct span chain[SNP_CHAIN_LENGTH];
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        chain[i] = buf_span(&files->certificates[i]);
    const struct snp_evidence evidence = {buf_span(&files->report), chain, SNP_CHAIN_LENGTH};
    struct snp_chain_cache *cache = snp_chain_cache_new(1, &files->options, &err);
    assert_non_null(cache);
    check_ok(snp_chain_cache_add(cache, &evidence, files->options.time, &err), &err);
    return cache;
}

static void refuses_a_report_with_any_bit_changed(void **state)
{
    (void)state;
    vectors_need("attest/snp-synth");
    for (size_t i = 0; i < VECTORS; i++) {
        struct files files;
        open_vector(&vectors[i], &files);
        SNP_CHAIN_CACHE_AUTO *cache = make_cache(&files);
        assert_int_equal(verify(&files, &vectors[i].appraisal, cache), VERDICT_ACCEPTED);
        for (size_t bit = 0; bit < (size_t)8 * SNP_REPORT_SIZE; bit++) {
            bool once = bit % 8 == (bit / 8 + i) % 8; /* one bit a byte */
            if (all ? !once && bit / 8 >= SNP_SIGNED_SIZE : !once || bit / 8 % 4 != i % 4)
                continue;
            files.report.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            if (verify(&files, &vectors[i].appraisal, cache) != VERDICT_REFUSED)
                fail_msg("%s: bit %zu may change", vectors[i].report, bit);
            files.report.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_ACCEPTED);
        close_vector(&files);
    }
}

static void refuses_a_report_of_any_other_size(void **state)
{
    (void)state;
    vectors_need("attest/snp-synth");
    for (size_t i = 0; i < VECTORS; i++) {
        struct files files;
        open_vector(&vectors[i], &files);
        for (size_t size = 0; size < SNP_REPORT_SIZE; size++) {
            files.report.size = size;
            assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_REFUSED);
            assert_string_equal(checks_first_failure(&result.checks)->rule->name, "report_format");
        }
        files.report.size = SNP_REPORT_SIZE;
        check_ok(buf_append_byte(&files.report, 0, &err), &err);
        assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_REFUSED);
        close_vector(&files);
    }
}

static void refuses_certificates_with_any_byte_changed(void **state)
{
    (void)state;
    vectors_need("attest/snp-synth");
    for (size_t i = 0; i < VECTORS; i++) {
        struct files files;
        open_vector(&vectors[i], &files);
        for (int j = 0; j < SNP_CHAIN_LENGTH; j++) {
            struct buf *der = &files.certificates[j];
            size_t step = all ? (j == 0 ? 1 : 11) : 211;
            for (size_t at = i % step; at < der->size; at += step) {
                der->data[at] ^= (uint8_t)(1U << (at % 8));
                if (verify(&files, &vectors[i].appraisal, NULL) != VERDICT_REFUSED)
                    fail_msg("%s: byte %zu may change", vectors[i].chain[j], at);
                der->data[at] ^= (uint8_t)(1U << (at % 8));
            }
        }
        assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_ACCEPTED);
        close_vector(&files);
    }
}

static void refuses_certificates_that_are_cut(void **state)
{
    (void)state;
    vectors_need("attest/snp-synth");
    for (size_t i = 0; i < VECTORS; i++) {
        struct files files;
        open_vector(&vectors[i], &files);
        for (int j = 0; j < SNP_CHAIN_LENGTH; j++) {
            struct buf *der = &files.certificates[j];
            size_t whole = der->size;
            for (size_t size = 0; size < whole; size += all ? 1 : 97) {
                der->size = size;
                assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_REFUSED);
                assert_string_equal(checks_first_failure(&result.checks)->rule->name,
                                    "certificates");
            }
            der->size = whole;
        }
        assert_int_equal(verify(&files, &vectors[i].appraisal, NULL), VERDICT_ACCEPTED);
        close_vector(&files);
    }
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_report_with_any_bit_changed),
        cmocka_unit_test(refuses_a_report_of_any_other_size),
        cmocka_unit_test(refuses_certificates_with_any_byte_changed),
        cmocka_unit_test(refuses_certificates_that_are_cut),
    };
    all = argc > 1 && strcmp(argv[1], "all") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
