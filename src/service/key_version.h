/*
 * One version of a key that the service keeps: what it is, what it may be used for, the rule of its
 * release, and the secret itself. Here it is in memory, and as bytes, which service/key_store.h
 * seals:
 *
 *     4 bytes  size of what follows, little endian
 *     …        JSON: everything but the secret
 *     …        the secret: PKCS#8 in DER for RSA and EC, the bare bytes for oct
 *
 * The secret never becomes JSON: it is copied as little as can be, and wiped. Pure.
 */
#ifndef CAISSON_SERVICE_KEY_VERSION_H
#define CAISSON_SERVICE_KEY_VERSION_H

#include "crypto/key.h"
#include "format/json.h"
#include "rules/release_policy.h"

#define KEY_NAME_MAX      127 /* characters of a key's name: letters, digits, dashes */
#define KEY_VERSION_LEN   32  /* hex digits of a version */
#define KEY_TAGS_MAX      15  /* as Azure Key Vault has it */
#define KEY_TAG_MAX       256 /* bytes of a tag's name, or of its value */
#define KEY_CONTENT_MAX   127 /* bytes of a rule's content type */
#define KEY_VERSION_BYTES ((size_t)160 << 10) /* of a version, as bytes */

enum key_type { KEY_TYPE_OCT, KEY_TYPE_RSA, KEY_TYPE_EC, KEY_TYPE_COUNT };

struct key_attributes {
    bool enabled;
    bool exportable;    /* it may be released; set once */
    int64_t expires;    /* seconds since 1970; 0: never */
    int64_t not_before; /* 0: at once */
};

/* Which tokens release the key. */
struct key_rule {
    struct buf text; /* a release policy in JSON (rules/release_policy.h); empty: there is none */
    char content_type[KEY_CONTENT_MAX + 1];
    bool immutable; /* nobody may put another in its place */
};

struct key_version {
    char name[KEY_NAME_MAX + 1];
    char version[KEY_VERSION_LEN + 1];
    enum key_type type;
    bool is_hsm;        /* its type was given with "-HSM", and is shown so; nothing else differs */
    json_t *public_key; /* members of a JWK: n and e; crv, x and y; none for oct */
    json_t *operations; /* an array of names */
    json_t *tags;       /* an object of texts */
    struct key_attributes attributes;
    struct key_rule rule;
    int64_t created, updated; /* seconds since 1970 */
    struct buf secret;
    uint64_t revision; /* of its record in the store */
};

void key_version_init(struct key_version *key);
void key_version_fini(struct key_version *key);
#define KEY_VERSION_AUTO __attribute__((cleanup(key_version_fini))) struct key_version

/* 1 to KEY_NAME_MAX letters, digits and dashes; KEY_VERSION_LEN lower-case hex digits. */
bool key_name_is_good(const char *name);
bool key_version_is_good(const char *version);

/* "RSA-HSM" */
const char *key_type_name(enum key_type type, bool is_hsm);
bool key_type_find(const char *name, enum key_type *type, bool *is_hsm);

/* Appends the bytes; the caller wipes `out`. */
int key_version_write(const struct key_version *key, struct buf *out, struct error *err);

/* Reads them into what key_version_init() prepared; name and version stay as they are.
 * ERROR_INVALID. */
int key_version_read(struct span bytes, struct key_version *out, struct error *err);

/* Checks what an operation list and tags may hold. ERROR_INVALID, ERROR_LIMIT. */
int key_check_operations(const json_t *operations, struct error *err);
int key_check_tags(const json_t *tags, struct error *err);

/* ERROR_REFUSED, saying why, for a key that may not be released at this time. */
int key_version_check_usable(const struct key_version *key, int64_t now, struct error *err);

#endif
