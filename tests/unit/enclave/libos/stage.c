/* What stands around a part of the library OS in its tests, unless the test has its own. */
#include <stdlib.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "stage.h"

uint8_t stage_buffer[DOOR_BUFFER_SIZE];

/* So that no answer is good for long, and the host is asked each time. */
STAGE_DEFAULT uint64_t clock_ticks(void)
{
    static uint64_t ticks;
    return ticks += UINT64_C(1) << 40;
}

STAGE_DEFAULT bool enclave_is_outside(uintptr_t address, uint64_t size)
{
    (void)address;
    (void)size;
    return true;
}

STAGE_DEFAULT unsigned char **door_buffer(void)
{
    static unsigned char *place = stage_buffer;
    return &place;
}

STAGE_DEFAULT struct thread *thread_self(void)
{
    return thread_at(0);
}

STAGE_DEFAULT bool thread_is_of_pool(void)
{
    return true;
}

STAGE_DEFAULT void lock_given_up(void)
{
    abort();
}

/* There are no signals. */
STAGE_DEFAULT void wait_poll(void)
{
}

STAGE_DEFAULT void finish_all(uint64_t result)
{
    (void)result;
    abort();
}
