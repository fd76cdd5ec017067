/* Where the fields of a SIGSTRUCT lie (Intel SDM volume 3D, section 38.13): for sigstruct.c and
 * sigstruct_sign.c alone. */
#ifndef CAISSON_MEASURE_SIGSTRUCT_LAYOUT_H
#define CAISSON_MEASURE_SIGSTRUCT_LAYOUT_H

#include "crypto/raw_key.h"
#include "measure/sigstruct.h"

#define SIGSTRUCT_EXPONENT         3
#define SIGSTRUCT_VENDOR_AT        16
#define SIGSTRUCT_DATE_AT          20
#define SIGSTRUCT_HEADER2_AT       24
#define SIGSTRUCT_SW_DEFINED_AT    40
#define SIGSTRUCT_MODULUS_AT       128
#define SIGSTRUCT_EXPONENT_AT      512
#define SIGSTRUCT_SIGNATURE_AT     516
#define SIGSTRUCT_MISCSELECT_AT    900
#define SIGSTRUCT_MISCMASK_AT      904
#define SIGSTRUCT_FAMILYID_AT      912
#define SIGSTRUCT_ATTRIBUTES_AT    928
#define SIGSTRUCT_ATTRIBUTEMASK_AT 944
#define SIGSTRUCT_MRENCLAVE_AT     960
#define SIGSTRUCT_EXTPRODID_AT     1008
#define SIGSTRUCT_PRODID_AT        1024
#define SIGSTRUCT_ISVSVN_AT        1026
#define SIGSTRUCT_Q1_AT            1040
#define SIGSTRUCT_Q2_AT            1424

/* What is signed: the first bytes, and those from MISCSELECT on. */
#define SIGSTRUCT_HEAD_SIZE 128
#define SIGSTRUCT_BODY_SIZE 128

_Static_assert(SIGSTRUCT_Q2_AT + RSA3072_SIZE == SIGSTRUCT_SIZE, "table 38-21");

static const uint8_t sigstruct_header[16] = {0x06, 0, 0,    0, 0xE1, 0, 0, 0,
                                             0,    0, 0x01, 0, 0,    0, 0, 0};
static const uint8_t sigstruct_header2[16] = {0x01, 0x01, 0, 0, 0x60, 0, 0, 0,
                                              0x60, 0,    0, 0, 0x01, 0, 0, 0};

#endif
