/* A root certificate that the caller trusts beside those that are pinned here, AMD's and Intel's.
 */
#ifndef CAISSON_EVIDENCE_TRUSTED_ROOT_H
#define CAISSON_EVIDENCE_TRUSTED_ROOT_H

#include "base/buf.h"
#include "crypto/digest.h"

struct trusted_root {
    uint8_t digest[SHA256_SIZE]; /* SHA-256 of the certificate in DER */
    bool simulated; /* a false root, which calls itself SIMULATED: named as such by the caller */
};

/* The root in a file's bytes, PEM or DER, which holds no other certificate; its DER is appended to
 * `der` (limit CERTIFICATE_DER_MAX; NULL: not wanted). One that calls itself simulated is trusted
 * as such. ERROR_INVALID, ERROR_LIMIT. */
int trusted_root_read(struct span bytes, struct trusted_root *root, struct buf *der,
                      struct error *err);

#endif
