/*
 * SIGSTRUCT: who signed an enclave, and what it may be (Intel SDM volume 3D, section 38.13,
 * "Enclave Signature Structure"). Checked as EINIT checks it: the constants of its header, the
 * signature by RSA-3072 with the exponent 3, and the quotients Q1 and Q2.
 */
#ifndef CAISSON_MEASURE_SIGSTRUCT_H
#define CAISSON_MEASURE_SIGSTRUCT_H

#include "base/error.h"
#include "crypto/digest.h"

#define SIGSTRUCT_SIZE 1808

struct sigstruct {
    uint32_t vendor; /* 0x8086 for Intel's enclaves, else 0 */
    uint32_t date;   /* 0xYYYYMMDD, decimal digits */
    uint32_t sw_defined;
    uint32_t miscselect;
    uint32_t miscselect_mask;
    uint8_t isv_family_id[16];
    uint8_t attributes[16]; /* flags u64, xfrm u64 */
    uint8_t attributes_mask[16];
    uint8_t mrenclave[SHA256_SIZE]; /* ENCLAVEHASH */
    uint8_t isv_ext_prod_id[16];
    uint16_t isv_prod_id;
    uint16_t isv_svn;
    uint8_t mrsigner[SHA256_SIZE]; /* SHA-256 of the modulus, little endian as it stands */
};

/* Reads and checks `bytes`. ERROR_INVALID when it is no SIGSTRUCT; ERROR_REFUSED, saying which,
 * when the signature or a quotient does not hold. */
int sigstruct_check(struct span bytes, struct sigstruct *out, struct error *err);

/* True when an enclave that this SIGSTRUCT admits may be a debug enclave: the mask leaves the bit
 * DEBUG open, or it is set. */
bool sigstruct_allows_debug(const struct sigstruct *sigstruct);

#endif
