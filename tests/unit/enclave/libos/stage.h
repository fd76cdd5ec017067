#ifndef CAISSON_TESTS_LIBOS_STAGE_H
#define CAISSON_TESTS_LIBOS_STAGE_H

#include <stdint.h>

#include "enclave/libos/door/door_calls.h"

#define STAGE_DEFAULT __attribute__((weak))

/* Outside, where the host's answers lie. */
extern uint8_t stage_buffer[DOOR_BUFFER_SIZE];

#endif
