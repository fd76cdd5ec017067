/* What the files of the door share. */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_PARTS_H

#include <stdint.h>

/* 0 to `most`, or an errno's number below 0; all else is none of the answers: -EIO. */
int64_t door_check(uint64_t answer, uint64_t most);

#endif
