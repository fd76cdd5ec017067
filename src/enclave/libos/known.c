#include "enclave/libos/known.h"

#include "enclave/libos/bytes.h"

const struct known_piece *known_find(const struct known *known, const struct known_part *part)
{
    for (size_t i = 0; i < KNOWN_PIECES; i++) {
        const struct known_piece *one = &known->all[i];
        if (one->bytes && one->part.layer == part->layer && one->part.file == part->file &&
            one->part.offset == part->offset && one->part.size == part->size)
            return one;
    }
    return NULL;
}

static void drop(struct known *known, size_t place)
{
    struct known_piece *piece = &known->all[place];
    libos_free(piece->bytes);
    known->size -= piece->size;
    *piece = (struct known_piece){.bytes = NULL};
}

void known_keep(struct known *known, const struct known_part *part, const void *bytes, size_t size,
                size_t most)
{
    if (size > most || known_find(known, part))
        return;
    void *copy = libos_alloc(size > 0 ? size : 1);
    if (!copy)
        return;
    memcpy(copy, bytes, size);
    drop(known, known->next);
    for (size_t i = 1; known->size + size > most; i++)
        drop(known, (known->next + i) % KNOWN_PIECES);
    known->all[known->next] = (struct known_piece){*part, size, copy};
    known->next = (known->next + 1) % KNOWN_PIECES;
    known->size += size;
}
