/*
 * X.509 certificates and revocation lists of attestation chains: read, asked, and their signatures
 * checked one by one. There is no path building and no clock here: who must have signed whom, and
 * at what time all must be valid, and how signed, is the caller's rule. The guest never links this
 * file.
 */
#ifndef CAISSON_CRYPTO_CERTIFICATE_H
#define CAISSON_CRYPTO_CERTIFICATE_H

#include "base/buf.h"
#include "crypto/digest.h"
#include "crypto/ecdsa.h"

/* Bytes of one certificate: one that holds a report with its chain has 15,000. */
#define CERTIFICATE_DER_MAX  24576
#define CERTIFICATE_NAME_MAX 64 /* bytes of a common name, RFC 5280 ub-common-name */
#define CRL_DER_MAX          (1024 * 1024)

#define P384_SIZE 48 /* bytes of a coordinate, of r and of s */

/* How a certificate or a revocation list may be signed; a caller accepts a set of these. */
enum certificate_scheme {
    /* RSASSA-PSS, SHA-384, MGF1 with SHA-384, 48 bytes of salt, by a key of 4096 bits: AMD 57230,
     * "VCEK Certificate and KDS Interface", section 3. */
    SIGNED_PSS_SHA384 = 1U << 0,
    /* ECDSA on P-256 with SHA-256: Intel, "SGX PCK Certificate and CRL Profile Specification",
     * section 1.3. */
    SIGNED_ECDSA_P256_SHA256 = 1U << 1,
    /* ECDSA on P-384 with SHA-384. */
    SIGNED_ECDSA_P384_SHA384 = 1U << 2,
    /* RSASSA-PKCS1-v1_5 by a key of 2048 to 8192 bits. */
    SIGNED_RSA_SHA256 = 1U << 3,
    SIGNED_RSA_SHA384 = 1U << 4,
    SIGNED_RSA_SHA512 = 1U << 5,
};

struct certificate;

/* Reads one certificate, all of `der`; ERROR_INVALID for anything else, trailing bytes included.
 * The caller frees it. */
struct certificate *certificate_from_der(struct span der, struct error *err);
void certificate_free(struct certificate *certificate);
void certificate_cleanup(struct certificate **certificate);
#define CERTIFICATE_AUTO __attribute__((cleanup(certificate_cleanup))) struct certificate

/* Appends the DER bytes of the first PEM block of `pem`, which must be a CERTIFICATE, and advances
 * `pem` past it and the line breaks that follow. ERROR_INVALID for other text, also between blocks.
 */
int certificate_pem_next(struct span *pem, struct buf *der, struct error *err);

/* Appends one PEM block. */
int certificate_der_to_pem(struct span der, struct buf *pem, struct error *err);

/* SHA-256 of the DER bytes. */
void certificate_digest(const struct certificate *certificate, uint8_t out[SHA256_SIZE]);

/* The SubjectPublicKeyInfo in DER, borrowed. */
struct span certificate_public_key(const struct certificate *certificate);

/* The subject's one common name, "" where it has none, two, or one that is not plain ASCII. */
const char *certificate_name(const struct certificate *certificate);

/* True between notBefore and notAfter, both included; seconds since 1970. */
bool certificate_valid_at(const struct certificate *certificate, int64_t time);

/* Writes "2026-02-05T01:04:33Z to 2033-…" for messages. */
void certificate_validity(const struct certificate *certificate, char out[64]);

/* Finds the extension with this dotted OID; *value borrows what its OCTET STRING holds. False when
 * it is absent, or there twice (which nothing may trust). */
bool certificate_extension(const struct certificate *certificate, const char *oid,
                           struct span *value);

/* ERROR_REFUSED, with its OID, when an extension is critical and not one that is understood here
 * (basicConstraints, keyUsage). */
int certificate_check_critical(const struct certificate *certificate, struct error *err);

/* ERROR_REFUSED unless it may sign certificates: CA, and keyCertSign where keyUsage is given. */
int certificate_check_ca(const struct certificate *certificate, struct error *err);

/* Whether it names `issuer`'s subject as its issuer. Anybody can write a name: this only helps to
 * put certificates in order. */
bool certificate_names_issuer(const struct certificate *certificate,
                              const struct certificate *issuer);

/* ERROR_REFUSED, saying what is wrong, unless `issuer` is named as the issuer and its key signed by
 * one of the `accepted` schemes. */
int certificate_check_signed(const struct certificate *certificate,
                             const struct certificate *issuer, unsigned accepted,
                             struct error *err);

/* Checks an ECDSA signature over a digest by the certificate's key, which must be on P-384;
 * r and s are big endian. ERROR_REFUSED when it does not hold. */
int certificate_check_ecdsa_p384(const struct certificate *certificate,
                                 const uint8_t digest[SHA384_SIZE], const uint8_t r[P384_SIZE],
                                 const uint8_t s[P384_SIZE], struct error *err);

/* As above for a key on P-256; the signature is r ‖ s. */
int certificate_check_ecdsa_p256(const struct certificate *certificate,
                                 const uint8_t digest[SHA256_SIZE],
                                 const uint8_t signature[P256_SIGNATURE_SIZE], struct error *err);

struct crl;

struct crl *crl_from_der(struct span der, struct error *err);
void crl_free(struct crl *crl);
void crl_cleanup(struct crl **crl);
#define CRL_AUTO __attribute__((cleanup(crl_cleanup))) struct crl

/* ERROR_REFUSED unless `issuer` is named as the issuer, its key signed by one of the `accepted`
 * schemes, and no critical extension is unknown. */
int crl_check_signed(const struct crl *crl, const struct certificate *issuer, unsigned accepted,
                     struct error *err);

/* True from thisUpdate to nextUpdate; false where there is no nextUpdate. */
bool crl_current_at(const struct crl *crl, int64_t time);

/* True when the certificate's serial number is on the list. */
bool crl_lists(const struct crl *crl, const struct certificate *certificate);

#endif
