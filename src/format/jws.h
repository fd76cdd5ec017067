/*
 * JSON Web Signatures in compact serialization (RFC 7515, section 7.1), and what a JSON Web Token
 * says of time and issuer (RFC 7519).
 *
 * A message names its algorithm and perhaps its key; neither is believed. The caller gives the key
 * and the set of schemes that it accepts, and asks for an unsigned message by a function of its
 * own.
 */
#ifndef CAISSON_FORMAT_JWS_H
#define CAISSON_FORMAT_JWS_H

#include "crypto/issue.h"
#include "crypto/signature.h"
#include "format/jose.h"

#define JWT_DEPTH_MAX 32 /* of claims */

struct jws {
    json_t *header;
    const char *algorithm;   /* "alg", of the header */
    struct span signed_part; /* header "." payload, as they stood: borrowed from the text */
    struct buf payload;
    struct buf signature;
};

/* Reads header "." payload "." signature; the text must outlive *out. ERROR_INVALID, ERROR_LIMIT.
 */
int jws_read(struct span text, struct jws *out, struct error *err);
void jws_fini(struct jws *jws);
#define JWS_AUTO __attribute__((cleanup(jws_fini))) struct jws

/* ERROR_REFUSED, saying why, unless "alg" names one of the accepted schemes (SIGNATURE_*) and the
 * signature holds by it under the key. */
int jws_check(const struct jws *jws, const struct public_key *key, unsigned accepted,
              struct error *err);

/* ERROR_REFUSED unless "alg" is "none" and the signature empty (RFC 7515, appendix A.5). */
int jws_check_unsigned(const struct jws *jws, struct error *err);

/* Appends a message, signed by a scheme that goes with the key. `header` (NULL: none) is what goes
 * beside "alg", which it may not hold. */
int jws_sign(const json_t *header, struct span payload, const struct private_key *key,
             enum signature_scheme scheme, struct buf *out, struct error *err);

/* Appends a message with "alg" "none". */
int jws_append_unsigned(const json_t *header, struct span payload, struct buf *out,
                        struct error *err);

/* What is asked of a token's claims. Times are seconds since 1970. */
struct jwt_rule {
    int64_t now;
    int64_t leeway;       /* seconds by which clocks may differ */
    const char *issuer;   /* "iss"; NULL: any, or none */
    const char *audience; /* in "aud"; NULL: any, or none */
};

/* Reads a payload as claims: an object of at most JWT_DEPTH_MAX levels. The caller frees it. */
json_t *jwt_read_claims(struct span payload, struct error *err);

/* ERROR_REFUSED for a token that has expired, is not valid yet (nbf, iat), or is another issuer's
 * or for another audience. "exp" must be there; times must be integers. */
int jwt_check_claims(const json_t *claims, const struct jwt_rule *rule, struct error *err);

#endif
