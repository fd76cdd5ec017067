#include "enclave/libos/calls/syscall_vector.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

void syscall_one_vector(uint64_t at, uint64_t size, struct syscall_vector *out)
{
    *out = (struct syscall_vector){
        .items = &out->one, .count = 1, .total = size, .one = {(void *)at, size}};
}

int syscall_take_vector(uint64_t at, uint64_t count, struct syscall_vector *out)
{
    *out = (struct syscall_vector){.items = &out->one, .count = (size_t)count};
    if (count > SYSCALL_VECTOR_MAX)
        return -EMSGSIZE;
    if (!can_read(at, count * sizeof *out->items))
        return -EFAULT;
    if (count > 1)
        out->items = libos_alloc((size_t)count * sizeof *out->items);
    if (!out->items)
        return -ENOMEM;
    memcpy(out->items, (const void *)at, (size_t)count * sizeof *out->items);
    for (size_t i = 0; i < out->count; i++) {
        if (__builtin_add_overflow(out->total, out->items[i].iov_len, &out->total) ||
            (int64_t)out->total < 0)
            return -EINVAL;
    }
    return 0;
}

void syscall_vector_fini(struct syscall_vector *vector)
{
    if (vector->items != &vector->one)
        libos_free(vector->items);
}

uint64_t syscall_vector_allows(const struct syscall_vector *vector, uint64_t offset, uint64_t size,
                               bool writes)
{
    uint64_t allowed = 0;
    for (size_t i = 0; i < vector->count && allowed < size; i++) {
        uint64_t at = (uint64_t)vector->items[i].iov_base, room = vector->items[i].iov_len;
        if (offset >= room) {
            offset -= room;
            continue;
        }
        uint64_t part = room - offset < size - allowed ? room - offset : size - allowed;
        if (writes ? !can_write(at + offset, part) : !can_read(at + offset, part))
            break;
        allowed += part;
        offset = 0;
    }
    return allowed;
}

int syscall_copy_vector(const struct syscall_vector *vector, uint64_t offset, uint8_t *bytes,
                        size_t size, bool gathers)
{
    for (size_t i = 0; i < vector->count && size > 0; i++) {
        uint64_t at = (uint64_t)vector->items[i].iov_base, room = vector->items[i].iov_len;
        if (offset >= room) {
            offset -= room;
            continue;
        }
        size_t part = room - offset < size ? (size_t)(room - offset) : size;
        if (gathers ? !can_read(at + offset, part) : !can_write(at + offset, part))
            return -EFAULT;
        if (gathers)
            memcpy(bytes, (const void *)(at + offset), part);
        else
            memcpy((void *)(at + offset), bytes, part);
        bytes += part;
        size -= part;
        offset = 0;
    }
    return 0;
}
