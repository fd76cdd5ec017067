#include "evidence/tpm_quote.h"

#include <stdio.h>

#include "base/cursor.h"
#include "base/hex.h"

/* TPM 2.0 Library, Part 2, sections 6.2, 6.3 and 6.9. */
#define TPM_GENERATED_VALUE 0xff544347U
#define TPM_ST_ATTEST_QUOTE 0x8018U
#define TPM_ALG_SHA256      0x000bU
#define TPM_ALG_RSASSA      0x0014U

#define NAME_MAX_SIZE 66 /* a hash's algorithm and the hash, SHA-512's at most */
#define SELECT_SIZE   3  /* bytes of the bitmap of TPM_PCR_COUNT PCRs */

static const struct check_rule rule_format = {
    "tpm_quote_format", "TPM 2.0 Library, Part 2, section 10.12",
    "this is not a quote as a TPM makes it: TPMS_ATTEST over PCRs of SHA-256"};
static const struct check_rule rule_signature = {
    "tpm_quote_signature", "TPM 2.0 Library, Part 3 (TPM2_Quote)",
    "another key signed this quote, or it was changed: quote again by the key in the HCL report"};
static const struct check_rule rule_nonce = {
    "tpm_quote_nonce", "TPM 2.0 Library, Part 3 (TPM2_Quote, qualifyingData)",
    "this quote answers another question: quote again with your nonce"};
static const struct check_rule rule_digest = {
    "tpm_pcr_digest", "TPM 2.0 Library, Part 2, section 10.12.1",
    "these are not the PCR values that were quoted: give them as the quote selects them"};
static const struct check_rule rule_pcrs = {"tpm_pcrs", "TPM 2.0 Library, Part 1, section 11.6",
                                            "the machine booted something else than you expect"};

/* A TPM2B: u16 size and as many bytes. */
static bool read_sized(struct cursor *cursor, size_t max, struct span *out)
{
    uint16_t size;
    return cursor_be16(cursor, &size) && size <= max && cursor_read(cursor, size, out);
}

static int read_selection(struct cursor *cursor, struct tpm_quote *quote, struct error *err)
{
    uint32_t count;
    uint16_t hash;
    uint8_t size;
    struct span bitmap;
    if (!cursor_be32(cursor, &count) || count != 1 || !cursor_be16(cursor, &hash) ||
        hash != TPM_ALG_SHA256 || !cursor_u8(cursor, &size) || size != SELECT_SIZE ||
        !cursor_read(cursor, SELECT_SIZE, &bitmap))
        return error_set(err, ERROR_INVALID,
                         "the quote is not of one selection of PCRs of the SHA-256 bank");
    for (int i = 0; i < SELECT_SIZE; i++)
        quote->pcrs |= (uint32_t)bitmap.data[i] << (8 * i);
    if (quote->pcrs == 0)
        return error_set(err, ERROR_INVALID, "the quote selects no PCR");
    return 0;
}

static int read_attested(struct cursor *cursor, struct tpm_quote *quote, struct error *err)
{
    struct span digest;
    if (read_selection(cursor, quote, err) < 0)
        return -1;
    if (!read_sized(cursor, SHA256_SIZE, &digest) || digest.size != SHA256_SIZE)
        return error_set(err, ERROR_INVALID, "the quote's digest of PCRs is not a SHA-256");
    if (!cursor_at_end(cursor))
        return error_set(err, ERROR_INVALID, "%zu bytes follow the quote", cursor->rest.size);
    memcpy(quote->pcr_digest, digest.data, digest.size);
    return 0;
}

int tpm_quote_parse(struct span bytes, struct tpm_quote *quote, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t magic;
    uint16_t type;
    uint8_t safe;
    *quote = (struct tpm_quote){0};
    if (bytes.size > TPM_QUOTE_MAX)
        return error_set(err, ERROR_LIMIT, "a quote of %zu bytes; at most %d", bytes.size,
                         TPM_QUOTE_MAX);
    if (!cursor_be32(&cursor, &magic) || magic != TPM_GENERATED_VALUE)
        return error_set(err, ERROR_INVALID, "it does not begin as what a TPM generates");
    if (!cursor_be16(&cursor, &type) || type != TPM_ST_ATTEST_QUOTE)
        return error_set(err, ERROR_INVALID, "it attests something else than PCRs");
    if (!read_sized(&cursor, NAME_MAX_SIZE, &quote->qualified_signer) ||
        !read_sized(&cursor, TPM_NONCE_MAX, &quote->extra_data) ||
        !cursor_be64(&cursor, &quote->clock) || !cursor_be32(&cursor, &quote->reset_count) ||
        !cursor_be32(&cursor, &quote->restart_count) || !cursor_u8(&cursor, &safe) || safe > 1 ||
        !cursor_be64(&cursor, &quote->firmware_version))
        return error_set(err, ERROR_INVALID, "the quote ends too early, or holds too much");
    return read_attested(&cursor, quote, err);
}

int tpm_signature_parse(struct span bytes, size_t modulus_size, struct span *signature,
                        struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint16_t scheme;
    uint16_t hash;
    if (bytes.size == modulus_size) {
        *signature = bytes;
        return 0;
    }
    if (!cursor_be16(&cursor, &scheme) || scheme != TPM_ALG_RSASSA ||
        !cursor_be16(&cursor, &hash) || hash != TPM_ALG_SHA256 ||
        !read_sized(&cursor, TPM_SIGNATURE_MAX, signature) || !cursor_at_end(&cursor) ||
        signature->size != modulus_size)
        return error_set(err, ERROR_INVALID,
                         "%zu bytes are neither a signature by a key of %zu bytes nor a "
                         "TPMT_SIGNATURE of one by RSASSA with SHA-256",
                         bytes.size, modulus_size);
    return 0;
}

static void check_signature(const struct tpm_quote_evidence *evidence, const struct public_key *key,
                            struct checks *checks)
{
    struct error err = {0};
    struct span signature;
    bool good = tpm_signature_parse(evidence->signature, public_key_rsa_size(key), &signature,
                                    &err) == 0 &&
                public_key_check(key, SIGNATURE_RS256, evidence->quote, signature, &err) == 0;
    (void)checks_judge(checks, &rule_signature, good, "by the attestation key, RSASSA with SHA-256",
                       good ? "good" : err.text);
}

static void check_nonce(const struct tpm_quote *quote, struct span nonce, struct checks *checks)
{
    if (nonce.size == 0)
        (void)checks_add(checks, &rule_nonce, CHECK_FAILED, "your nonce",
                         "none was given: the quote may be as old as the key");
    else
        (void)checks_compare(checks, &rule_nonce, nonce, quote->extra_data);
}

/* Where the value of this PCR stands; false for one that is not quoted. */
static bool find_pcr(const struct tpm_quote *quote, struct span pcrs, unsigned index,
                     struct span *value)
{
    size_t at = 0;
    if (index >= TPM_PCR_COUNT || !(quote->pcrs >> index & 1))
        return false;
    for (unsigned i = 0; i < index; i++)
        at += quote->pcrs >> i & 1;
    if (pcrs.size / TPM_PCR_SIZE <= at)
        return false;
    *value = span_of(pcrs.data + at * TPM_PCR_SIZE, TPM_PCR_SIZE);
    return true;
}

static bool check_digest(const struct tpm_quote *quote, struct span pcrs, struct checks *checks)
{
    uint8_t digest[SHA256_SIZE];
    char text[CHECK_TEXT_SIZE];
    size_t count = 0;
    if (pcrs.size == 0) {
        (void)checks_add(checks, &rule_digest, CHECK_SKIPPED, "nothing",
                         "no values were given beside the quote");
        return false;
    }
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        count += quote->pcrs >> i & 1;
    (void)snprintf(text, sizeof text, "%zu bytes", pcrs.size);
    if (pcrs.size != count * TPM_PCR_SIZE)
        return checks_add(checks, &rule_digest, CHECK_FAILED,
                          "the values of the PCRs that are quoted, 32 bytes each", text);
    sha256_digest(pcrs, digest);
    return checks_compare(checks, &rule_digest, span_of(quote->pcr_digest, SHA256_SIZE),
                          span_of(digest, sizeof digest));
}

/* One check for all that are expected; the first that differs is shown. */
static void check_pcrs(const struct tpm_quote *quote, struct span pcrs, bool believed,
                       const struct tpm_quote_expectation *expectation, struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    for (size_t i = 0; i < expectation->pcr_count; i++) {
        const struct tpm_pcr *pcr = &expectation->pcrs[i];
        char digits[2 * TPM_PCR_SIZE + 1] = "not quoted, or not given";
        struct span value = {0};
        bool known = believed && find_pcr(quote, pcrs, pcr->index, &value);
        if (known && span_equal(value, span_of(pcr->value, TPM_PCR_SIZE)))
            continue;
        if (known)
            hex_encode(value, digits);
        (void)snprintf(found, sizeof found, "PCR %u %s", pcr->index, digits);
        hex_encode(span_of(pcr->value, TPM_PCR_SIZE), digits);
        (void)snprintf(expected, sizeof expected, "PCR %u %s", pcr->index, digits);
        (void)checks_add(checks, &rule_pcrs, CHECK_FAILED, expected, found);
        return;
    }
    (void)snprintf(found, sizeof found, "%zu PCRs as expected", expectation->pcr_count);
    (void)checks_add(checks, &rule_pcrs, expectation->pcr_count > 0 ? CHECK_PASSED : CHECK_SKIPPED,
                     "the values that you name",
                     expectation->pcr_count > 0 ? found : "none were named");
}

void tpm_quote_check(const struct tpm_quote_evidence *evidence,
                     const struct tpm_quote_expectation *expectation, const struct public_key *key,
                     struct tpm_quote *quote, struct checks *checks)
{
    struct error err = {0};
    static const char expected[] = "TPMS_ATTEST of type quote";
    if (tpm_quote_parse(evidence->quote, quote, &err) < 0) {
        *quote = (struct tpm_quote){0};
        (void)checks_add(checks, &rule_format, CHECK_FAILED, expected, err.text);
        return;
    }
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(found, sizeof found, "PCRs 0x%06x, reset count %u", quote->pcrs,
                   quote->reset_count);
    (void)checks_add(checks, &rule_format, CHECK_PASSED, expected, found);
    check_signature(evidence, key, checks);
    check_nonce(quote, expectation->nonce, checks);
    bool believed = check_digest(quote, evidence->pcrs, checks);
    check_pcrs(quote, evidence->pcrs, believed, expectation, checks);
}
