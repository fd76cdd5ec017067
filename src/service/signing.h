/*
 * The keys that sign tokens, by RS256, ES384 and ES256, and their rotation without a gap.
 *
 * Of each scheme one key signs at a time. Its successor is made and published SIGNING_AHEAD before
 * it signs, so that whoever keeps the key set for a day knows it by then; and a key stays published
 * until the last token that it signed has expired. All are kept in the store, sealed, in one
 * record: a rotation happens whole or not at all.
 */
#ifndef CAISSON_SERVICE_SIGNING_H
#define CAISSON_SERVICE_SIGNING_H

#include <jansson.h>

#include "crypto/signature.h"
#include "format/jws.h"
#include "service/database.h"
#include "service/own_evidence.h"
#include "service/vault.h"

/* Seconds. */
#define SIGNING_PERIOD     (30 * 86400) /* for which a key signs */
#define SIGNING_AHEAD      (2 * 86400)  /* for which it is published before */
#define SIGNING_TOKEN_LIFE (8 * 3600)   /* for which a token is valid */
#define SIGNING_SKEW       600          /* by which clocks may differ */

struct signing;

/* Reads the keys from the store, and makes those that are missing at this time (seconds since
 * 1970). Where the service has evidence of its own (NULL: it has none), each new key's certificate
 * holds it, no key is made without, and a key that was made without signs no more. Store, vault
 * and `own` are borrowed. The caller frees it. */
struct signing *signing_open(struct database *store, const struct vault *vault,
                             const struct own_evidence *own, int64_t now, struct error *err);
void signing_close(struct signing *signing);

/* Makes successors that are due and drops keys that are past; for every hour or so. One thread
 * refreshes; others may sign meanwhile. */
int signing_refresh(struct signing *signing, int64_t now, struct error *err);

/* The scheme of a token that this names: "RS256", "ES384" or "ES256"; false for another. */
bool signing_find_scheme(struct span name, enum signature_scheme *out);

/* Appends a token: the payload, signed by SIGNATURE_RS256, SIGNATURE_ES384, or SIGNATURE_ES256,
 * which has the key in its header (jwk). `header` holds what goes beside alg, kid and typ. */
int signing_sign(struct signing *signing, enum signature_scheme scheme, const json_t *header,
                 struct span payload, int64_t now, struct buf *out, struct error *err);

/* As signing_sign(), with the key's certificate in the header (x5c), for readers that do not know
 * the service's keys. */
int signing_sign_with_chain(struct signing *signing, enum signature_scheme scheme,
                            const json_t *header, struct span payload, int64_t now, struct buf *out,
                            struct error *err);

/* ERROR_REFUSED unless one of the published keys, by its own scheme, signed the message: the one
 * that its "kid" names. */
int signing_check(struct signing *signing, const struct jws *jws, struct error *err);

/* Appends the published keys as a JSON Web Key Set (RFC 7517, section 5), each with its certificate
 * in x5c. */
int signing_append_keys(struct signing *signing, struct buf *out, struct error *err);

#endif
