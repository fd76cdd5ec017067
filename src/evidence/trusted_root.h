/* A root certificate that the caller trusts beside those that are pinned here, AMD's and Intel's.
 */
#ifndef CAISSON_EVIDENCE_TRUSTED_ROOT_H
#define CAISSON_EVIDENCE_TRUSTED_ROOT_H

#include "crypto/digest.h"

struct trusted_root {
    uint8_t digest[SHA256_SIZE]; /* SHA-256 of the certificate in DER */
    bool simulated; /* a false root, which calls itself SIMULATED: named as such by the caller */
};

#endif
