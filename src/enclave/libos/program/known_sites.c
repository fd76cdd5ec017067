#include "enclave/libos/program/known_sites.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/tree.h"
#include "enclave/libos/known.h"
#include "enclave/libos/program/sites.h"

static struct known known;

static struct known_part part_of(const struct node *node, uint64_t offset, size_t size)
{
    return (struct known_part){(uintptr_t)node_layer(node), node->lower.inode, offset, size};
}

static int give(const struct known_piece *piece, struct site *out, size_t most)
{
    size_t count = piece->size / sizeof *out;
    if (count > most)
        return -ERANGE;
    memcpy(out, piece->bytes, piece->size);
    return (int)count;
}

/* A search that came to its end for want of room has not found all. */
static int find(const struct known_part *part, const uint8_t *code, struct site *out, size_t most)
{
    int count = sites_find(code, (size_t)part->size, out, most);
    if (part->layer != 0 && count >= 0 && (size_t)count < most)
        known_keep(&known, part, out, (size_t)count * sizeof *out, KNOWN_SITES_MAX * sizeof *out);
    return count;
}

int known_sites_find(const struct node *node, uint64_t offset, const uint8_t *code, size_t size,
                     struct site *out, size_t most)
{
    const struct known_part wanted = part_of(node, offset, size);
    const struct known_piece *piece = wanted.layer != 0 ? known_find(&known, &wanted) : NULL;
    return piece ? give(piece, out, most) : find(&wanted, code, out, most);
}

static int read_all(struct node *node, uint64_t offset, uint8_t *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t got = node_read(node, offset + done, out + done, size - done);
        if (got <= 0)
            return (int)got;
        done += (size_t)got;
    }
    return 0;
}

int known_sites_read(struct node *node, uint64_t offset, size_t size, struct site *out, size_t most)
{
    const struct known_part wanted = part_of(node, offset, size);
    if (wanted.layer == 0 || offset >= node->size)
        return -ENOENT;
    const struct known_piece *piece = known_find(&known, &wanted);
    if (piece)
        return give(piece, out, most);
    uint8_t *code = size <= SITES_CODE_MAX ? alloc_zeroed(size, 1) : NULL;
    if (!code)
        return -ENOMEM;
    int status = read_all(node, offset, code, size);
    if (status == 0)
        status = find(&wanted, code, out, most);
    libos_free(code);
    return status;
}
