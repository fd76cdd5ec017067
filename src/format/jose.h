/*
 * What JWK, JWS and JWE share (RFC 7515 to 7518): limits, base64url members, chains of certificates
 * (x5c). All of it is read strictly: no padding, no white space, no duplicate members, nothing
 * critical that is not understood here. Neither the guest nor libcaisson links these files.
 */
#ifndef CAISSON_FORMAT_JOSE_H
#define CAISSON_FORMAT_JOSE_H

#include "base/buf.h"
#include "format/json.h"

#define JOSE_HEADER_MAX ((size_t)64 << 10) /* bytes of a header, or of a key, as JSON */
#define JOSE_SIZE_MAX   ((size_t)4 << 20)  /* bytes of a whole message */
#define JOSE_DEPTH_MAX  8                  /* of a header, or of a key */
#define JOSE_CHAIN_MAX  8                  /* certificates in x5c */

/* Appends what the member holds in base64url; ERROR_INVALID where it is absent or no text. */
int jose_get_bytes(const json_t *object, const char *key, struct buf *out, struct error *err);

/* Appends base64url as a JSON string with its quotes. */
int jose_append_bytes(struct buf *out, struct span bytes, struct error *err);

/* Reads a protected header: base64url of an object within the limits above. ERROR_INVALID for crit,
 * b64 and zip, which nothing here implements. The result is the caller's. */
json_t *jose_read_header(struct span text, struct error *err);

/* Certificates in DER, the signer's first, each the issuer of the one before (which nobody has
 * checked). */
struct jose_chain {
    struct buf ders[JOSE_CHAIN_MAX];
    size_t count;
};

void jose_chain_fini(struct jose_chain *chain);

/* Reads the member x5c (RFC 7515, section 4.1.6) into a zeroed chain; none where it is absent.
 * ERROR_INVALID for what are no certificates. */
int jose_read_chain(const json_t *object, struct jose_chain *out, struct error *err);

/* Appends `"x5c":[…]`. */
int jose_append_chain(struct buf *out, const struct jose_chain *chain, struct error *err);

#endif
