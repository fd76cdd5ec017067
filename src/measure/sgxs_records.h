/* The records of which MRENCLAVE is the SHA-256, written (sgxs.h reads them). */
#ifndef CAISSON_MEASURE_SGXS_RECORDS_H
#define CAISSON_MEASURE_SGXS_RECORDS_H

#include <stdint.h>

#define SGXS_RECORD_SIZE 64
#define SGXS_CHUNK_SIZE  256 /* bytes that follow EEXTEND */

void sgxs_record_create(uint8_t out[SGXS_RECORD_SIZE], uint32_t ssa_frame_size, uint64_t size);

/* `flags` as SECINFO has them; of a TCS the processor measures no access. */
void sgxs_record_add(uint8_t out[SGXS_RECORD_SIZE], uint64_t offset, uint64_t flags);

void sgxs_record_extend(uint8_t out[SGXS_RECORD_SIZE], uint64_t offset);

#endif
