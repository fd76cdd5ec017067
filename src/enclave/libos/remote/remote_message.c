#include "enclave/libos/remote/remote_message.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/threads/lock.h"

static int broken(struct remote_side *side)
{
    side->is_broken = true;
    return -EIO;
}

int remote_send(struct remote_side *side, struct remote_buffer *parcel, enum remote_parcel kind,
                uint64_t serial)
{
    const struct remote_head head = {(uint32_t)parcel->size, (uint32_t)kind, serial};
    if (side->is_broken || parcel->size < sizeof head)
        return -EIO;
    memcpy(parcel->bytes, &head, sizeof head);
    for (size_t done = 0; done < parcel->size;) {
        size_t part = parcel->size - done;
        part = part < REMOTE_MESSAGE_MAX ? part : REMOTE_MESSAGE_MAX;
        if (side->link.send(side->link.end, parcel->bytes + done, part) < 0)
            return broken(side);
        done += part;
    }
    return 0;
}

/* Memory is given out under the lock. */
static int append(struct remote_buffer *parcel, const void *bytes, size_t size, size_t whole)
{
    lock_take();
    int status = remote_reserve(parcel, whole);
    if (status == 0)
        status = remote_put(parcel, bytes, size);
    lock_release();
    return status;
}

int remote_receive(struct remote_side *side, struct remote_buffer *parcel, bool may_interrupt)
{
    struct remote_head head;
    if (side->is_broken)
        return -EIO;
    int64_t got = side->link.receive(side->link.end, side->message, sizeof side->message,
                                     may_interrupt);
    if (got == 0 || got == -EINTR)
        return (int)got;
    if (got < (int64_t)sizeof head)
        return broken(side);
    memcpy(&head, side->message, sizeof head);
    if (head.size < (size_t)got || head.size > REMOTE_PARCEL_MAX)
        return broken(side);
    int status = append(parcel, side->message, (size_t)got, head.size);
    while (status == 0 && parcel->size < head.size) {
        got = side->link.receive(side->link.end, side->message, sizeof side->message, false);
        if (got <= 0 || (size_t)got > head.size - parcel->size)
            return broken(side);
        status = append(parcel, side->message, (size_t)got, 0);
    }
    if (status < 0)
        side->is_broken = true;
    return status < 0 ? status : 1;
}

struct remote_head remote_head_of(const struct remote_buffer *parcel)
{
    struct remote_head head = {0};
    if (parcel->size >= sizeof head)
        memcpy(&head, parcel->bytes, sizeof head);
    return head;
}
