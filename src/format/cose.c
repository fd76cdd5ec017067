#include "format/cose.h"

#include <inttypes.h>

#include "format/cbor.h"

#define TAG_SIGN1 18
#define TAG_EPOCH 1 /* RFC 8949, section 3.4.2 */

enum header { PROTECTED, UNPROTECTED };

struct label {
    int64_t number;   /* 0, which COSE reserves: */
    const char *text; /* a text label */
};

/* Reads a label's value into the message. */
typedef int read_value(struct cursor *cursor, struct cose_sign1 *message, struct error *err);

struct label_rule {
    struct label label;
    const char *name;
    enum header header; /* the one where it is read; refused in the other */
    read_value *read;
};

static int read_algorithm(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (cbor_read(cursor, &item, err) < 0)
        return -1;
    if (!cbor_integer(&item, &message->algorithm) || message->algorithm == 0)
        return error_set(err, ERROR_INVALID, "COSE's alg (1) is not a number of an algorithm");
    return 0;
}

static int read_text(struct cursor *cursor, const char *what, struct span *out, struct error *err)
{
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_TEXT, what, &item, err) < 0)
        return -1;
    if (item.bytes.size == 0 || memchr(item.bytes.data, '\0', item.bytes.size))
        return error_set(err, ERROR_INVALID, "%s is empty, or has a zero byte", what);
    *out = item.bytes;
    return 0;
}

static int read_content_type(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    return read_text(cursor, "COSE's content type (3)", &message->content_type, err);
}

static int read_preimage_type(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    return read_text(cursor, "COSE's preimage content type (259)", &message->preimage_content_type,
                     err);
}

static int read_payload_hash(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (cbor_read(cursor, &item, err) < 0)
        return -1;
    if (!cbor_integer(&item, &message->payload_hash_algorithm))
        return error_set(err, ERROR_INVALID, "COSE's payload hash algorithm (258) is not a number");
    message->is_hash_envelope = true;
    return 0;
}

/* One certificate is a byte string, more are an array (RFC 9360, section 2). */
static int read_chain(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    static const char what[] = "COSE's x5chain (33)";
    struct cbor_item item;
    if (cbor_read(cursor, &item, err) < 0)
        return -1;
    if (item.kind == CBOR_BYTES) {
        message->x5chain[message->x5chain_count++] = item.bytes;
        return 0;
    }
    if (item.kind != CBOR_ARRAY || item.value < 2 || item.value > COSE_CHAIN_MAX)
        return error_set(err, ERROR_INVALID, "%s is not 1 to %d certificates", what,
                         COSE_CHAIN_MAX);
    for (uint64_t count = item.value; message->x5chain_count < count;) {
        if (cbor_expect(cursor, CBOR_BYTES, what, &item, err) < 0)
            return -1;
        message->x5chain[message->x5chain_count++] = item.bytes;
    }
    return 0;
}

static int read_thumbprint(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    static const char what[] = "COSE's x5t (34)";
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_ARRAY, what, &item, err) < 0)
        return -1;
    if (item.value != 2 || cbor_read(cursor, &item, err) < 0 ||
        !cbor_integer(&item, &message->x5t_algorithm) || message->x5t_algorithm == 0)
        return error_set(err, ERROR_INVALID, "%s is not [algorithm, digest]", what);
    if (cbor_expect(cursor, CBOR_BYTES, what, &item, err) < 0)
        return -1;
    message->x5t = item.bytes;
    return 0;
}

/* Whether issuer, feed and the like have come before, in whichever shape. */
static int take_once(bool taken, const char *what, struct error *err)
{
    return taken ? error_set(err, ERROR_INVALID, "COSE's %s is there twice", what) : 0;
}

static int read_issuer(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    if (take_once(message->issuer.size > 0, "issuer", err) < 0)
        return -1;
    return read_text(cursor, "COSE's issuer", &message->issuer, err);
}

static int read_feed(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    if (take_once(message->feed.size > 0, "feed", err) < 0)
        return -1;
    return read_text(cursor, "COSE's feed", &message->feed, err);
}

static int read_svn(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_UNSIGNED, "COSE's svn", &item, err) < 0)
        return -1;
    message->has_svn = true;
    message->svn = item.value;
    return 0;
}

/* Whole seconds, with tag 1 or without (RFC 8392, section 2, leaves it out; signers do not). */
static int read_signing_time(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (take_once(message->has_signing_time, "signing time", err) < 0 ||
        cbor_read(cursor, &item, err) < 0)
        return -1;
    if (item.kind == CBOR_TAG && item.value == TAG_EPOCH && cbor_read(cursor, &item, err) < 0)
        return -1;
    if (!cbor_integer(&item, &message->signing_time))
        return error_set(err, ERROR_INVALID, "COSE's signing time is not a number of seconds");
    message->has_signing_time = true;
    return 0;
}

static int read_receipts(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    static const char what[] = "COSE's receipts (394)";
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_ARRAY, what, &item, err) < 0)
        return -1;
    if (item.value > COSE_RECEIPTS_MAX)
        return error_set(err, ERROR_LIMIT, "%s are more than %d", what, COSE_RECEIPTS_MAX);
    for (uint64_t count = item.value; message->receipt_count < count;) {
        if (cbor_expect(cursor, CBOR_BYTES, what, &item, err) < 0)
            return -1;
        message->receipts[message->receipt_count++] = item.bytes;
    }
    return 0;
}

static int read_timestamp(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_BYTES, "COSE's timestamp", &item, err) < 0)
        return -1;
    message->timestamp = item.bytes;
    return 0;
}

static bool label_is(const struct cbor_item *item, const struct label *label)
{
    int64_t number;
    if (label->text)
        return item->kind == CBOR_TEXT && span_equal_text(item->bytes, label->text);
    return cbor_integer(item, &number) && number == label->number;
}

/* The claims of label 15, RFC 9597 and RFC 8392 section 4; others are left alone. */
static int read_claim(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    static const struct label_rule claims[] = {
        {{1, NULL}, "iss", PROTECTED, read_issuer},
        {{2, NULL}, "sub", PROTECTED, read_feed},
        {{6, NULL}, "iat", PROTECTED, read_signing_time},
        {{0, "svn"}, "svn", PROTECTED, read_svn},
    };
    struct cbor_item key;
    if (cbor_read(cursor, &key, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        if (label_is(&key, &claims[i].label))
            return claims[i].read(cursor, message, err);
    }
    return cbor_skip(cursor, NULL, err);
}

static int read_claims(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item map;
    if (cbor_expect(cursor, CBOR_MAP, "COSE's CWT claims (15)", &map, err) < 0)
        return -1;
    for (uint64_t i = 0; i < map.value; i++) {
        if (read_claim(cursor, message, err) < 0)
            return -1;
    }
    return 0;
}

/* RFC 9052 section 3.1: every label that is critical must be understood. */
static int read_critical(struct cursor *cursor, struct cose_sign1 *message, struct error *err);

static const struct label_rule rules[] = {
    {{1, NULL}, "alg", PROTECTED, read_algorithm},
    {{2, NULL}, "crit", PROTECTED, read_critical},
    {{3, NULL}, "content type", PROTECTED, read_content_type},
    {{15, NULL}, "CWT claims", PROTECTED, read_claims},
    {{33, NULL}, "x5chain", PROTECTED, read_chain},
    {{34, NULL}, "x5t", PROTECTED, read_thumbprint},
    {{258, NULL}, "payload hash algorithm", PROTECTED, read_payload_hash},
    {{259, NULL}, "preimage content type", PROTECTED, read_preimage_type},
    {{394, NULL}, "receipts", UNPROTECTED, read_receipts},
    {{0, "iss"}, "iss", PROTECTED, read_issuer},
    {{0, "feed"}, "feed", PROTECTED, read_feed},
    {{0, "signingtime"}, "signingtime", PROTECTED, read_signing_time},
    {{0, "timestamp"}, "timestamp", UNPROTECTED, read_timestamp},
};

static const struct label_rule *find_rule(const struct cbor_item *key)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (label_is(key, &rules[i].label))
            return &rules[i];
    }
    return NULL;
}

/* Whether a header, which cbor_check() has seen, has this label (encoded). */
static bool has_label(struct span header, struct span label)
{
    struct cursor cursor = cursor_of(header);
    struct cbor_item map;
    struct span key;
    if (cbor_read(&cursor, &map, NULL) < 0 || map.kind != CBOR_MAP)
        return false;
    for (uint64_t i = 0; i < map.value; i++) {
        if (cbor_skip(&cursor, &key, NULL) < 0 || cbor_skip(&cursor, NULL, NULL) < 0)
            return false;
        if (span_equal(key, label))
            return true;
    }
    return false;
}

static int check_critical_label(struct span label, struct span header, struct error *err)
{
    struct cursor cursor = cursor_of(label);
    struct cbor_item item;
    if (cbor_read(&cursor, &item, err) < 0)
        return -1;
    const struct label_rule *rule = find_rule(&item);
    if (!rule || rule->header != PROTECTED)
        return error_set(err, ERROR_INVALID,
                         "a label that COSE's crit (2) names is not understood here");
    if (!has_label(header, label))
        return error_set(err, ERROR_INVALID, "COSE's crit (2) names %s, which is not there",
                         rule->name);
    return 0;
}

static int read_critical(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    struct span label;
    if (cbor_expect(cursor, CBOR_ARRAY, "COSE's crit (2)", &item, err) < 0)
        return -1;
    if (item.value == 0)
        return error_set(err, ERROR_INVALID, "COSE's crit (2) is empty");
    for (uint64_t count = item.value; count > 0; count--) {
        if (cbor_skip(cursor, &label, err) < 0 ||
            check_critical_label(label, message->protected_header, err) < 0)
            return -1;
    }
    return 0;
}

static int read_label(struct cursor *cursor, enum header header, struct cose_sign1 *message,
                      struct error *err)
{
    struct cbor_item key;
    int64_t number;
    if (cbor_read(cursor, &key, err) < 0)
        return -1;
    if (key.kind != CBOR_TEXT && !cbor_integer(&key, &number))
        return error_set(err, ERROR_INVALID, "a label of COSE's headers is %s",
                         cbor_kind_name(key.kind));
    const struct label_rule *rule = find_rule(&key);
    if (!rule)
        return cbor_skip(cursor, NULL, err);
    if (rule->header != header)
        return error_set(err, ERROR_INVALID, "COSE's %s belongs into the %sprotected header",
                         rule->name, rule->header == PROTECTED ? "" : "un");
    return rule->read(cursor, message, err);
}

/* cbor_check() has been there: it is one map, whole, no key twice. */
static int read_header(struct span bytes, enum header header, struct cose_sign1 *message,
                       struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    struct cbor_item map;
    const char *name = header == PROTECTED ? "COSE's protected header"
                                           : "COSE's unprotected header";
    if (cbor_expect(&cursor, CBOR_MAP, name, &map, err) < 0)
        return -1;
    for (uint64_t i = 0; i < map.value; i++) {
        if (read_label(&cursor, header, message, err) < 0)
            return -1;
    }
    return 0;
}

/* RFC 9052 section 3 leaves it to the application to refuse a label that is in both headers. */
static int check_disjoint(struct span protected_header, struct span unprotected, struct error *err)
{
    struct cursor cursor = cursor_of(protected_header);
    struct cbor_item map;
    struct span key;
    if (cbor_read(&cursor, &map, err) < 0)
        return -1;
    for (uint64_t i = 0; i < map.value; i++) {
        if (cbor_skip(&cursor, &key, err) < 0 || cbor_skip(&cursor, NULL, err) < 0)
            return -1;
        if (has_label(unprotected, key))
            return error_set(err, ERROR_INVALID, "a label is in both of COSE's headers");
    }
    return 0;
}

/* ACI's guest reads issuer and feed from the claims alone where there are claims, and passes over
 * text labels: beside each other they could name two signers to two readers. */
static int check_one_shape(struct span protected_header, struct error *err)
{
    static const uint8_t claims[] = {15}, issuer[] = {0x63, 'i', 's', 's'},
                         feed[] = {0x64, 'f', 'e', 'e', 'd'};
    if (has_label(protected_header, span_of(claims, sizeof claims)) &&
        (has_label(protected_header, span_of(issuer, sizeof issuer)) ||
         has_label(protected_header, span_of(feed, sizeof feed))))
        return error_set(err, ERROR_INVALID,
                         "COSE's iss and feed are labels beside CWT claims (15): where there are "
                         "claims, they belong there");
    return 0;
}

static int read_headers(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    struct span unprotected;
    if (cbor_expect(cursor, CBOR_BYTES, "COSE's protected header", &item, err) < 0)
        return -1;
    message->protected_header = item.bytes;
    if (cbor_check(item.bytes, err) < 0)
        return error_context(err, "COSE's protected header");
    if (cbor_skip(cursor, &unprotected, err) < 0)
        return -1;
    if (read_header(message->protected_header, PROTECTED, message, err) < 0 ||
        read_header(unprotected, UNPROTECTED, message, err) < 0 ||
        check_one_shape(message->protected_header, err) < 0)
        return -1;
    return check_disjoint(message->protected_header, unprotected, err);
}

static int read_body(struct cursor *cursor, struct cose_sign1 *message, struct error *err)
{
    struct cbor_item item;
    if (cbor_read(cursor, &item, err) < 0)
        return -1;
    if (item.kind == CBOR_SIMPLE && item.value == CBOR_NULL)
        return error_set(err, ERROR_INVALID, "COSE's payload is detached: it must be inside");
    if (item.kind != CBOR_BYTES)
        return error_set(err, ERROR_INVALID, "COSE's payload is %s, not a byte string",
                         cbor_kind_name(item.kind));
    message->payload = item.bytes;
    if (cbor_expect(cursor, CBOR_BYTES, "COSE's signature", &item, err) < 0)
        return -1;
    message->signature = item.bytes;
    return 0;
}

static int read_start(struct cursor *cursor, struct error *err)
{
    struct cbor_item item;
    if (cbor_expect(cursor, CBOR_TAG, "this message", &item, err) < 0)
        return -1;
    if (item.value != TAG_SIGN1)
        return error_set(err, ERROR_INVALID, "CBOR tag %" PRIu64 " is not COSE_Sign1's, %d",
                         item.value, TAG_SIGN1);
    if (cbor_expect(cursor, CBOR_ARRAY, "COSE_Sign1", &item, err) < 0)
        return -1;
    if (item.value != 4)
        return error_set(err, ERROR_INVALID, "COSE_Sign1 has %" PRIu64 " parts, not 4", item.value);
    return 0;
}

int cose_parse(struct span bytes, struct cose_sign1 *message, struct error *err)
{
    *message = (struct cose_sign1){0};
    if (bytes.size > COSE_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a COSE message of %zu bytes; at most %d", bytes.size,
                         COSE_SIZE_MAX);
    struct cursor cursor = cursor_of(bytes);
    if (cbor_check(bytes, err) < 0 || read_start(&cursor, err) < 0 ||
        read_headers(&cursor, message, err) < 0 || read_body(&cursor, message, err) < 0)
        return -1;
    if (message->algorithm == 0)
        return error_set(err, ERROR_INVALID, "COSE's protected header has no alg (1)");
    return 0;
}

int cose_to_be_signed(const struct cose_sign1 *message, struct buf *out, struct error *err)
{
    if (cbor_write_head(out, CBOR_ARRAY, 4, err) < 0 ||
        cbor_write_text(out, "Signature1", err) < 0 ||
        cbor_write_bytes(out, message->protected_header, err) < 0 ||
        cbor_write_bytes(out, span_of(NULL, 0), err) < 0)
        return -1;
    return cbor_write_bytes(out, message->payload, err);
}

const char *cose_algorithm_name(int64_t algorithm)
{
    static const struct {
        enum cose_algorithm algorithm;
        const char *name;
    } names[] = {{COSE_ES256, "ES256"}, {COSE_ES384, "ES384"}, {COSE_ES512, "ES512"},
                 {COSE_PS256, "PS256"}, {COSE_PS384, "PS384"}, {COSE_PS512, "PS512"},
                 {COSE_RS256, "RS256"}, {COSE_RS384, "RS384"}, {COSE_RS512, "RS512"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].algorithm == algorithm)
            return names[i].name;
    }
    return NULL;
}
