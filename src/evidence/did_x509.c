#include "evidence/did_x509.h"

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/certificate_match.h"

#define PREFIX "did:x509:0:"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_idchar(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

/* Decodes percent-encoding (RFC 3986, section 2.1) of one part; false for a byte that has no place
 * there. `out` holds as many bytes as the text has; *size may be NULL. */
static bool decode(struct span part, uint8_t *out, size_t *size)
{
    size_t count = 0;
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];
        if (byte == '%') {
            if (part.size - i < 3 || !hex_decode(span_of(part.data + i + 1, 2), &byte, 1))
                return false;
            i += 2;
        } else if (!is_idchar(byte)) {
            return false;
        }
        out[count++] = byte;
    }
    *size = count;
    return true;
}

/* "1.2.840": two numbers at least, none with a leading zero. */
static bool is_oid(struct span text)
{
    size_t dots = 0;
    bool start = true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool last = i + 1 == text.size || text.data[i + 1] == '.';
        if (c == '.' ? start : !is_digit(c) || (c == '0' && start && !last))
            return false;
        dots += c == '.';
        start = c == '.';
    }
    return dots > 0 && !start;
}

/* Takes what stands before the next colon; false at the end. */
static bool next_part(struct span *rest, struct span *part)
{
    if (!rest->data)
        return false;
    const uint8_t *colon = rest->size > 0 ? memchr(rest->data, ':', rest->size) : NULL;
    *part = span_of(rest->data, colon ? (size_t)(colon - rest->data) : rest->size);
    *rest = colon ? span_of(colon + 1, rest->size - part->size - 1) : span_of(NULL, 0);
    return true;
}

/* Takes what stands before the next "::"; false at the end. */
static bool next_section(struct span *rest, struct span *section)
{
    if (!rest->data)
        return false;
    const uint8_t *colons = rest->size > 0 ? memmem(rest->data, rest->size, "::", 2) : NULL;
    *section = span_of(rest->data, colons ? (size_t)(colons - rest->data) : rest->size);
    *rest = colons ? span_of(colons + 2, rest->size - section->size - 2) : span_of(NULL, 0);
    return true;
}

static size_t hash_size(struct span name)
{
    return span_equal_text(name, "sha256")   ? SHA256_SIZE
           : span_equal_text(name, "sha384") ? SHA384_SIZE
           : span_equal_text(name, "sha512") ? SHA512_SIZE
                                             : 0;
}

static int parse_fingerprint(struct span section, struct did_x509 *did, struct error *err)
{
    struct span name;
    struct span text;
    BUF_AUTO bytes = BUF_WITH_LIMIT(SHA512_SIZE);
    if (!next_part(&section, &name) || !next_part(&section, &text) || section.data)
        return error_set(err, ERROR_INVALID, "the did:x509 does not name hash and fingerprint");
    did->fingerprint_size = hash_size(name);
    if (did->fingerprint_size == 0)
        return error_set(err, ERROR_INVALID,
                         "the did:x509 has a fingerprint by another hash than sha256, sha384, "
                         "sha512");
    if (base64url_decode(text, &bytes, err) < 0)
        return error_context(err, "the did:x509's fingerprint");
    if (bytes.size != did->fingerprint_size)
        return error_set(err, ERROR_INVALID, "the did:x509's fingerprint has %zu bytes, not %zu",
                         bytes.size, did->fingerprint_size);
    memcpy(did->fingerprint, bytes.data, bytes.size);
    return 0;
}

static bool is_subject_key(struct span key)
{
    static const char *const labels[] = {"CN", "L", "ST", "O", "OU", "C", "STREET"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (span_equal_text(key, labels[i]))
            return true;
    }
    return is_oid(key);
}

/* Pairs of key and value, no key twice. */
static bool is_subject(const struct did_x509_predicate *predicate)
{
    if (predicate->part_count == 0 || predicate->part_count % 2 != 0)
        return false;
    for (size_t i = 0; i < predicate->part_count; i += 2) {
        if (!is_subject_key(predicate->parts[i]))
            return false;
        for (size_t j = 0; j < i; j += 2) {
            if (span_equal(predicate->parts[i], predicate->parts[j]))
                return false;
        }
    }
    return true;
}

static int san_kind(struct span name)
{
    return span_equal_text(name, "email") ? SAN_EMAIL
           : span_equal_text(name, "dns") ? SAN_DNS
           : span_equal_text(name, "uri") ? SAN_URI
                                          : -1;
}

static bool is_san(const struct did_x509_predicate *predicate)
{
    return predicate->part_count == 2 && san_kind(predicate->parts[0]) >= 0;
}

static bool is_eku(const struct did_x509_predicate *predicate)
{
    return predicate->part_count == 1 && is_oid(predicate->parts[0]);
}

static const struct predicate_rule {
    const char *name;
    bool (*is_valid)(const struct did_x509_predicate *predicate);
} predicate_rules[] = {[DID_X509_EKU] = {"eku", is_eku},
                       [DID_X509_SUBJECT] = {"subject", is_subject},
                       [DID_X509_SAN] = {"san", is_san}};
#define RULE_COUNT (sizeof predicate_rules / sizeof *predicate_rules)

static int find_rule(struct span name, size_t *index, struct error *err)
{
    for (*index = 0; *index < RULE_COUNT; ++*index) {
        if (span_equal_text(name, predicate_rules[*index].name))
            return 0;
    }
    return error_set(err, ERROR_INVALID, "the did:x509's predicate \"%.*s\" is not known here",
                     name.size < 32 ? (int)name.size : 32, (const char *)name.data);
}

static int parse_predicate(struct span section, struct did_x509 *did, struct error *err)
{
    struct span part = {0};
    uint8_t decoded[DID_X509_SIZE_MAX];
    size_t rule;
    size_t size;
    if (did->predicate_count == DID_X509_PREDICATES_MAX)
        return error_set(err, ERROR_LIMIT, "the did:x509 has more than %d predicates",
                         DID_X509_PREDICATES_MAX);
    struct did_x509_predicate *predicate = &did->predicates[did->predicate_count++];
    (void)next_part(&section, &part);
    if (find_rule(part, &rule, err) < 0)
        return -1;
    predicate->kind = (enum did_x509_predicate_kind)rule;
    while (next_part(&section, &part)) {
        if (predicate->part_count == DID_X509_PARTS_MAX)
            return error_set(err, ERROR_LIMIT, "a did:x509 predicate has more than %d parts",
                             DID_X509_PARTS_MAX);
        if (part.size == 0 || !decode(part, decoded, &size))
            return error_set(err, ERROR_INVALID,
                             "a part of a did:x509 predicate is empty or not percent-encoded");
        predicate->parts[predicate->part_count++] = part;
    }
    if (!predicate_rules[rule].is_valid(predicate))
        return error_set(err, ERROR_INVALID, "the did:x509's predicate \"%s\" is malformed",
                         predicate_rules[rule].name);
    return 0;
}

int did_x509_parse(struct span text, struct did_x509 *did, struct error *err)
{
    const size_t prefix = sizeof PREFIX - 1;
    struct span section = {0};
    *did = (struct did_x509){0};
    if (text.size > DID_X509_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a did:x509 of %zu bytes; at most %d", text.size,
                         DID_X509_SIZE_MAX);
    if (text.size <= prefix || memcmp(text.data, PREFIX, prefix) != 0)
        return error_set(err, ERROR_INVALID, "this identifier does not begin with " PREFIX);
    struct span rest = span_of(text.data + prefix, text.size - prefix);
    (void)next_section(&rest, &section);
    if (parse_fingerprint(section, did, err) < 0)
        return -1;
    while (next_section(&rest, &section)) {
        if (parse_predicate(section, did, err) < 0)
            return -1;
    }
    if (did->predicate_count == 0)
        return error_set(err, ERROR_INVALID, "the did:x509 has no predicate");
    return 0;
}

static bool has_fingerprint(const struct did_x509 *did, struct span certificate)
{
    uint8_t digest[SHA512_SIZE];
    if (did->fingerprint_size == SHA256_SIZE)
        sha256_digest(certificate, digest);
    else if (did->fingerprint_size == SHA384_SIZE)
        sha384_digest(certificate, digest);
    else
        sha512_digest(certificate, digest);
    return memcmp(digest, did->fingerprint, did->fingerprint_size) == 0;
}

/* The part as a C string; the longest that is asked for is an OID. */
static bool to_text(struct span part, char out[DID_X509_SIZE_MAX + 1])
{
    if (part.size > DID_X509_SIZE_MAX)
        return false;
    memcpy(out, part.data, part.size);
    out[part.size] = '\0';
    return true;
}

static int resolve_subject(const struct did_x509_predicate *predicate, struct span leaf,
                           struct error *err)
{
    char key[DID_X509_SIZE_MAX + 1];
    uint8_t value[DID_X509_SIZE_MAX];
    size_t size;
    for (size_t i = 0; i < predicate->part_count; i += 2) {
        if (!to_text(predicate->parts[i], key) || !decode(predicate->parts[i + 1], value, &size))
            return error_set(err, ERROR_INVALID, "a did:x509 subject is malformed");
        if (certificate_match_subject(leaf, key, span_of(value, size), err) < 0)
            return -1;
    }
    return 0;
}

static int resolve_predicate(const struct did_x509_predicate *predicate, struct span leaf,
                             struct error *err)
{
    char oid[DID_X509_SIZE_MAX + 1];
    uint8_t value[DID_X509_SIZE_MAX];
    size_t size;
    switch (predicate->kind) {
    case DID_X509_EKU:
        if (to_text(predicate->parts[0], oid))
            return certificate_match_eku(leaf, oid, err);
        break;
    case DID_X509_SUBJECT:
        return resolve_subject(predicate, leaf, err);
    case DID_X509_SAN:
        if (decode(predicate->parts[1], value, &size))
            return certificate_match_san(leaf, (enum certificate_san)san_kind(predicate->parts[0]),
                                         span_of(value, size), err);
        break;
    }
    return error_set(err, ERROR_INVALID, "a did:x509 predicate is malformed");
}

int did_x509_resolve(const struct did_x509 *did, const struct span *chain, size_t count,
                     struct error *err)
{
    bool found = false;
    for (size_t i = 1; i < count; i++)
        found = found || has_fingerprint(did, chain[i]);
    if (!found)
        return error_set(err, ERROR_REFUSED,
                         "no authority of the chain has the fingerprint that the did:x509 pins");
    for (size_t i = 0; i < did->predicate_count; i++) {
        if (resolve_predicate(&did->predicates[i], chain[0], err) < 0)
            return -1;
    }
    return 0;
}
