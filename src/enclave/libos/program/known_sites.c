#include "enclave/libos/program/known_sites.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/tree.h"
#include "enclave/libos/program/sites.h"

struct piece {
    const struct ext4_reader *layer; /* NULL: a free place */
    uint32_t inode;
    uint64_t offset, size;
    struct site *sites;
    size_t count;
};

/* The oldest is the next to go. */
static struct {
    struct piece all[KNOWN_PIECES_MAX];
    size_t next;
    size_t count; /* sites of all */
} known;

static struct piece piece_of(const struct node *node, uint64_t offset, size_t size)
{
    return (struct piece){
        .layer = node_layer(node), .inode = node->lower.inode, .offset = offset, .size = size};
}

static const struct piece *look_up(const struct piece *wanted)
{
    for (size_t i = 0; i < KNOWN_PIECES_MAX; i++) {
        const struct piece *one = &known.all[i];
        if (one->layer == wanted->layer && one->inode == wanted->inode &&
            one->offset == wanted->offset && one->size == wanted->size)
            return one;
    }
    return NULL;
}

static void drop(struct piece *piece)
{
    libos_free(piece->sites);
    known.count -= piece->count;
    *piece = (struct piece){.layer = NULL};
}

/* As far as there is room; where there is none it is found again. */
static void keep(struct piece piece, const struct site *sites, size_t count)
{
    size_t size = count * sizeof *sites;
    if (count > KNOWN_SITES_MAX || !(piece.sites = libos_alloc(size > 0 ? size : 1)))
        return;
    memcpy(piece.sites, sites, size);
    piece.count = count;
    drop(&known.all[known.next]);
    for (size_t i = 1; known.count + count > KNOWN_SITES_MAX; i++)
        drop(&known.all[(known.next + i) % KNOWN_PIECES_MAX]);
    known.all[known.next] = piece;
    known.next = (known.next + 1) % KNOWN_PIECES_MAX;
    known.count += count;
}

static int give(const struct piece *piece, struct site *out, size_t most)
{
    if (piece->count > most)
        return -ERANGE;
    memcpy(out, piece->sites, piece->count * sizeof *out);
    return (int)piece->count;
}

/* A search that came to its end for want of room has not found all. */
static int find(const struct piece *piece, const uint8_t *code, struct site *out, size_t most)
{
    int count = sites_find(code, (size_t)piece->size, out, most);
    if (piece->layer && count >= 0 && (size_t)count < most)
        keep(*piece, out, (size_t)count);
    return count;
}

int known_sites_find(const struct node *node, uint64_t offset, const uint8_t *code, size_t size,
                     struct site *out, size_t most)
{
    const struct piece wanted = piece_of(node, offset, size);
    const struct piece *piece = wanted.layer ? look_up(&wanted) : NULL;
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
    const struct piece wanted = piece_of(node, offset, size);
    if (!wanted.layer || offset >= node->size)
        return -ENOENT;
    const struct piece *piece = look_up(&wanted);
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
