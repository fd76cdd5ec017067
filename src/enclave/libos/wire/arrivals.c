#include "enclave/libos/wire/arrivals.h"

#include <asm/errno.h>
#include <linux/poll.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/door/door_children.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/wait.h"

#define FIRST_MAX 256 /* bytes of a first message */

static bool is_welcoming;

/* A service: one wire, which it frees. */
static void serve(void *argument)
{
    struct wire *wire = argument;
    uint8_t first[FIRST_MAX];
    int64_t size = wire_welcome(wire, wire->handle);
    if (size == 0)
        size = wire_receive_patiently(wire, first, sizeof first);
    if (size > 0)
        arrival_serve(wire, first, (size_t)size);
    wire_close(wire);
    lock_take();
    if (size <= 0)
        arrival_failed();
    libos_free(wire);
    lock_release();
}

/* With the lock. Who finds no room is sent away: it sees the end of its wire. */
static void start(uint32_t handle)
{
    struct wire *wire = libos_alloc(sizeof *wire);
    if (wire)
        wire->handle = handle;
    if (wire && thread_start_service(serve, wire) == 0)
        return;
    libos_free(wire);
    door_close(handle);
    arrival_failed();
}

/* A service, until the program is over. */
static void welcome(void *argument)
{
    const struct door_ready item = {.handle = DOOR_CHILDREN, .events = POLLIN};
    (void)argument;
    lock_take();
    for (;;) {
        int64_t handle = door_arrive();
        if (handle >= 0)
            start((uint32_t)handle);
        else if (handle == -ECHILD)
            arrival_missed();
        else
            (void)wait_on(NULL, DOOR_FOREVER, &item, 1);
    }
}

int arrivals_ask(void)
{
    if (!is_welcoming && thread_start_service(welcome, NULL) < 0)
        return -EAGAIN;
    is_welcoming = true;
    lock_release(); /* it may take as long as an enclave takes to be made */
    int status = door_child();
    lock_take();
    return status;
}
