#include "base/cursor.h"

bool cursor_read(struct cursor *cursor, size_t size, struct span *out)
{
    if (cursor->failed || size > cursor->rest.size) {
        cursor->failed = true;
        *out = span_of(NULL, 0);
        return false;
    }
    *out = span_of(cursor->rest.data, size);
    if (size > 0) /* an empty span may be NULL, to which not even 0 is added */
        cursor->rest.data += size;
    cursor->rest.size -= size;
    return true;
}

bool cursor_copy(struct cursor *cursor, void *out, size_t size)
{
    struct span bytes;
    if (!cursor_read(cursor, size, &bytes)) {
        memset(out, 0, size);
        return false;
    }
    if (size > 0)
        memcpy(out, bytes.data, size);
    return true;
}

bool cursor_skip(struct cursor *cursor, size_t size)
{
    struct span bytes;
    return cursor_read(cursor, size, &bytes);
}

static bool read_integer(struct cursor *cursor, size_t size, bool big_endian, uint64_t *out)
{
    struct span bytes;
    *out = 0;
    if (!cursor_read(cursor, size, &bytes))
        return false;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | bytes.data[big_endian ? i : size - 1 - i];
    return true;
}

#define CURSOR_INTEGER(name, type, big_endian)                                                     \
    bool name(struct cursor *cursor, type *out)                                                    \
    {                                                                                              \
        uint64_t value;                                                                            \
        bool ok = read_integer(cursor, sizeof(type), big_endian, &value);                          \
        *out = (type)value;                                                                        \
        return ok;                                                                                 \
    }

CURSOR_INTEGER(cursor_u8, uint8_t, false)
CURSOR_INTEGER(cursor_le16, uint16_t, false)
CURSOR_INTEGER(cursor_le32, uint32_t, false)
CURSOR_INTEGER(cursor_le64, uint64_t, false)
CURSOR_INTEGER(cursor_be16, uint16_t, true)
CURSOR_INTEGER(cursor_be32, uint32_t, true)
CURSOR_INTEGER(cursor_be64, uint64_t, true)
