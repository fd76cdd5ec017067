/*
 * The token that asks for a key's release: a JWT of this service's or of an authority that the
 * configuration names, with the RSA key to wrap for in x-ms-runtime.keys, which the evidence bound.
 */
#ifndef CAISSON_SERVICE_RELEASE_TOKEN_H
#define CAISSON_SERVICE_RELEASE_TOKEN_H

#include "format/jwk.h"
#include "service/service_parts.h"

struct release_token {
    json_t *claims;
    const char *issuer; /* of the claims */
};

/* Reads and verifies a token: signature, issuer, time, audience. ERROR_INVALID, ERROR_REFUSED. The
 * caller calls release_token_fini(), also after a failure. */
int release_token_read(const struct call *call, const char *text, struct release_token *out,
                       struct error *err);
void release_token_fini(struct release_token *token);
#define RELEASE_TOKEN_AUTO __attribute__((cleanup(release_token_fini))) struct release_token

/* The first RSA key in x-ms-runtime.keys that may encrypt or wrap, into what jwk_init() prepared.
 * ERROR_REFUSED where there is none. */
int release_token_find_key(const struct release_token *token, struct jwk *out, struct error *err);

#endif
