/*
 * Secrets sealed for one key, and the pieces that JWE and the key vault's release make of it:
 * AES-GCM, AES key wrap, RSA-OAEP, and ECDH with the Concat KDF. What an `unseal` refuses has not
 * been given out, not even in part. The guest never links this file.
 */
#ifndef CAISSON_CRYPTO_SEAL_H
#define CAISSON_CRYPTO_SEAL_H

#include "base/buf.h"
#include "crypto/issue.h"
#include "crypto/signature.h"

#define AES256_KEY_SIZE 32
#define GCM_IV_SIZE     12
#define GCM_TAG_SIZE    16
#define SEAL_SIZE_MAX   (16 * 1024 * 1024) /* bytes of what is sealed at once */
#define AES_WRAP_MAX    (64 * 1024)        /* bytes of what is wrapped */
#define ECDH_SECRET_MAX 66                 /* bytes, on P-521 */

/* AES-256-GCM (NIST SP 800-38D) with an IV of 96 bits that the caller never uses twice with one
 * key. Appends the ciphertext, which is as long as `plain`. ERROR_LIMIT. */
int gcm_seal(const uint8_t key[AES256_KEY_SIZE], const uint8_t iv[GCM_IV_SIZE], struct span aad,
             struct span plain, struct buf *out, uint8_t tag[GCM_TAG_SIZE], struct error *err);

/* Appends the plaintext, which the caller wipes. ERROR_REFUSED when anything was changed: `out` is
 * as before. */
int gcm_unseal(const uint8_t key[AES256_KEY_SIZE], const uint8_t iv[GCM_IV_SIZE], struct span aad,
               struct span cipher, const uint8_t tag[GCM_TAG_SIZE], struct buf *out,
               struct error *err);

/* AES key wrap, RFC 3394: `kek` of 16, 24 or 32 bytes, `key` of at least 16, a multiple of 8.
 * Appends 8 bytes more than there were. ERROR_INVALID, ERROR_LIMIT. */
int aes_wrap(struct span kek, struct span key, struct buf *out, struct error *err);

/* Appends the key, which the caller wipes. ERROR_REFUSED when it was not wrapped by this KEK. */
int aes_unwrap(struct span kek, struct span wrapped, struct buf *out, struct error *err);

/* As above with padding, RFC 5649: a key of 1 byte or more. */
int aes_wrap_padded(struct span kek, struct span key, struct buf *out, struct error *err);
int aes_unwrap_padded(struct span kek, struct span wrapped, struct buf *out, struct error *err);

/* The hash of RSAES-OAEP and of its MGF1; the label is empty. */
enum oaep_hash { OAEP_SHA1, OAEP_SHA256, OAEP_SHA384 };

/* RFC 8017, section 7.1, by an RSA key of 2048 to 8192 bits. Appends as many bytes as the modulus
 * has. ERROR_INVALID for another key, ERROR_LIMIT for too long a message. */
int oaep_seal(const struct public_key *key, enum oaep_hash hash, struct span plain, struct buf *out,
              struct error *err);

/* Appends the plaintext, which the caller wipes. ERROR_REFUSED, always in the same words. */
int oaep_unseal(const struct private_key *key, enum oaep_hash hash, struct span cipher,
                struct buf *out, struct error *err);

/* ECDH (SP 800-56A, section 5.7.1.2): the x of the common point, written to `out`; *size is that of
 * the curve. ERROR_INVALID unless both are keys on one curve. The caller wipes `out`. */
int ecdh_agree(const struct private_key *mine, const struct public_key *theirs,
               uint8_t out[ECDH_SECRET_MAX], size_t *size, struct error *err);

struct kdf_info {
    struct span algorithm; /* "ECDH-ES+A256KW" */
    struct span party_u;
    struct span party_v;
};

/* The Concat KDF with SHA-256 as RFC 7518, section 4.6.2, has it: fills out[size], at most 64
 * bytes. */
void concat_kdf(struct span secret, const struct kdf_info *info, uint8_t *out, size_t size);

#endif
