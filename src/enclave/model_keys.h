/*
 * The keys of the model (Intel SDM volume 3D, EGETKEY and EREPORT): AES-CMAC by the fuse key over
 * what the SDM lets each key depend on. The order of the fields is this project's, so that no key
 * is any processor's.
 */
#ifndef CAISSON_ENCLAVE_MODEL_KEYS_H
#define CAISSON_ENCLAVE_MODEL_KEYS_H

#include "base/error.h"
#include "measure/sgx.h"

#define MODEL_CPU_SVN 5 /* each byte of it */

/* Whose key it is. */
struct model_identity {
    const struct sgx_secs *secs;
    const uint8_t *family_id;   /* 16 bytes */
    const uint8_t *ext_prod_id; /* 16 bytes */
};

/* The key of a request whose reserved fields and policy were checked; a status of EGETKEY. -1 with
 * `err` when cryptography fails. */
int model_key(const uint8_t fuse[16], const struct model_identity *who,
              const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE], struct error *err);

/* What EREPORT makes. */
int model_report(const uint8_t fuse[16], const struct model_identity *who,
                 const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORT_DATA_SIZE],
                 struct sgx_report *out, struct error *err);

/* ERROR_REFUSED unless the report was made on this processor for this target. */
int model_report_check(const uint8_t fuse[16], const struct sgx_targetinfo *target,
                       const struct sgx_report *report, struct error *err);

#endif
