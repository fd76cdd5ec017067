#include "format/jwe.h"

#include "base/base64.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "crypto/seal.h"

static const struct algorithm {
    enum jwe_algorithm id;
    const char *name;
    bool is_rsa;
    enum oaep_hash hash;
} algorithms[] = {
    {JWE_RSA_OAEP, "RSA-OAEP", true, OAEP_SHA1},
    {JWE_RSA_OAEP_256, "RSA-OAEP-256", true, OAEP_SHA256},
    {JWE_ECDH_ES_A256KW, "ECDH-ES+A256KW", false, OAEP_SHA1},
};
#define ALGORITHM_COUNT (sizeof algorithms / sizeof *algorithms)

/* The parts of a message. */
struct parts {
    struct buf header; /* base64url of the protected header, as it stands in the message */
    struct buf encrypted_key;
    struct buf ciphertext;
    uint8_t iv[GCM_IV_SIZE];
    uint8_t tag[GCM_TAG_SIZE];
};

static void parts_init(struct parts *parts)
{
    buf_init(&parts->header, JOSE_HEADER_MAX);
    buf_init(&parts->encrypted_key, SIGNATURE_RSA_BITS_MAX / 8);
    buf_init(&parts->ciphertext, JOSE_SIZE_MAX);
}

static void parts_fini(struct parts *parts)
{
    buf_fini(&parts->header);
    buf_fini(&parts->encrypted_key);
    buf_fini(&parts->ciphertext);
}

/* The key that wraps the content key: RFC 7518, section 4.6.2. */
static int derive(const struct algorithm *algorithm, const struct private_key *mine,
                  const struct public_key *theirs, uint8_t kek[AES256_KEY_SIZE], struct error *err)
{
    uint8_t secret[ECDH_SECRET_MAX];
    size_t size = 0;
    const struct kdf_info info = {.algorithm = span_of_text(algorithm->name)};
    int result = ecdh_agree(mine, theirs, secret, &size, err);
    if (result == 0)
        concat_kdf(span_of(secret, size), &info, kek, AES256_KEY_SIZE);
    secret_wipe(secret, sizeof secret);
    return result;
}

/* --- sealed ----------------------------------------------------------------------------------- */

static int append_header(const struct algorithm *algorithm, struct jwk *ephemeral, struct buf *out,
                         struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    if (buf_printf(&text, err, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"", algorithm->name) < 0 ||
        (ephemeral && (buf_append_text(&text, ",\"epk\":", err) < 0 ||
                       jwk_append_public(ephemeral, &text, err) < 0)) ||
        buf_append_byte(&text, '}', err) < 0)
        return -1;
    return base64url_encode(buf_span(&text), out, err);
}

/* Makes a key on the recipient's curve, and wraps by what both agree on. */
static int seal_by_agreement(const struct algorithm *algorithm, const struct public_key *key,
                             struct span content_key, struct parts *parts, struct error *err)
{
    KEY_NUMBERS_AUTO numbers;
    JWK_AUTO ephemeral;
    uint8_t kek[AES256_KEY_SIZE];
    key_numbers_init(&numbers);
    jwk_init(&ephemeral);
    if (public_key_to_numbers(key, &numbers, err) < 0)
        return -1;
    if (numbers.kind == KEY_RSA)
        return error_set(err, ERROR_INVALID, "%s wants a key on an elliptic curve",
                         algorithm->name);
    ephemeral.kind = numbers.kind;
    ephemeral.private_key = private_key_new(numbers.kind, 0, err);
    if (!ephemeral.private_key)
        return -1;
    ephemeral.public_key = private_key_dup_public(ephemeral.private_key, err);
    if (!ephemeral.public_key || derive(algorithm, ephemeral.private_key, key, kek, err) < 0)
        return -1;
    int result = aes_wrap(span_of(kek, sizeof kek), content_key, &parts->encrypted_key, err);
    secret_wipe(kek, sizeof kek);
    return result < 0 ? -1 : append_header(algorithm, &ephemeral, &parts->header, err);
}

static int seal_key(const struct algorithm *algorithm, const struct public_key *key,
                    struct span content_key, struct parts *parts, struct error *err)
{
    if (!algorithm->is_rsa)
        return seal_by_agreement(algorithm, key, content_key, parts, err);
    if (oaep_seal(key, algorithm->hash, content_key, &parts->encrypted_key, err) < 0)
        return -1;
    return append_header(algorithm, NULL, &parts->header, err);
}

static int append_part(struct buf *out, const char *before, struct span bytes, struct error *err)
{
    return buf_append_text(out, before, err) < 0 ? -1 : jose_append_bytes(out, bytes, err);
}

static int append_message(const struct parts *parts, struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "{\"protected\":\"%s\"", buf_text(&parts->header)) < 0 ||
        append_part(out, ",\"encrypted_key\":", buf_span(&parts->encrypted_key), err) < 0 ||
        append_part(out, ",\"iv\":", span_of(parts->iv, sizeof parts->iv), err) < 0 ||
        append_part(out, ",\"ciphertext\":", buf_span(&parts->ciphertext), err) < 0 ||
        append_part(out, ",\"tag\":", span_of(parts->tag, sizeof parts->tag), err) < 0)
        return -1;
    return buf_append_byte(out, '}', err);
}

static int seal_all(const struct algorithm *algorithm, const struct public_key *key,
                    struct span plain, struct parts *parts, struct error *err)
{
    uint8_t content_key[AES256_KEY_SIZE];
    int result = -1;
    if (random_bytes(content_key, sizeof content_key, err) == 0 &&
        random_bytes(parts->iv, sizeof parts->iv, err) == 0 &&
        seal_key(algorithm, key, span_of(content_key, sizeof content_key), parts, err) == 0)
        result = gcm_seal(content_key, parts->iv, buf_span(&parts->header), plain,
                          &parts->ciphertext, parts->tag, err);
    secret_wipe(content_key, sizeof content_key);
    return result;
}

int jwe_seal(enum jwe_algorithm algorithm, const struct public_key *key, struct span plain,
             struct buf *out, struct error *err)
{
    struct parts parts;
    size_t i = 0;
    while (i < ALGORITHM_COUNT && algorithms[i].id != algorithm)
        i++;
    if (i == ALGORITHM_COUNT)
        return error_set(err, ERROR_USAGE, "this is no algorithm of a JWE");
    size_t start = out->size;
    parts_init(&parts);
    int result = seal_all(&algorithms[i], key, plain, &parts, err);
    if (result == 0)
        result = append_message(&parts, out, err);
    if (result < 0)
        buf_truncate(out, start);
    parts_fini(&parts);
    return result;
}

/* --- unsealed --------------------------------------------------------------------------------- */

static int read_fixed(const json_t *object, const char *key, uint8_t *out, size_t size,
                      struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(64);
    if (jose_get_bytes(object, key, &bytes, err) < 0)
        return -1;
    if (bytes.size != size)
        return error_set(err, ERROR_INVALID, "key \"%s\": %zu bytes, not %zu", key, bytes.size,
                         size);
    memcpy(out, bytes.data, size);
    return 0;
}

static int read_parts(struct span text, struct parts *parts, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_SIZE_MAX, .depth = 1};
    static const char *const known[] = {"protected",  "encrypted_key", "iv",
                                        "ciphertext", "tag",           NULL};
    const char *header;
    json_auto_t *object = json_parse_object(text, &limits, err);
    if (!object || json_check_keys(object, known, err) < 0 ||
        json_get_text(object, "protected", &header, err) < 0 ||
        buf_append_text(&parts->header, header, err) < 0 ||
        jose_get_bytes(object, "encrypted_key", &parts->encrypted_key, err) < 0 ||
        read_fixed(object, "iv", parts->iv, sizeof parts->iv, err) < 0 ||
        jose_get_bytes(object, "ciphertext", &parts->ciphertext, err) < 0)
        return -1;
    return read_fixed(object, "tag", parts->tag, sizeof parts->tag, err);
}

static const struct algorithm *read_algorithm(const json_t *header, unsigned accepted,
                                              struct error *err)
{
    const char *name;
    const char *content;
    if (json_get_text(header, "alg", &name, err) < 0 ||
        json_get_text(header, "enc", &content, err) < 0)
        return NULL;
    if (strcmp(content, "A256GCM") != 0) {
        (void)error_set(err, ERROR_REFUSED, "\"enc\" is \"%.32s\"; A256GCM is wanted", content);
        return NULL;
    }
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (strcmp(algorithms[i].name, name) == 0 && (accepted & algorithms[i].id))
            return &algorithms[i];
    }
    (void)error_set(err, ERROR_REFUSED, "a key sealed by \"%.32s\" is not accepted here", name);
    return NULL;
}

static int unseal_by_agreement(const struct algorithm *algorithm, const json_t *header,
                               const struct private_key *key, struct span encrypted_key,
                               struct buf *out, struct error *err)
{
    JWK_AUTO ephemeral;
    json_t *epk;
    uint8_t kek[AES256_KEY_SIZE];
    jwk_init(&ephemeral);
    if (json_object_get(header, "apu") || json_object_get(header, "apv"))
        return error_set(err, ERROR_INVALID,
                         "\"apu\" and \"apv\" in the header are not implemented here");
    if (json_get_object(header, "epk", &epk, err) < 0)
        return -1;
    if (jwk_read(epk, &ephemeral, err) < 0)
        return error_context(err, "epk");
    if (!ephemeral.public_key)
        return error_set(err, ERROR_INVALID, "epk is no public key");
    if (derive(algorithm, key, ephemeral.public_key, kek, err) < 0)
        return -1;
    int result = aes_unwrap(span_of(kek, sizeof kek), encrypted_key, out, err);
    secret_wipe(kek, sizeof kek);
    return result;
}

static int unseal_key(const json_t *header, const struct private_key *key, unsigned accepted,
                      struct span encrypted_key, struct buf *out, struct error *err)
{
    const struct algorithm *algorithm = read_algorithm(header, accepted, err);
    if (!algorithm)
        return -1;
    if ((algorithm->is_rsa
             ? oaep_unseal(key, algorithm->hash, encrypted_key, out, err)
             : unseal_by_agreement(algorithm, header, key, encrypted_key, out, err)) < 0)
        return -1;
    return out->size == AES256_KEY_SIZE
               ? 0
               : error_set(err, ERROR_REFUSED, "the content key has %zu bytes, not %d", out->size,
                           AES256_KEY_SIZE);
}

static int unseal_parts(const struct parts *parts, const struct private_key *key, unsigned accepted,
                        struct buf *out, struct error *err)
{
    struct buf content_key = BUF_WITH_LIMIT(SIGNATURE_RSA_BITS_MAX / 8);
    json_auto_t *header = jose_read_header(buf_span(&parts->header), err);
    int result = -1;
    if (header &&
        unseal_key(header, key, accepted, buf_span(&parts->encrypted_key), &content_key, err) == 0)
        result = gcm_unseal(content_key.data, parts->iv, buf_span(&parts->header),
                            buf_span(&parts->ciphertext), parts->tag, out, err);
    buf_fini_secret(&content_key);
    return result;
}

int jwe_unseal(struct span text, const struct private_key *key, unsigned accepted, struct buf *out,
               struct error *err)
{
    struct parts parts;
    parts_init(&parts);
    int result = read_parts(text, &parts, err);
    if (result == 0)
        result = unseal_parts(&parts, key, accepted, out, err);
    parts_fini(&parts);
    return result < 0 ? error_context(err, "JWE") : 0;
}
