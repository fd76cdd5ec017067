/* The footer of a fixed virtual hard disk: Microsoft, "Virtual Hard Disk Image Format
 * Specification". */
#ifndef CAISSON_LAYER_VHD_H
#define CAISSON_LAYER_VHD_H

#include <stdint.h>

#define VHD_FOOTER_SIZE 512

/* For a disk of `size` bytes, which the footer follows. */
void vhd_footer(uint64_t size, const uint8_t uuid[16], uint8_t out[VHD_FOOTER_SIZE]);

#endif
