/* AES-128-CMAC (NIST SP 800-38B) by the processor's instructions: what authenticates a REPORT
 * (Intel SDM volume 3D, EREPORT). In constant time. */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_AES_CMAC_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_AES_CMAC_H

#include "base/span.h"

#define AES_CMAC_SIZE 16 /* of a key, and of the code */

void aes_cmac(const uint8_t key[AES_CMAC_SIZE], struct span message, uint8_t out[AES_CMAC_SIZE]);

#endif
