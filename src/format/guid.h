/* GUIDs as they lie in memory, from the form in which they are published. */
#ifndef CAISSON_FORMAT_GUID_H
#define CAISSON_FORMAT_GUID_H

#include <stdint.h>

#define GUID_SIZE 16

/* The initialiser of the 16 bytes of 9438d606-4f22-4cc9-b479-a793d411fd21, written as
 * GUID(0x9438d606, 0x4f22, 0x4cc9, 0xb479, 0xa793d411fd21): the first three groups lie little
 * endian, the last two as they are read. */
#define GUID(a, b, c, d, e)                                                                        \
    {                                                                                              \
        GUID_BYTE(a, 0), GUID_BYTE(a, 8), GUID_BYTE(a, 16), GUID_BYTE(a, 24), GUID_BYTE(b, 0),     \
            GUID_BYTE(b, 8), GUID_BYTE(c, 0), GUID_BYTE(c, 8), GUID_BYTE(d, 8), GUID_BYTE(d, 0),   \
            GUID_BYTE(e, 40), GUID_BYTE(e, 32), GUID_BYTE(e, 24), GUID_BYTE(e, 16),                \
            GUID_BYTE(e, 8), GUID_BYTE(e, 0)                                                       \
    }
#define GUID_BYTE(value, shift) ((uint8_t)((uint64_t)(value) >> (shift)&0xff))

#endif
