#include "service/signing.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "format/json.h"
#include "format/jwk.h"
#include "service/signing_certificate.h"

#define KEYS_MAX 16 /* published at a time: nine, however it rotates */

static const struct database_key place = {"service", "signing-keys", "tokens"};

static const struct kind {
    enum signature_scheme scheme;
    enum key_kind key;
    unsigned bits; /* of RSA */
} kinds[] = {
    {SIGNATURE_RS256, KEY_RSA, 2048},
    {SIGNATURE_ES384, KEY_P384, 0},
    {SIGNATURE_ES256, KEY_P256, 0},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* A key, which signs from `from` to `until`: seconds since 1970. */
struct entry {
    enum signature_scheme scheme;
    int64_t from, until;
    struct jwk jwk;
};

/* Keys from the oldest to the newest. */
struct keys {
    struct entry at[KEYS_MAX];
    size_t count;
};

struct signing {
    struct database *store;
    const struct vault *vault;
    const struct own_evidence *own; /* for the certificates of new keys; NULL: there is none */
    pthread_rwlock_t lock;          /* for what follows */
    struct keys *keys;
    uint64_t revision;
};

static void keys_free(struct keys *keys)
{
    for (size_t i = 0; keys && i < keys->count; i++)
        jwk_fini(&keys->at[i].jwk);
    free(keys);
}

static void keys_cleanup(struct keys **keys)
{
    keys_free(*keys);
}
#define KEYS_AUTO __attribute__((cleanup(keys_cleanup))) struct keys *

/* --- as the store has them -------------------------------------------------------------------- */

static const char *const record_keys[] = {"scheme", "from", "until", "jwk", NULL};

static int write_entry(const struct entry *entry, struct buf *out, struct error *err)
{
    if (buf_printf(out, err, "{\"scheme\":\"%s\",\"from\":%lld,\"until\":%lld,\"jwk\":",
                   signature_scheme_name(entry->scheme), (long long)entry->from,
                   (long long)entry->until) < 0 ||
        jwk_append_private(&entry->jwk, out, err) < 0)
        return -1;
    return buf_append_text(out, "}", err);
}

static int write_keys(struct signing *signing, const struct keys *keys, uint64_t *revision,
                      struct error *err)
{
    struct buf plain = BUF_WITH_LIMIT(DATABASE_VALUE_MAX - VAULT_OVERHEAD);
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    int result = buf_append_text(&plain, "[", err);
    for (size_t i = 0; i < keys->count && result == 0; i++) {
        if (i > 0)
            result = buf_append_text(&plain, ",", err);
        if (result == 0)
            result = write_entry(&keys->at[i], &plain, err);
    }
    if (result == 0 && buf_append_text(&plain, "]", err) == 0)
        result = vault_seal(signing->vault, &place, buf_span(&plain), &sealed, err);
    buf_fini_secret(&plain);
    if (result < 0)
        return -1;
    return database_put(signing->store, &place, buf_span(&sealed), revision, err);
}

static int read_entry(json_t *record, struct entry *out, struct error *err)
{
    const char *scheme;
    json_t *jwk;
    if (!json_is_object(record))
        return error_set(err, ERROR_INVALID, "a signing key is %s", json_kind(record));
    if (json_check_keys(record, record_keys, err) < 0 ||
        json_get_text(record, "scheme", &scheme, err) < 0 ||
        json_get_i64(record, "from", &out->from, err) < 0 ||
        json_get_i64(record, "until", &out->until, err) < 0 ||
        json_get_object(record, "jwk", &jwk, err) < 0)
        return -1;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(scheme, signature_scheme_name(kinds[i].scheme)) == 0)
            out->scheme = kinds[i].scheme;
    }
    if (out->scheme == 0)
        return error_set(err, ERROR_INVALID, "a signing key is for \"%s\"", scheme);
    return jwk_read(jwk, &out->jwk, err);
}

static int parse_keys(struct span text, struct keys *keys, struct error *err)
{
    static const struct json_limits limits = {.size = DATABASE_VALUE_MAX, .depth = JOSE_DEPTH_MAX};
    json_auto_t *records = json_parse(text, &limits, err);
    if (!records)
        return -1;
    if (json_array_size(records) > KEYS_MAX)
        return error_set(err, ERROR_LIMIT, "there are %zu signing keys", json_array_size(records));
    for (size_t i = 0; i < json_array_size(records); i++) {
        struct entry *entry = &keys->at[keys->count++];
        jwk_init(&entry->jwk);
        if (read_entry(json_array_get(records, i), entry, err) < 0)
            return -1;
    }
    return 0;
}

/* Reads the keys; none where the store has no record of them. */
static int read_keys(struct signing *signing, struct keys *keys, struct error *err)
{
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct buf plain = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct error own = {0};
    if (database_get(signing->store, &place, &sealed, &signing->revision, &own) < 0) {
        if (own.code == ERROR_NOT_FOUND)
            return 0;
        return error_set(err, own.code, "%s", own.text);
    }
    int result = vault_unseal(signing->vault, &place, buf_span(&sealed), &plain, err);
    if (result == 0)
        result = parse_keys(buf_span(&plain), keys, err);
    buf_fini_secret(&plain);
    return result;
}

/* --- their times ------------------------------------------------------------------------------ */

static int certify(struct entry *entry, const struct own_evidence *own, int64_t now,
                   struct error *err)
{
    const struct signing_life life = {now, entry->from - SIGNING_AHEAD - SIGNING_SKEW,
                                      entry->until + SIGNING_TOKEN_LIFE + SIGNING_SKEW};
    return signing_certify(&entry->jwk, &life, own, err);
}

/* All but its certificate. */
static int make_entry(const struct kind *kind, int64_t from, struct entry *entry, struct error *err)
{
    uint8_t thumbprint[SHA256_SIZE];
    BUF_AUTO kid = BUF_WITH_LIMIT(JWK_KID_MAX);
    *entry = (struct entry){.scheme = kind->scheme, .from = from, .until = from + SIGNING_PERIOD};
    jwk_init(&entry->jwk);
    entry->jwk.kind = kind->key;
    entry->jwk.private_key = private_key_new(kind->key, kind->bits, err);
    if (!entry->jwk.private_key)
        return -1;
    entry->jwk.public_key = private_key_dup_public(entry->jwk.private_key, err);
    if (!entry->jwk.public_key || jwk_thumbprint(&entry->jwk, thumbprint, err) < 0 ||
        base64url_encode(span_of(thumbprint, sizeof thumbprint), &kid, err) < 0)
        return -1;
    memcpy(entry->jwk.kid, kid.data, kid.size);
    return text_copy(entry->jwk.alg, sizeof entry->jwk.alg, signature_scheme_name(kind->scheme)) &&
                   text_copy(entry->jwk.use, sizeof entry->jwk.use, "sig")
               ? 0
               : error_set(err, ERROR_LIMIT, "the scheme's name is too long");
}

/* The end of the last key of this kind; `now` where there is none that lasts to it. */
static int64_t covered_until(const struct keys *keys, enum signature_scheme scheme, int64_t now)
{
    int64_t until = now;
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->at[i].scheme == scheme && keys->at[i].until > until)
            until = keys->at[i].until;
    }
    return until;
}

static bool is_past(const struct entry *entry, int64_t now)
{
    return entry->until + SIGNING_TOKEN_LIFE + SIGNING_SKEW < now;
}

static bool needs_successor(const struct keys *keys, enum signature_scheme scheme, int64_t now)
{
    return covered_until(keys, scheme, now) <= now + SIGNING_AHEAD;
}

static bool are_as_they_should(const struct keys *keys, int64_t now)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (needs_successor(keys, kinds[i].scheme, now))
            return false;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (is_past(&keys->at[i], now))
            return false;
    }
    return true;
}

/* Moves from `keys` to `next` what may still be needed. */
static void drop_past(struct keys *keys, struct keys *next, int64_t now)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (is_past(&keys->at[i], now))
            jwk_fini(&keys->at[i].jwk);
        else
            next->at[next->count++] = keys->at[i];
    }
    keys->count = 0;
}

/* A key that was made without evidence may be known to whoever looked into that machine: it signs
 * no more, and stays published for what it signed. */
static void retire_unproved(struct keys *keys, int64_t now)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct entry *entry = &keys->at[i];
        if (entry->until > now && !signing_has_evidence(&entry->jwk))
            entry->until = now;
    }
}

static int add_due(const struct signing *signing, struct keys *keys, int64_t now, struct error *err)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!needs_successor(keys, kinds[i].scheme, now))
            continue;
        int64_t until = covered_until(keys, kinds[i].scheme, now);
        if (keys->count == KEYS_MAX)
            return error_set(err, ERROR_LIMIT, "there are too many signing keys");
        struct entry *entry = &keys->at[keys->count++];
        if (make_entry(&kinds[i], until, entry, err) < 0 ||
            certify(entry, signing->own, now, err) < 0)
            return -1;
    }
    return 0;
}

static void replace_keys(struct signing *signing, struct keys **next)
{
    (void)pthread_rwlock_wrlock(&signing->lock);
    struct keys *before = signing->keys;
    signing->keys = *next;
    (void)pthread_rwlock_unlock(&signing->lock);
    *next = before;
}

/* One thread refreshes: nobody else changes the keys. */
int signing_refresh(struct signing *signing, int64_t now, struct error *err)
{
    if (signing->keys && are_as_they_should(signing->keys, now))
        return 0;
    KEYS_AUTO kept = calloc(1, sizeof *kept);
    KEYS_AUTO next = calloc(1, sizeof *next);
    if (!kept || !next)
        return error_memory(err);
    if (read_keys(signing, kept, err) < 0)
        return error_context(err, "the keys that sign tokens");
    if (signing->own)
        retire_unproved(kept, now);
    if (!are_as_they_should(kept, now)) {
        drop_past(kept, next, now);
        if (add_due(signing, next, now, err) < 0 ||
            write_keys(signing, next, &signing->revision, err) < 0)
            return error_context(err, "the keys that sign tokens");
        replace_keys(signing, &next);
    } else {
        replace_keys(signing, &kept);
    }
    return 0;
}

bool signing_find_scheme(struct span name, enum signature_scheme *out)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (span_equal(span_of_text(signature_scheme_name(kinds[i].scheme)), name)) {
            *out = kinds[i].scheme;
            return true;
        }
    }
    return false;
}

/* --- use -------------------------------------------------------------------------------------- */

static const struct entry *find_key(const struct keys *keys, enum signature_scheme scheme,
                                    int64_t now)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct entry *entry = &keys->at[i];
        if (entry->scheme == scheme && entry->from <= now && now < entry->until)
            return entry;
    }
    return NULL;
}

/* Adds the key's certificate to a header (RFC 7515, section 4.1.6). */
static int add_chain(json_t *header, const struct jose_chain *chain, struct error *err)
{
    json_t *list = json_array();
    if (json_object_set_new(header, "x5c", list) < 0)
        return error_memory(err);
    for (size_t i = 0; i < chain->count; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(2 * CERTIFICATE_DER_MAX);
        if (base64_encode(buf_span(&chain->ders[i]), &text, err) < 0)
            return -1;
        if (json_array_append_new(list, json_string(buf_text(&text))) < 0)
            return error_memory(err);
    }
    return 0;
}

/* What is to be signed, and how. */
struct message {
    enum signature_scheme scheme;
    const json_t *header;
    struct span payload;
    bool with_chain;
};

/* Readers of attestation results (EAR) look for the key in the header. */
static int add_key(json_t *header, const struct jwk *key, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_HEADER_MAX, .depth = JOSE_DEPTH_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    if (jwk_append_public(key, &text, err) < 0)
        return -1;
    json_t *value = json_parse_object(buf_span(&text), &limits, err);
    if (!value)
        return -1;
    return json_object_set_new(header, "jwk", value) < 0 ? error_memory(err) : 0;
}

static int sign(const struct entry *entry, const struct message *message, struct buf *out,
                struct error *err)
{
    /* The header is borrowed and stays as it is; jansson has no constant reference. */
    json_auto_t *all = json_copy((json_t *)(uintptr_t)message->header);
    if (!all || json_object_set_new(all, "kid", json_string(entry->jwk.kid)) < 0 ||
        json_object_set_new(all, "typ", json_string("JWT")) < 0)
        return error_memory(err);
    if (entry->scheme == SIGNATURE_ES256 && add_key(all, &entry->jwk, err) < 0)
        return -1;
    if (message->with_chain && add_chain(all, &entry->jwk.chain, err) < 0)
        return -1;
    return jws_sign(all, message->payload, entry->jwk.private_key, entry->scheme, out, err);
}

static int sign_at(struct signing *signing, const struct message *message, int64_t now,
                   struct buf *out, struct error *err)
{
    (void)pthread_rwlock_rdlock(&signing->lock);
    const struct entry *entry = find_key(signing->keys, message->scheme, now);
    int result = entry ? sign(entry, message, out, err)
                       : error_set(err, ERROR_UNAVAILABLE, "no key signs at this time");
    (void)pthread_rwlock_unlock(&signing->lock);
    return result;
}

int signing_sign(struct signing *signing, enum signature_scheme scheme, const json_t *header,
                 struct span payload, int64_t now, struct buf *out, struct error *err)
{
    struct message message = {scheme, header, payload, false};
    return sign_at(signing, &message, now, out, err);
}

int signing_sign_with_chain(struct signing *signing, enum signature_scheme scheme,
                            const json_t *header, struct span payload, int64_t now, struct buf *out,
                            struct error *err)
{
    struct message message = {scheme, header, payload, true};
    return sign_at(signing, &message, now, out, err);
}

static int check(const struct keys *keys, const struct jws *jws, struct error *err)
{
    const char *kid;
    if (json_get_text(jws->header, "kid", &kid, err) < 0)
        return -1;
    for (size_t i = 0; i < keys->count; i++) {
        const struct entry *entry = &keys->at[i];
        if (strcmp(entry->jwk.kid, kid) == 0)
            return jws_check(jws, entry->jwk.public_key, (unsigned)entry->scheme, err);
    }
    return error_set(err, ERROR_REFUSED,
                     "it names the key \"%.64s\", which is none of this service", kid);
}

int signing_check(struct signing *signing, const struct jws *jws, struct error *err)
{
    (void)pthread_rwlock_rdlock(&signing->lock);
    int result = check(signing->keys, jws, err);
    (void)pthread_rwlock_unlock(&signing->lock);
    return result;
}

static int append_keys(const struct keys *keys, struct buf *out, struct error *err)
{
    if (buf_append_text(out, "{\"keys\":[", err) < 0)
        return -1;
    for (size_t i = 0; i < keys->count; i++) {
        if ((i > 0 && buf_append_text(out, ",", err) < 0) ||
            jwk_append_public(&keys->at[i].jwk, out, err) < 0)
            return -1;
    }
    return buf_append_text(out, "]}", err);
}

int signing_append_keys(struct signing *signing, struct buf *out, struct error *err)
{
    (void)pthread_rwlock_rdlock(&signing->lock);
    int result = append_keys(signing->keys, out, err);
    (void)pthread_rwlock_unlock(&signing->lock);
    return result;
}

struct signing *signing_open(struct database *store, const struct vault *vault,
                             const struct own_evidence *own, int64_t now, struct error *err)
{
    struct signing *signing = calloc(1, sizeof *signing);
    if (!signing || pthread_rwlock_init(&signing->lock, NULL) != 0) {
        free(signing);
        (void)error_memory(err);
        return NULL;
    }
    signing->store = store;
    signing->vault = vault;
    signing->own = own;
    if (signing_refresh(signing, now, err) == 0)
        return signing;
    signing_close(signing);
    return NULL;
}

void signing_close(struct signing *signing)
{
    if (!signing)
        return;
    keys_free(signing->keys);
    (void)pthread_rwlock_destroy(&signing->lock);
    free(signing);
}
