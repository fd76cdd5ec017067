#include "enclave/libos/door/outbox.h"

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"

#define ALIGNED(size) (((size) + 7) & ~(size_t)7)

static struct door_outbox *outbox; /* outside; NULL: there is none */
static bool is_asked;
static uint64_t put; /* what `outbox->put` says of it is for the host alone */

static struct door_outbox *find(void)
{
    if (is_asked)
        return outbox;
    is_asked = true;
    int64_t at = (int64_t)door_ask(DOOR_OUTBOX, 0, 0, 0);
    bool is_there = at > 0 && (uint64_t)at % _Alignof(struct door_outbox) == 0 &&
                    enclave_is_outside((uintptr_t)at, sizeof *outbox);
    outbox = is_there ? (struct door_outbox *)at : NULL; /* NOLINT: the host's, and checked */
    return outbox;
}

static void copy(uint64_t to, const void *bytes, size_t size)
{
    size_t at = (size_t)(to % DOOR_OUTBOX_SIZE);
    size_t first = size < DOOR_OUTBOX_SIZE - at ? size : DOOR_OUTBOX_SIZE - at;
    __builtin_memcpy(outbox->ring + at, bytes, first);
    __builtin_memcpy(outbox->ring, (const uint8_t *)bytes + first, size - first);
}

static bool has_room(size_t size)
{
    uint64_t used = put - __atomic_load_n(&outbox->taken, __ATOMIC_ACQUIRE);
    return used <= DOOR_OUTBOX_SIZE && size <= DOOR_OUTBOX_SIZE - used;
}

/* The host says that nobody looks before it looks a last time, and here it is asked after the bytes
 * are there: one of both sees what the other did. */
bool outbox_post(uint32_t handle, const void *bytes, size_t size)
{
    const struct door_post head = {handle, (uint32_t)size};
    if (size > DOOR_POST_MAX || !find() || !__atomic_load_n(&outbox->is_served, __ATOMIC_RELAXED) ||
        !has_room(ALIGNED(sizeof head + size)))
        return false;
    copy(put, &head, sizeof head);
    copy(put + sizeof head, bytes, size);
    put += ALIGNED(sizeof head + size);
    __atomic_store_n(&outbox->put, put, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&outbox->is_served, __ATOMIC_SEQ_CST))
        door_wake(0, 0); /* before any call is answered, what was put there is sent */
    return true;
}
