/*
 * An SGXS stream: what the processor hashes while an enclave is built, written down (Fortanix,
 * "sgxs: streams", and Intel SDM volume 3D, sections 38.1.1 and 39.2: ECREATE, EADD, EEXTEND). Its
 * SHA-256 is MRENCLAVE, once the stream is one that a processor would produce: that is checked
 * here.
 */
#ifndef CAISSON_MEASURE_SGXS_H
#define CAISSON_MEASURE_SGXS_H

#include "base/error.h"
#include "crypto/digest.h"

#define SGXS_SIZE_MAX    (512U * 1024 * 1024) /* bytes of a stream */
#define SGXS_ELRANGE_MAX (UINT64_C(1) << 36)  /* bytes of an enclave */

struct sgxs {
    uint8_t mrenclave[SHA256_SIZE];
    uint64_t size;           /* bytes of the enclave's range, a power of two */
    uint32_t ssa_frame_size; /* pages */
    uint32_t page_count;
    uint32_t tcs_count;     /* of these pages */
    uint32_t chunk_count;   /* of 256 bytes that were measured */
    uint32_t unmeasured;    /* chunks whose content is in the stream and not in MRENCLAVE */
    uint32_t partial_pages; /* pages that were not measured whole */
};

/* Reads the stream and hashes it. ERROR_INVALID, with the offset, for a record that is cut short,
 * unknown, out of place, or that the processor would refuse; ERROR_LIMIT for too large ones. */
int sgxs_measure(struct span stream, struct sgxs *out, struct error *err);

#endif
