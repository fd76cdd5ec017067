/* What the files of src/crypto share of ECDSA: signatures under a key of OpenSSL's. */
#ifndef CAISSON_CRYPTO_ECDSA_KEY_H
#define CAISSON_CRYPTO_ECDSA_KEY_H

#include <openssl/evp.h>

#include "base/span.h"

/* True when the signature r ‖ s, two numbers of one size, holds for the digest. */
bool ecdsa_holds(EVP_PKEY *key, struct span digest, struct span r, struct span s);

#endif
