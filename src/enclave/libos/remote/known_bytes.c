#include "enclave/libos/remote/known_bytes.h"

#include "enclave/libos/bytes.h"

struct piece {
    uint64_t file, offset;
    size_t size;
    uint8_t *bytes; /* NULL: a free place */
};

/* The oldest is the next to go. */
static struct {
    struct piece all[KNOWN_BYTES_PIECES];
    size_t next;
    size_t size; /* of all */
} known;

static struct piece *find(uint64_t file, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < KNOWN_BYTES_PIECES; i++) {
        struct piece *one = &known.all[i];
        if (one->bytes && one->file == file && one->offset == offset && one->size == size)
            return one;
    }
    return NULL;
}

bool known_bytes_get(uint64_t file, uint64_t offset, void *out, size_t size)
{
    const struct piece *piece = find(file, offset, size);
    if (piece)
        memcpy(out, piece->bytes, size);
    return piece;
}

static void drop(struct piece *piece)
{
    libos_free(piece->bytes);
    known.size -= piece->size;
    *piece = (struct piece){.bytes = NULL};
}

void known_bytes_keep(uint64_t file, uint64_t offset, const void *bytes, size_t size)
{
    if (size == 0 || size > KNOWN_BYTES_PIECE || find(file, offset, size))
        return;
    struct piece piece = {file, offset, size, libos_alloc(size)};
    if (!piece.bytes)
        return;
    memcpy(piece.bytes, bytes, size);
    drop(&known.all[known.next]);
    for (size_t i = 1; known.size + size > KNOWN_BYTES_MAX; i++)
        drop(&known.all[(known.next + i) % KNOWN_BYTES_PIECES]);
    known.all[known.next] = piece;
    known.next = (known.next + 1) % KNOWN_BYTES_PIECES;
    known.size += size;
}
