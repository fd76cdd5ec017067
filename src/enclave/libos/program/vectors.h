/* A program's vector registers in memory: XSAVE's standard format (Intel SDM volume 1, 13.4), of
 * PROGRAM_VECTORS_SIZE bytes. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_VECTORS_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_VECTORS_H

#include <stdint.h>

#define VECTORS_X87_SSE UINT64_C(3) /* components that there always are */

/* The components that the processor has and the enclave knows: bits of XCR0. */
uint64_t vectors_enabled(void);

/* Takes away what XRSTOR refuses: of the components in the area's own header, those of `most` stay;
 * reserved bits of the header and of MXCSR become zero. */
void vectors_make_good(uint8_t *area, uint64_t most);

#endif
