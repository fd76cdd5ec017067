/*
 * Keys of the kinds that JOSE and a key service know, beyond what signature.h and issue.h do with
 * them: taken apart into numbers and put together again, read and written as DER. Keys and numbers
 * are wiped when freed. The guest never links this file.
 */
#ifndef CAISSON_CRYPTO_KEY_H
#define CAISSON_CRYPTO_KEY_H

#include "base/buf.h"
#include "crypto/issue.h"
#include "crypto/signature.h"

#define KEY_NUMBER_MAX (SIGNATURE_RSA_BITS_MAX / 8) /* bytes of one number */
#define KEY_DER_MAX    8192                         /* bytes of a private key in DER */

enum key_kind { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_KIND_COUNT };

/* The numbers of RFC 8017, section 3.2, and of a point and its scalar. */
enum key_number {
    KEY_N,
    KEY_E,
    KEY_D, /* RSA's private exponent, or the scalar */
    KEY_P,
    KEY_Q,
    KEY_DP,
    KEY_DQ,
    KEY_QI,
    KEY_X,
    KEY_Y,
    KEY_NUMBER_COUNT,
};

/* Big endian. RSA's are without leading zeros, those of a curve have key_scalar_size() bytes; one
 * that the key does not have is empty. */
struct key_numbers {
    enum key_kind kind;
    struct buf at[KEY_NUMBER_COUNT];
};

void key_numbers_init(struct key_numbers *numbers);
void key_numbers_fini(struct key_numbers *numbers);
#define KEY_NUMBERS_AUTO __attribute__((cleanup(key_numbers_fini))) struct key_numbers

/* Bytes of a coordinate and of a scalar; 0 for RSA. */
size_t key_scalar_size(enum key_kind kind);

/* ERROR_INVALID for numbers of another size than stated above, for an RSA key that
 * public_key_from_rsa() refuses, and for a point that is not on its curve. Private numbers are left
 * aside. The caller frees the key. */
struct public_key *public_key_from_numbers(const struct key_numbers *numbers, struct error *err);

/* As above with the private numbers, of RSA all eight; ERROR_INVALID too when they do not belong
 * together (both primes are tested). */
struct private_key *private_key_from_numbers(const struct key_numbers *numbers, struct error *err);

/* Fills numbers, which key_numbers_init() prepared. ERROR_INVALID for a key of no kind above, and
 * for an RSA key of another size than signature.h's. */
int public_key_to_numbers(const struct public_key *key, struct key_numbers *out, struct error *err);
int private_key_to_numbers(const struct private_key *key, struct key_numbers *out,
                           struct error *err);

/* A new key; `rsa_bits` (2048, 3072 or 4096) only matters to RSA. NULL with ERROR_INVALID,
 * ERROR_UNAVAILABLE. */
struct private_key *private_key_new(enum key_kind kind, unsigned rsa_bits, struct error *err);

/* The public half, which the caller frees. */
struct public_key *private_key_dup_public(const struct private_key *key, struct error *err);

/* Reads an unencrypted PKCS#8 PrivateKeyInfo (RFC 5208), all of `der`. NULL with ERROR_INVALID for
 * anything else, and for a key of no kind above. */
struct private_key *private_key_from_pkcs8(struct span der, struct error *err);

/* Appends it; the caller wipes `der` (buf_fini_secret). */
int private_key_to_pkcs8(const struct private_key *key, struct buf *der, struct error *err);

/* Appends the SubjectPublicKeyInfo. */
int public_key_to_spki(const struct public_key *key, struct buf *der, struct error *err);

/* True when both are the same key. */
bool public_key_equal(const struct public_key *a, const struct public_key *b);

#endif
