#include "guest/parts.h"

bool part_read(struct cursor *cursor, struct part *out)
{
    uint32_t size;
    *out = (struct part){0};
    if (span_is_zero(cursor->rest) || !cursor_copy(cursor, out->name, PART_NAME_SIZE) ||
        !cursor_le32(cursor, &size))
        return false;
    if (!*out->name || size == 0)
        cursor->failed = true;
    return cursor_read(cursor, size, &out->bytes);
}

bool part_find(struct span parts, const char *name, struct span *out)
{
    struct cursor cursor = cursor_of(parts);
    struct part part;
    while (part_read(&cursor, &part)) {
        *out = part.bytes;
        if (strcmp(part.name, name) == 0)
            return true;
    }
    return false;
}

bool scratch_block_read(struct cursor *cursor, struct scratch_block *out)
{
    uint32_t head;
    uint32_t tail;
    if (cursor->rest.size == 0 || !cursor_le64(cursor, &out->offset) ||
        !cursor_le32(cursor, &head) || !cursor_le32(cursor, &tail))
        return false;
    if (head > SCRATCH_BLOCK_SIZE || tail > SCRATCH_BLOCK_SIZE - head) {
        cursor->failed = true;
        return false;
    }
    memset(out->bytes, 0, sizeof out->bytes);
    return cursor_copy(cursor, out->bytes, head) &&
           cursor_copy(cursor, out->bytes + SCRATCH_BLOCK_SIZE - tail, tail);
}
