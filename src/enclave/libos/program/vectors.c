#include "enclave/libos/program/vectors.h"

#include <string.h>

#define HEADER_AT   512 /* XSAVE's header, in the standard format */
#define HEADER_SIZE 64
#define MXCSR_AT    24
#define MXCSR_KNOWN 0xFFFFU
#define XFRM_KNOWN  0xE7U

uint64_t vectors_enabled(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low & XFRM_KNOWN;
}

void vectors_make_good(uint8_t *area, uint64_t most)
{
    uint64_t components;
    uint32_t mxcsr;
    memcpy(&components, area + HEADER_AT, sizeof components);
    memcpy(&mxcsr, area + MXCSR_AT, sizeof mxcsr);
    components &= most & vectors_enabled();
    mxcsr &= MXCSR_KNOWN;
    memset(area + HEADER_AT, 0, HEADER_SIZE);
    memcpy(area + HEADER_AT, &components, sizeof components);
    memcpy(area + MXCSR_AT, &mxcsr, sizeof mxcsr);
}
