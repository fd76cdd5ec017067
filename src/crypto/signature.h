/*
 * Signatures over messages by public keys: of certificates, and of bare RSA keys. The caller says
 * which schemes it accepts where it calls; nothing here picks one by what a message claims.
 */
#ifndef CAISSON_CRYPTO_SIGNATURE_H
#define CAISSON_CRYPTO_SIGNATURE_H

#include "base/error.h"
#include "base/span.h"

#define SIGNATURE_RSA_BITS_MIN 2048
#define SIGNATURE_RSA_BITS_MAX 8192

/* A hash goes with one curve (RFC 9053, section 2.1, suggests it); a PSS salt has the size of its
 * hash (RFC 8230, section 2); RSA keys have SIGNATURE_RSA_BITS_MIN to _MAX bits. */
enum signature_scheme {
    SIGNATURE_ES256 = 1U << 0, /* ECDSA on P-256 with SHA-256; r ‖ s, big endian */
    SIGNATURE_ES384 = 1U << 1, /* P-384, SHA-384 */
    SIGNATURE_ES512 = 1U << 2, /* P-521, SHA-512 */
    SIGNATURE_PS256 = 1U << 3, /* RSASSA-PSS and MGF1 with this hash */
    SIGNATURE_PS384 = 1U << 4,
    SIGNATURE_PS512 = 1U << 5,
    SIGNATURE_RS256 = 1U << 6, /* RSASSA-PKCS1-v1_5 */
    SIGNATURE_RS384 = 1U << 7,
    SIGNATURE_RS512 = 1U << 8,
};

struct public_key;

/* Reads a SubjectPublicKeyInfo in DER, all of it. The caller frees the key; NULL with
 * ERROR_INVALID. */
struct public_key *public_key_from_spki(struct span der, struct error *err);

/* Makes an RSA key of modulus and exponent, big endian. ERROR_INVALID for a modulus outside the
 * sizes above, and for an exponent that is even, below 65537 or longer than four bytes. */
struct public_key *public_key_from_rsa(struct span modulus, struct span exponent,
                                       struct error *err);
void public_key_free(struct public_key *key);
void public_key_cleanup(struct public_key **key);
#define PUBLIC_KEY_AUTO __attribute__((cleanup(public_key_cleanup))) struct public_key

/* Bytes of the modulus; 0 for a key that is not RSA. */
size_t public_key_rsa_size(const struct public_key *key);

/* ERROR_REFUSED, saying why, unless the signature over the whole message holds under the key by
 * exactly this scheme. */
int public_key_check(const struct public_key *key, enum signature_scheme scheme,
                     struct span message, struct span signature, struct error *err);

/* "PS384"; NULL for what is no single scheme. */
const char *signature_scheme_name(enum signature_scheme scheme);

#endif
