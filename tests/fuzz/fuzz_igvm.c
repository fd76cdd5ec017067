/* An IGVM file whose size and checksum are made to hold, so that what is behind them is reached. */
#include "fuzz.h"

#include <string.h>

#include "measure/igvm_snp.h"

#define FIXED_SIZE_1 24
#define FIXED_SIZE_2 32

static void put_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_le32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static void repair(uint8_t *file, size_t size)
{
    size_t fixed = file[4] == 2 ? FIXED_SIZE_2 : FIXED_SIZE_1;
    uint32_t at = get_le32(file + 8);
    uint32_t headers = get_le32(file + 12);
    put_le32(file + 16, (uint32_t)size);
    if (size < fixed || at > size || headers > size - at)
        return;
    put_le32(file + 20, igvm_checksum(span_of(file, fixed), span_of(file + at, headers)));
}

static void measure(struct span file)
{
    const struct igvm_snp_options options = {.zeros_as_data = false};
    struct igvm igvm;
    struct igvm_snp found;
    struct id_digests digests;
    if (igvm_open(file, &igvm, NULL) < 0 || igvm_measure_snp(&igvm, &options, &found, NULL) < 0)
        return;
    fuzz_require(found.page_count > 0 && found.page_count <= IGVM_PAGES_MAX);
    fuzz_require(!found.kvm_agrees || found.vmsa_count == 1);
    (void)igvm_check_id_block(&found, &digests, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    measure(span_of(data, size));
    if (size < FIXED_SIZE_1 || size > 16384)
        return 0;
    uint8_t *copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    repair(copy, size);
    measure(span_of(copy, size));
    free(copy);
    return 0;
}
