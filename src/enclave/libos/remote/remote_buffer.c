#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/remote/remote_message.h"
#include "enclave/libos/wipe.h"

#define ROOM_MIN 512

int remote_reserve(struct remote_buffer *buffer, size_t size)
{
    size_t needed, room = buffer->room ? buffer->room : ROOM_MIN;
    if (__builtin_add_overflow(buffer->size, size, &needed) ||
        needed > REMOTE_PARCEL_MAX + REMOTE_ROOM_MAX)
        return -E2BIG;
    while (room < needed)
        room *= 2;
    if (room == buffer->room)
        return 0;
    uint8_t *bytes = libos_alloc(room);
    if (!bytes)
        return -ENOMEM;
    if (buffer->size > 0) {
        memcpy(bytes, buffer->bytes, buffer->size);
        libos_wipe(buffer->bytes, buffer->size); /* whether it is secret is known later */
    }
    libos_free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->room = room;
    return 0;
}

int remote_put(struct remote_buffer *buffer, const void *bytes, size_t size)
{
    if (size > REMOTE_PARCEL_MAX - buffer->size)
        return -E2BIG;
    int status = remote_reserve(buffer, size);
    if (status < 0)
        return status;
    if (bytes && size > 0)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    else
        memset(buffer->bytes + buffer->size, 0, size);
    buffer->size += size;
    return 0;
}

void remote_buffer_wipe(struct remote_buffer *buffer)
{
    if (buffer->bytes)
        libos_wipe(buffer->bytes, buffer->room);
}

void remote_buffer_fini(struct remote_buffer *buffer)
{
    libos_free(buffer->bytes);
    *buffer = (struct remote_buffer){0};
}

const uint8_t *remote_take(struct remote_reader *reader, size_t size)
{
    const uint8_t *bytes = reader->bytes;
    if (size > reader->left)
        return NULL;
    reader->bytes += size;
    reader->left -= size;
    return bytes;
}

bool remote_get(struct remote_reader *reader, void *out, size_t size)
{
    const uint8_t *bytes = remote_take(reader, size);
    if (bytes)
        memcpy(out, bytes, size);
    return bytes != NULL;
}
