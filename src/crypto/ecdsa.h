/* ECDSA signatures (FIPS 186-5, section 6.4) as attestation formats hold them: numbers of a fixed
 * size, big endian, without DER around them. The guest never links this file. */
#ifndef CAISSON_CRYPTO_ECDSA_H
#define CAISSON_CRYPTO_ECDSA_H

#include "base/error.h"
#include "crypto/digest.h"

#define P256_SIZE           32              /* bytes of a coordinate, of r and of s */
#define P256_POINT_SIZE     (2 * P256_SIZE) /* x ‖ y */
#define P256_SIGNATURE_SIZE (2 * P256_SIZE) /* r ‖ s */

/* Checks the signature of a digest under the public key x ‖ y on P-256. ERROR_REFUSED when it does
 * not hold, when the key is no point of the curve, or when r or s is out of range. */
int ecdsa_check_p256(const uint8_t key[P256_POINT_SIZE], const uint8_t digest[SHA256_SIZE],
                     const uint8_t signature[P256_SIGNATURE_SIZE], struct error *err);

#endif
