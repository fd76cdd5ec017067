#include "layer/vhd.h"

#include <stddef.h>
#include <string.h>

static void put_be(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

/* Time stamp, creator and geometry stay zero, as the reference has them. */
void vhd_footer(uint64_t size, const uint8_t uuid[16], uint8_t out[VHD_FOOTER_SIZE])
{
    memset(out, 0, VHD_FOOTER_SIZE);
    memcpy(out, "conectix", 8);
    put_be(out + 8, 2, 4);           /* features: the reserved bit, always set */
    put_be(out + 12, 0x00010000, 4); /* format version 1.0 */
    put_be(out + 16, UINT64_MAX, 8); /* no further header: a fixed disk */
    put_be(out + 32, 0x000a0000, 4); /* creator version */
    put_be(out + 40, size, 8);       /* original size */
    put_be(out + 48, size, 8);       /* current size */
    put_be(out + 60, 2, 4);          /* type: fixed */
    memcpy(out + 68, uuid, 16);
    uint32_t sum = 0;
    for (size_t i = 0; i < VHD_FOOTER_SIZE; i++)
        sum += out[i];
    put_be(out + 64, ~sum, 4);
}
