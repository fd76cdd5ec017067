#include "measure/sgxs_records.h"

#include <string.h>

static void put(uint8_t *out, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void begin(uint8_t out[SGXS_RECORD_SIZE], const char tag[8])
{
    memset(out, 0, SGXS_RECORD_SIZE);
    memcpy(out, tag, 8);
}

void sgxs_record_create(uint8_t out[SGXS_RECORD_SIZE], uint32_t ssa_frame_size, uint64_t size)
{
    begin(out, "ECREATE");
    put(out + 8, 4, ssa_frame_size);
    put(out + 12, 8, size);
}

void sgxs_record_add(uint8_t out[SGXS_RECORD_SIZE], uint64_t offset, uint64_t flags)
{
    begin(out, "EADD\0\0\0");
    put(out + 8, 8, offset);
    put(out + 16, 8, flags);
}

void sgxs_record_extend(uint8_t out[SGXS_RECORD_SIZE], uint64_t offset)
{
    begin(out, "EEXTEND");
    put(out + 8, 8, offset);
}
