/*
 * JSON Web Keys (RFC 7517; RFC 7518, section 6): oct, RSA and EC on P-256, P-384 and P-521, public
 * or private.
 *
 * Strict: numbers in the exact size that RFC 7518 states, a private RSA key with all its numbers
 * (and no `oth`), x5c only where its first certificate is for this key, and a private key only
 * where its numbers belong together. Members that are not known are left aside (RFC 7517,
 * section 4).
 */
#ifndef CAISSON_FORMAT_JWK_H
#define CAISSON_FORMAT_JWK_H

#include "crypto/digest.h"
#include "crypto/key.h"
#include "format/jose.h"

#define JWK_KID_MAX    255  /* bytes */
#define JWK_NAME_MAX   31   /* bytes of alg and of use */
#define JWK_SECRET_MAX 1024 /* bytes of an oct key, at least one */

/* What key_ops may list (RFC 7517, section 4.3). */
enum jwk_operation {
    JWK_SIGN = 1U << 0,
    JWK_VERIFY = 1U << 1,
    JWK_ENCRYPT = 1U << 2,
    JWK_DECRYPT = 1U << 3,
    JWK_WRAP_KEY = 1U << 4,
    JWK_UNWRAP_KEY = 1U << 5,
    JWK_DERIVE_KEY = 1U << 6,
    JWK_DERIVE_BITS = 1U << 7,
};

struct jwk {
    bool is_oct;
    enum key_kind kind;              /* where it is not oct */
    struct buf secret;               /* of oct; wiped */
    struct public_key *public_key;   /* NULL for oct */
    struct private_key *private_key; /* NULL where only the public half is known */
    char kid[JWK_KID_MAX + 1];       /* these are "" where absent */
    char alg[JWK_NAME_MAX + 1];
    char use[JWK_NAME_MAX + 1];
    unsigned operations;     /* of key_ops, as far as they are known above */
    bool limits_operations;  /* key_ops is there */
    struct jose_chain chain; /* x5c */
};

void jwk_init(struct jwk *jwk);
void jwk_fini(struct jwk *jwk);
#define JWK_AUTO __attribute__((cleanup(jwk_fini))) struct jwk

/* Reads one key into what jwk_init() prepared. Private members are wiped in `object`.
 * ERROR_INVALID, ERROR_LIMIT; on failure *out is empty. */
int jwk_read(json_t *object, struct jwk *out, struct error *err);
int jwk_parse(struct span text, struct jwk *out, struct error *err);

/* Wipes the private members of a key that is not read. */
void jwk_wipe(json_t *object);

/* Reads the first key of this kid in a set (RFC 7517, section 5): an object with an array "keys".
 * Keys of other kids, which may be of kinds that are not known here, are left aside.
 * ERROR_NOT_FOUND, and as jwk_read(). */
int jwk_find(json_t *set, const char *kid, struct jwk *out, struct error *err);

/* Whether use and key_ops, where they are there, let the key do this. */
bool jwk_may(const struct jwk *jwk, enum jwk_operation operation);

/* Appends the key as JSON, without private members; ERROR_INVALID for oct, which is nothing else.
 */
int jwk_append_public(const struct jwk *jwk, struct buf *out, struct error *err);

/* Appends it with its private members; the caller wipes `out`. ERROR_INVALID where there are none.
 */
int jwk_append_private(const struct jwk *jwk, struct buf *out, struct error *err);

/* The thumbprint by SHA-256, RFC 7638. */
int jwk_thumbprint(const struct jwk *jwk, uint8_t out[SHA256_SIZE], struct error *err);

#endif
