#include "enclave/libos/remote/known_bytes.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/known.h"

static struct known known;

static struct known_part part_of(uint64_t file, uint64_t offset, size_t size)
{
    return (struct known_part){.file = file, .offset = offset, .size = size};
}

bool known_bytes_get(uint64_t file, uint64_t offset, void *out, size_t size)
{
    const struct known_part part = part_of(file, offset, size);
    const struct known_piece *piece = known_find(&known, &part);
    if (piece)
        memcpy(out, piece->bytes, size);
    return piece;
}

void known_bytes_keep(uint64_t file, uint64_t offset, const void *bytes, size_t size)
{
    const struct known_part part = part_of(file, offset, size);
    if (size > 0 && size <= KNOWN_BYTES_PIECE)
        known_keep(&known, &part, bytes, size, KNOWN_BYTES_MAX);
}
