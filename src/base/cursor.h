/*
 * A cursor reads untrusted bytes and cannot overrun. Each read returns false when too few bytes are
 * left, and from then on every further read fails too (`failed` stays set), so that a parser may
 * read a whole structure and check once.
 */
#ifndef CAISSON_BASE_CURSOR_H
#define CAISSON_BASE_CURSOR_H

#include "base/span.h"

struct cursor {
    struct span rest; /* what has not been read yet */
    bool failed;
};

static inline struct cursor cursor_of(struct span bytes)
{
    return (struct cursor){.rest = bytes};
}

/* Borrows the next `size` bytes from the span below the cursor. */
bool cursor_read(struct cursor *cursor, size_t size, struct span *out);

/* Copies the next `size` bytes to `out`, which is zeroed on failure. */
bool cursor_copy(struct cursor *cursor, void *out, size_t size);

bool cursor_skip(struct cursor *cursor, size_t size);

/* Little endian and big endian integers; *out is 0 on failure. */
bool cursor_u8(struct cursor *cursor, uint8_t *out);
bool cursor_le16(struct cursor *cursor, uint16_t *out);
bool cursor_le32(struct cursor *cursor, uint32_t *out);
bool cursor_le64(struct cursor *cursor, uint64_t *out);
bool cursor_be16(struct cursor *cursor, uint16_t *out);
bool cursor_be32(struct cursor *cursor, uint32_t *out);
bool cursor_be64(struct cursor *cursor, uint64_t *out);

/* All was read, and nothing failed. */
static inline bool cursor_at_end(const struct cursor *cursor)
{
    return !cursor->failed && cursor->rest.size == 0;
}

#endif
