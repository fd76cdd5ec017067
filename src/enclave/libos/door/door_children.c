#include "enclave/libos/door/door_children.h"

#include <asm/errno.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_parts.h"

/* Why the host gives none is of no use to anyone inside. */
static int64_t handle_of(uint64_t answer)
{
    int64_t handle = door_check(answer, DOOR_CHILDREN - 1);
    return handle < DOOR_STREAMS ? -EAGAIN : handle;
}

int door_child(void)
{
    return door_check(door_ask(DOOR_CHILD, 0, 0, 0), 0) < 0 ? -EAGAIN : 0;
}

int64_t door_dial(void)
{
    return handle_of(door_ask(DOOR_DIAL, 0, 0, 0));
}

int64_t door_arrive(void)
{
    uint64_t answer = door_ask(DOOR_ARRIVE, 0, 0, 0);
    return answer == (uint64_t)-ECHILD ? -ECHILD : handle_of(answer);
}
