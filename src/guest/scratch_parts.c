#include "guest/scratch_parts.h"

bool scratch_part_read(struct cursor *cursor, struct scratch_part *out)
{
    uint32_t size;
    *out = (struct scratch_part){0};
    if (span_is_zero(cursor->rest) || !cursor_copy(cursor, out->name, SCRATCH_PART_NAME_SIZE) ||
        !cursor_le32(cursor, &size))
        return false;
    if (!*out->name || size == 0)
        cursor->failed = true;
    return cursor_read(cursor, size, &out->bytes);
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
