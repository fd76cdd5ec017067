/*
 * JSON Web Encryption in flattened JSON serialization (RFC 7516, section 7.2.2), as the key broker
 * of Confidential Containers answers with it: members protected, encrypted_key, iv, ciphertext and
 * tag, and no others; "enc" is A256GCM; the AAD is the protected header as it stands.
 *
 * Of ECDH-ES, "epk" stands in the header, PartyUInfo and PartyVInfo are empty, and a header with
 * "apu" or "apv" is refused.
 */
#ifndef CAISSON_FORMAT_JWE_H
#define CAISSON_FORMAT_JWE_H

#include "format/jwk.h"

/* How the content key is sealed for the recipient (RFC 7518, sections 4.3 and 4.6). */
enum jwe_algorithm {
    JWE_RSA_OAEP = 1U << 0,
    JWE_RSA_OAEP_256 = 1U << 1,
    JWE_ECDH_ES_A256KW = 1U << 2,
};

/* Appends the message as JSON. `key` must be RSA, or on a curve, as the algorithm wants. The
 * content key, the IV and the ephemeral key are new ones: their randomness is drawn in src/crypto,
 * as that of a signature is. ERROR_INVALID, ERROR_LIMIT. */
int jwe_seal(enum jwe_algorithm algorithm, const struct public_key *key, struct span plain,
             struct buf *out, struct error *err);

/* Appends the plaintext of a message that is sealed by one of the accepted algorithms; the caller
 * wipes it. ERROR_INVALID for what is no such message, ERROR_REFUSED for what was not sealed for
 * this key, or was changed. */
int jwe_unseal(struct span text, const struct private_key *key, unsigned accepted, struct buf *out,
               struct error *err);

#endif
