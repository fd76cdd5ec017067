/*
 * What verifying an SEV-SNP report costs, against what cannot be left out: OpenSSL's own checks of
 * the same signatures, in the same run. The evidence is made here, in AMD's form: RSA of 4096 bits
 * for the certificates, ECDSA on P-384 for the report.
 *
 * Floor and verifier take turns, and each figure is the median of the ratios of neighbours: what
 * else runs on this machine hits both.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/issue.h"
#include "evidence/snp_verify.h"
#include "timing.h"

#define NOW INT64_C(1780272000) /* 2026-06-01T00:00:00Z */
#define OID "1.3.6.1.4.1.3704.1."

static struct private_key *authority;
static struct private_key *leaf_key;
static struct buf der[SNP_CHAIN_LENGTH];
static struct span chain[SNP_CHAIN_LENGTH];
static uint8_t report[SNP_REPORT_SIZE];
static struct trusted_root root;
static struct snp_evidence evidence;
static struct snp_chain_options options = {.time = NOW, .roots = &root, .root_count = 1};
static const struct snp_appraisal strict;

/* ---- the evidence ---- */

static void issue(const char *subject, const char *issuer, int place)
{
    static const uint8_t hwid[64] = {0x5A};
    const struct issue_extension extensions[] = {
        {OID "1", span_of("\x02\x01\x00", 3)},   {OID "2", span_of("\x16\x05Milan", 7)},
        {OID "3.1", span_of("\x02\x01\x04", 3)}, {OID "3.2", span_of("\x02\x01\x00", 3)},
        {OID "3.3", span_of("\x02\x01\x18", 3)}, {OID "3.8", span_of("\x02\x02\x00\xDB", 4)},
        {OID "4", span_of(hwid, sizeof hwid)}};
    const struct issue_request request = {.subject = subject,
                                          .issuer = issuer,
                                          .serial = 1,
                                          .not_before = NOW - 1000,
                                          .not_after = NOW + 1000,
                                          .is_ca = place > 0,
                                          .extensions = extensions,
                                          .extension_count = place > 0 ? 0 : 7};
    buf_init(&der[place], CERTIFICATE_DER_MAX);
    require(certificate_issue(&request, place > 0 ? authority : leaf_key, authority, &der[place],
                              NULL) == 0,
            "a certificate cannot be made");
    chain[place] = buf_span(&der[place]);
}

static void sign(struct snp_report *fields)
{
    uint8_t digest[SHA384_SIZE];
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    snp_report_write(fields, report);
    sha384_digest(span_of(report, SNP_SIGNED_SIZE), digest);
    require(private_key_sign_p384(leaf_key, digest, r, s, NULL) == 0, "no signature");
    for (size_t i = 0; i < P384_SIZE; i++) {
        fields->signature_r[i] = r[P384_SIZE - 1 - i];
        fields->signature_s[i] = s[P384_SIZE - 1 - i];
    }
    snp_report_write(fields, report);
}

static void make_evidence(void)
{
    static const uint8_t tcb[SNP_TCB_SIZE] = {4, 0, 0, 0, 0, 0, 24, 0xDB};
    struct snp_report fields = {.version = 3,
                                .policy = 0x30000,
                                .signature_algorithm = 1,
                                .cpuid_family = 0x19,
                                .cpuid_model = 1,
                                .chip_id = {0x5A}};
    memcpy(fields.current_tcb, tcb, sizeof tcb);
    memcpy(fields.reported_tcb, tcb, sizeof tcb);
    memcpy(fields.committed_tcb, tcb, sizeof tcb);
    memcpy(fields.launch_tcb, tcb, sizeof tcb);
    authority = private_key_new_rsa4096(NULL);
    leaf_key = private_key_new_p384(NULL);
    require(authority && leaf_key, "no keys can be made");
    issue("SEV-VCEK", "SEV-Milan", 0);
    issue("SEV-Milan", "ARK-Milan", 1);
    issue("ARK-Milan", "ARK-Milan", 2);
    sha256_digest(chain[2], root.digest);
    sign(&fields);
    evidence = (struct snp_evidence){span_of(report, sizeof report), chain, SNP_CHAIN_LENGTH};
}

/* ---- the floor ---- */

struct floor {
    X509 *certificates[SNP_CHAIN_LENGTH];
    EVP_PKEY *keys[SNP_CHAIN_LENGTH];
    EVP_PKEY_CTX *ctx; /* ready to verify by the leaf's key */
    uint8_t signature[128];
    size_t signature_size;
    uint8_t digest[SHA384_SIZE];
};

/* r and s as they lie in the report, to SEQUENCE { INTEGER, INTEGER }. */
static size_t write_integer(uint8_t *out, const uint8_t *little_endian)
{
    size_t size = P384_SIZE;
    size_t at = 0;
    while (size > 1 && little_endian[size - 1] == 0)
        size--;
    bool pad = (little_endian[size - 1] & 0x80) != 0;
    out[at++] = 2;
    out[at++] = (uint8_t)(size + pad);
    if (pad)
        out[at++] = 0;
    for (size_t i = 0; i < size; i++)
        out[at++] = little_endian[size - 1 - i];
    return at;
}

static void floor_init(struct floor *floor)
{
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++) {
        const unsigned char *at = chain[i].data;
        floor->certificates[i] = d2i_X509(NULL, &at, (long)chain[i].size);
        require(floor->certificates[i] != NULL, "OpenSSL cannot read a certificate");
        floor->keys[i] = X509_get0_pubkey(floor->certificates[i]);
    }
    size_t size = write_integer(floor->signature + 2, report + 0x2A0);
    size += write_integer(floor->signature + 2 + size, report + 0x2E8);
    floor->signature[0] = 0x30;
    floor->signature[1] = (uint8_t)size;
    floor->signature_size = size + 2;
    sha384_digest(span_of(report, SNP_SIGNED_SIZE), floor->digest);
    floor->ctx = EVP_PKEY_CTX_new(floor->keys[0], NULL);
    require(floor->ctx && EVP_PKEY_verify_init(floor->ctx) == 1, "OpenSSL cannot verify");
}

static void floor_fini(struct floor *floor)
{
    EVP_PKEY_CTX_free(floor->ctx);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        X509_free(floor->certificates[i]);
}

static void floor_report(const void *subject)
{
    const struct floor *floor = subject;
    require(EVP_PKEY_verify(floor->ctx, floor->signature, floor->signature_size, floor->digest,
                            SHA384_SIZE) == 1,
            "OpenSSL refuses the report's signature");
}

/* The report's, and those of leaf, intermediate and root, by keys that are at hand. */
static void floor_chain(const void *subject)
{
    const struct floor *floor = subject;
    static const int issuers[SNP_CHAIN_LENGTH] = {1, 2, 2};
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        require(X509_verify(floor->certificates[i], floor->keys[issuers[i]]) == 1,
                "OpenSSL refuses a certificate");
    floor_report(floor);
}

/* The same from the bytes: OpenSSL reads the certificates, and with them the keys, and checks. */
static void floor_from_bytes(const void *subject)
{
    const struct floor *floor = subject;
    struct floor fresh = *floor;
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++) {
        const unsigned char *at = chain[i].data;
        fresh.certificates[i] = d2i_X509(NULL, &at, (long)chain[i].size);
        require(fresh.certificates[i] != NULL, "OpenSSL cannot read a certificate");
        fresh.keys[i] = X509_get0_pubkey(fresh.certificates[i]);
    }
    fresh.ctx = EVP_PKEY_CTX_new(fresh.keys[0], NULL);
    require(fresh.ctx && EVP_PKEY_verify_init(fresh.ctx) == 1, "OpenSSL cannot verify");
    floor_chain(&fresh);
    floor_fini(&fresh);
}

/* ---- the verifier ---- */

static void verify_cold(const void *subject)
{
    static struct snp_result result;
    (void)subject;
    require(snp_verify(&evidence, &options, &strict, &result) == VERDICT_ACCEPTED, "refused");
}

static void verify_cached(const void *cache)
{
    static _Thread_local struct snp_result result;
    require(snp_verify_cached(cache, &evidence, NOW, &strict, &result) == VERDICT_ACCEPTED,
            "refused");
}

/* ---- the figures ---- */

int main(void)
{
    struct floor floor;
    make_evidence();
    floor_init(&floor);
    struct snp_chain_cache *cache = snp_chain_cache_new(16, &options, NULL);
    require(cache && snp_chain_cache_add(cache, &evidence, NOW, NULL) == 0, "no cache");
    struct figure cached = compare(floor_report, &floor, verify_cached, cache);
    struct figure cold = compare(floor_from_bytes, &floor, verify_cold, NULL);
    struct figure bare = compare(floor_chain, &floor, verify_cold, NULL);
    print_ratio("SNP report, chain cached", &cached, "OpenSSL's bare P-384 verify", 1.1);
    print_ratio("SNP report, all cold", &cold,
                "OpenSSL's four signature checks, keys read from the certificates", 1.1);
    print_ratio("the same over the four checks with keys at hand", &bare, "", 0);
    print_throughput("SNP reports a second, chain cached", verify_cached, cache);
    snp_chain_cache_free(cache);
    floor_fini(&floor);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        buf_fini(&der[i]);
    private_key_free(authority);
    private_key_free(leaf_key);
    return 0;
}
