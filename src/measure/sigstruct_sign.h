/* Signs an enclave: makes the SIGSTRUCT that sigstruct.h reads. */
#ifndef CAISSON_MEASURE_SIGSTRUCT_SIGN_H
#define CAISSON_MEASURE_SIGSTRUCT_SIGN_H

#include "crypto/issue.h"
#include "measure/sigstruct.h"

/* Writes a SIGSTRUCT with these fields (mrsigner is left aside) by an RSA key of 3072 bits with the
 * exponent 3; the same fields and key give the same bytes. ERROR_INVALID for another key, and for
 * fields that sigstruct_check() would not take. */
int sigstruct_sign(const struct sigstruct *fields, const struct private_key *key,
                   uint8_t out[SIGSTRUCT_SIZE], struct error *err);

#endif
