/* What stands around a part of the library OS in its tests, unless the test has its own. */
#include <stdlib.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/shared/shared.h"
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

STAGE_DEFAULT int thread_place_make(size_t index)
{
    (void)index;
    return 0;
}

STAGE_DEFAULT bool thread_has_lock(void)
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

/* Nothing is shared with other enclaves. */
STAGE_DEFAULT bool shared_find(uintptr_t at, uint32_t *object, uint64_t *offset)
{
    (void)at;
    (void)object;
    (void)offset;
    return false;
}

STAGE_DEFAULT bool shared_has(uintptr_t at)
{
    (void)at;
    return false;
}

STAGE_DEFAULT bool shared_next(uintptr_t at, struct shared_part *out)
{
    (void)at;
    (void)out;
    return false;
}

STAGE_DEFAULT int shared_take(const struct shared_part *part)
{
    (void)part;
    return -1;
}

STAGE_DEFAULT int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6])
{
    (void)number;
    (void)arguments;
    return -1;
}

STAGE_DEFAULT int shared_prepare(void)
{
    return 0;
}

STAGE_DEFAULT int shared_recall(size_t process, const struct shared_recall *recall,
                                struct shared_answer *out)
{
    (void)process;
    (void)recall;
    (void)out;
    return -1;
}

STAGE_DEFAULT bool shared_can_recall(size_t process)
{
    (void)process;
    return true;
}
