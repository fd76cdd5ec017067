#include "format/jwk.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/certificate.h"

#define KEY_MEMBERS_MAX ((size_t)16 << 10) /* bytes of the members that make a thumbprint */

/* The members of a key's numbers, RFC 7518, sections 6.2 and 6.3. */
static const struct member {
    const char *name;
    enum key_number number;
    bool is_private;
    bool is_rsa;
} members[] = {
    {"n", KEY_N, false, true},  {"e", KEY_E, false, true},  {"d", KEY_D, true, true},
    {"p", KEY_P, true, true},   {"q", KEY_Q, true, true},   {"dp", KEY_DP, true, true},
    {"dq", KEY_DQ, true, true}, {"qi", KEY_QI, true, true}, {"x", KEY_X, false, false},
    {"y", KEY_Y, false, false}, {"d", KEY_D, true, false},
};
#define MEMBER_COUNT (sizeof members / sizeof *members)

static const char *const curves[KEY_KIND_COUNT] = {
    [KEY_P256] = "P-256", [KEY_P384] = "P-384", [KEY_P521] = "P-521"};

static const char *const operations[] = {"sign",    "verify",    "encrypt",   "decrypt",
                                         "wrapKey", "unwrapKey", "deriveKey", "deriveBits"};
#define OPERATION_COUNT (sizeof operations / sizeof *operations)
_Static_assert(JWK_DERIVE_BITS == 1U << (OPERATION_COUNT - 1), "a name for each operation");

void jwk_init(struct jwk *jwk)
{
    *jwk = (struct jwk){.secret = BUF_WITH_LIMIT(JWK_SECRET_MAX)};
}

void jwk_fini(struct jwk *jwk)
{
    buf_fini_secret(&jwk->secret);
    public_key_free(jwk->public_key);
    private_key_free(jwk->private_key);
    jose_chain_fini(&jwk->chain);
    jwk_init(jwk);
}

/* --- read ------------------------------------------------------------------------------------- */

static int read_name(const json_t *object, const char *key, char *out, size_t size,
                     struct error *err)
{
    const char *text;
    if (json_find_text(object, key, &text, err) < 0)
        return -1;
    if (text && !text_copy(out, size, text))
        return error_set(err, ERROR_LIMIT, "key \"%s\" has more than %zu bytes", key, size - 1);
    return 0;
}

static int read_operations(const json_t *object, struct jwk *out, struct error *err)
{
    json_t *array;
    if (json_find_array(object, "key_ops", &array, err) < 0)
        return -1;
    out->limits_operations = array != NULL;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name;
        if (json_text_at(array, i, "key_ops", &name, err) < 0)
            return -1;
        for (size_t k = 0; k < OPERATION_COUNT; k++) {
            if (strcmp(name, operations[k]) != 0)
                continue;
            if (out->operations & 1U << k)
                return error_set(err, ERROR_INVALID, "key_ops lists \"%s\" twice", name);
            out->operations |= 1U << k;
        }
    }
    return 0;
}

static int read_curve(const json_t *object, enum key_kind *out, struct error *err)
{
    const char *name;
    if (json_get_text(object, "crv", &name, err) < 0)
        return -1;
    for (size_t i = 0; i < KEY_KIND_COUNT; i++) {
        *out = (enum key_kind)i;
        if (curves[i] && strcmp(curves[i], name) == 0)
            return 0;
    }
    return error_set(err, ERROR_INVALID, "the curve \"%.32s\" is none of P-256, P-384, P-521",
                     name);
}

static int read_numbers(const json_t *object, bool with_private, struct key_numbers *out,
                        struct error *err)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const struct member *member = &members[i];
        struct buf *number = &out->at[member->number];
        if (member->is_rsa != (out->kind == KEY_RSA) || (member->is_private && !with_private))
            continue;
        if (jose_get_bytes(object, member->name, number, err) < 0)
            return -1;
        if (member->is_rsa && (number->size == 0 || number->data[0] == 0))
            return error_set(err, ERROR_INVALID,
                             "key \"%s\": a number that is empty or begins with zero",
                             member->name);
    }
    return 0;
}

static int read_pair(const json_t *object, bool is_rsa, struct jwk *out, struct error *err)
{
    KEY_NUMBERS_AUTO numbers = {.kind = KEY_RSA};
    bool with_private = json_object_get(object, "d") != NULL;
    key_numbers_init(&numbers);
    if (!is_rsa && read_curve(object, &numbers.kind, err) < 0)
        return -1;
    if (json_object_get(object, "oth"))
        return error_set(err, ERROR_INVALID, "an RSA key of more than two primes is not accepted");
    if (read_numbers(object, with_private, &numbers, err) < 0)
        return -1;
    out->kind = numbers.kind;
    out->public_key = public_key_from_numbers(&numbers, err);
    if (!out->public_key)
        return -1;
    if (!with_private)
        return 0;
    out->private_key = private_key_from_numbers(&numbers, err);
    return out->private_key ? 0 : -1;
}

static int read_secret(const json_t *object, struct jwk *out, struct error *err)
{
    out->is_oct = true;
    if (jose_get_bytes(object, "k", &out->secret, err) < 0)
        return -1;
    return out->secret.size > 0 ? 0 : error_set(err, ERROR_INVALID, "key \"k\": an empty key");
}

static int read_chain(const json_t *object, struct jwk *out, struct error *err)
{
    if (jose_read_chain(object, &out->chain, err) < 0)
        return -1;
    if (out->chain.count == 0)
        return 0;
    CERTIFICATE_AUTO *leaf = certificate_from_der(buf_span(&out->chain.ders[0]), err);
    PUBLIC_KEY_AUTO *key = leaf ? public_key_from_spki(certificate_public_key(leaf), err) : NULL;
    if (!key)
        return -1;
    return out->public_key && public_key_equal(key, out->public_key)
               ? 0
               : error_set(err, ERROR_INVALID, "x5c[0] is a certificate for another key");
}

static int read_all(const json_t *object, struct jwk *out, struct error *err)
{
    const char *kty;
    if (json_get_text(object, "kty", &kty, err) < 0 ||
        read_name(object, "kid", out->kid, sizeof out->kid, err) < 0 ||
        read_name(object, "alg", out->alg, sizeof out->alg, err) < 0 ||
        read_name(object, "use", out->use, sizeof out->use, err) < 0 ||
        read_operations(object, out, err) < 0)
        return -1;
    int result = -1;
    if (strcmp(kty, "oct") == 0)
        result = read_secret(object, out, err);
    else if (strcmp(kty, "RSA") == 0 || strcmp(kty, "EC") == 0)
        result = read_pair(object, kty[0] == 'R', out, err);
    else
        (void)error_set(err, ERROR_INVALID, "a key of type \"%.32s\", none of oct, RSA, EC", kty);
    return result < 0 ? -1 : read_chain(object, out, err);
}

void jwk_wipe(json_t *object)
{
    static const char *const secret[] = {"k", "d", "p", "q", "dp", "dq", "qi"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        json_t *value = json_object_get(object, secret[i]);
        /* jansson owns the text and hands it out as const; nobody reads it after this. */
        if (json_is_string(value))
            secret_wipe((char *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
}

int jwk_read(json_t *object, struct jwk *out, struct error *err)
{
    int result = read_all(object, out, err);
    jwk_wipe(object);
    if (result < 0)
        jwk_fini(out);
    return result;
}

int jwk_parse(struct span text, struct jwk *out, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_HEADER_MAX, .depth = JOSE_DEPTH_MAX};
    json_auto_t *object = json_parse_object(text, &limits, err);
    return object ? jwk_read(object, out, err) : -1;
}

int jwk_find(json_t *set, const char *kid, struct jwk *out, struct error *err)
{
    json_t *keys;
    if (json_get_array(set, "keys", &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        json_t *key = json_array_get(keys, i);
        const json_t *its_kid = json_object_get(key, "kid");
        if (json_is_string(its_kid) && strcmp(json_string_value(its_kid), kid) == 0)
            return jwk_read(key, out, err);
    }
    return error_set(err, ERROR_NOT_FOUND, "the set has no key \"%.128s\"", kid);
}

bool jwk_may(const struct jwk *jwk, enum jwk_operation operation)
{
    bool signs = operation == JWK_SIGN || operation == JWK_VERIFY;
    if (jwk->limits_operations && !(jwk->operations & operation))
        return false;
    return jwk->use[0] == '\0' || strcmp(jwk->use, signs ? "sig" : "enc") == 0;
}

/* --- write ------------------------------------------------------------------------------------ */

static int append_member(struct buf *out, const char *name, struct span bytes, struct error *err)
{
    return buf_printf(out, err, ",\"%s\":", name) < 0 ? -1 : jose_append_bytes(out, bytes, err);
}

static int append_name(struct buf *out, const char *name, const char *text, struct error *err)
{
    if (text[0] == '\0')
        return 0;
    return buf_printf(out, err, ",\"%s\":", name) < 0
               ? -1
               : json_append_string(out, span_of_text(text), err);
}

static int append_operations(struct buf *out, const struct jwk *jwk, struct error *err)
{
    const char *between = "";
    if (!jwk->limits_operations)
        return 0;
    if (buf_append_text(out, ",\"key_ops\":[", err) < 0)
        return -1;
    for (size_t k = 0; k < OPERATION_COUNT; k++) {
        if (!(jwk->operations & 1U << k))
            continue;
        if (buf_printf(out, err, "%s\"%s\"", between, operations[k]) < 0)
            return -1;
        between = ",";
    }
    return buf_append_byte(out, ']', err);
}

static int append_numbers(struct buf *out, const struct jwk *jwk, bool with_private,
                          struct error *err)
{
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    if ((with_private ? private_key_to_numbers(jwk->private_key, &numbers, err)
                      : public_key_to_numbers(jwk->public_key, &numbers, err)) < 0)
        return -1;
    if (numbers.kind != KEY_RSA && append_name(out, "crv", curves[numbers.kind], err) < 0)
        return -1;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].is_rsa != (numbers.kind == KEY_RSA) ||
            (members[i].is_private && !with_private))
            continue;
        if (append_member(out, members[i].name, buf_span(&numbers.at[members[i].number]), err) < 0)
            return -1;
    }
    return 0;
}

static const char *type_of(const struct jwk *jwk)
{
    return jwk->is_oct ? "oct" : jwk->kind == KEY_RSA ? "RSA" : "EC";
}

static int append_key(const struct jwk *jwk, bool with_private, struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "{\"kty\":\"%s\"", type_of(jwk)) < 0 ||
        append_name(out, "kid", jwk->kid, err) < 0 || append_name(out, "use", jwk->use, err) < 0 ||
        append_name(out, "alg", jwk->alg, err) < 0 || append_operations(out, jwk, err) < 0)
        return -1;
    if ((jwk->is_oct ? append_member(out, "k", buf_span(&jwk->secret), err)
                     : append_numbers(out, jwk, with_private, err)) < 0)
        return -1;
    if (jwk->chain.count > 0 &&
        (buf_append_byte(out, ',', err) < 0 || jose_append_chain(out, &jwk->chain, err) < 0))
        return -1;
    return buf_append_byte(out, '}', err);
}

int jwk_append_public(const struct jwk *jwk, struct buf *out, struct error *err)
{
    if (!jwk->public_key)
        return error_set(err, ERROR_INVALID, "the key has no public half");
    return append_key(jwk, false, out, err);
}

int jwk_append_private(const struct jwk *jwk, struct buf *out, struct error *err)
{
    if (!jwk->is_oct && !jwk->private_key)
        return error_set(err, ERROR_INVALID, "the key has no private half");
    return append_key(jwk, true, out, err);
}

/* --- thumbprint ------------------------------------------------------------------------------- */

/* The required members alone, in the order of their names (RFC 7638, section 3). */
static int append_required(const struct jwk *jwk, struct buf *out, struct error *err)
{
    KEY_NUMBERS_AUTO numbers;
    key_numbers_init(&numbers);
    if (jwk->is_oct)
        return buf_append_text(out, "{\"k\":", err) < 0 ||
                       jose_append_bytes(out, buf_span(&jwk->secret), err) < 0
                   ? -1
                   : buf_append_text(out, ",\"kty\":\"oct\"}", err);
    if (public_key_to_numbers(jwk->public_key, &numbers, err) < 0)
        return -1;
    bool is_rsa = numbers.kind == KEY_RSA;
    if (is_rsa && (buf_append_text(out, "{\"e\":", err) < 0 ||
                   jose_append_bytes(out, buf_span(&numbers.at[KEY_E]), err) < 0 ||
                   buf_append_text(out, ",\"kty\":\"RSA\"", err) < 0 ||
                   append_member(out, "n", buf_span(&numbers.at[KEY_N]), err) < 0))
        return -1;
    if (!is_rsa &&
        (buf_printf(out, err, "{\"crv\":\"%s\",\"kty\":\"EC\"", curves[numbers.kind]) < 0 ||
         append_member(out, "x", buf_span(&numbers.at[KEY_X]), err) < 0 ||
         append_member(out, "y", buf_span(&numbers.at[KEY_Y]), err) < 0))
        return -1;
    return buf_append_byte(out, '}', err);
}

int jwk_thumbprint(const struct jwk *jwk, uint8_t out[SHA256_SIZE], struct error *err)
{
    struct buf text = BUF_WITH_LIMIT(KEY_MEMBERS_MAX);
    int result = append_required(jwk, &text, err);
    if (result == 0)
        sha256_digest(buf_span(&text), out);
    buf_fini_secret(&text);
    return result;
}
