#include "enclave/libos/program/rewrite.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/program/sites.h"

static struct rewrite_piece pieces[REWRITE_PIECES_MAX];

static struct rewrite_piece *free_piece(void)
{
    for (size_t i = 0; i < REWRITE_PIECES_MAX; i++) {
        if (pieces[i].code_size == 0)
            return &pieces[i];
    }
    return NULL;
}

/* The jumps there and back reach 2 GiB. */
static bool is_near(uintptr_t room, size_t size, const struct rewrite_piece *piece)
{
    uint64_t low = room < piece->code ? room : piece->code;
    uint64_t end = piece->code + piece->code_size;
    return (room + size > end ? room + size : end) - low < UINT64_C(1) << 31;
}

/* Trampolines that could not be closed to writing are none: the code is not touched before. */
static void rewrite_sites(struct rewrite_piece *piece, const struct site *sites, size_t count)
{
    uintptr_t room = 0;
    size_t size = SITES_HEAD + count * SITE_ROOM;
    if (memory_map(&room, size, MEMORY_READ | MEMORY_WRITE, false) < 0)
        return;
    if (!is_near(room, size, piece) || memory_touch(room, size) < 0) {
        (void)memory_unmap(room, size);
        return;
    }
    sites_make((uint8_t *)piece->code, sites, count, (uint8_t *)room, (uintptr_t)program_call);
    if (memory_protect(room, size, MEMORY_READ | MEMORY_EXECUTE) < 0) {
        (void)memory_unmap(room, size);
        return;
    }
    sites_join((uint8_t *)piece->code, sites, count, (uint8_t *)room);
    piece->room = room;
    piece->room_size = size;
}

/* What somebody else has found must fit these bytes. */
static int find_sites(const uint8_t *code, size_t size, rewrite_find_fn *find, const void *origin,
                      struct site *out)
{
    int count = find(origin, code, size, out);
    return count >= 0 && sites_fit(code, size, out, (size_t)count)
               ? count
               : sites_find(code, size, out, SITES_MAX);
}

void rewrite_code(uintptr_t at, size_t size, rewrite_find_fn *find, const void *origin)
{
    struct site *sites = libos_alloc(SITES_MAX * sizeof *sites);
    struct rewrite_piece *piece = free_piece();
    const uint8_t *code = (const uint8_t *)at; /* NOLINT: the program's */
    int count = sites && piece ? find_sites(code, size, find, origin, sites) : 0;
    if (count > 0) {
        *piece = (struct rewrite_piece){.code = at, .code_size = size};
        rewrite_sites(piece, sites, (size_t)count);
    }
    libos_free(sites);
}

void rewrite_forget(uintptr_t at, size_t size)
{
    for (size_t i = 0; i < REWRITE_PIECES_MAX; i++) {
        struct rewrite_piece *piece = &pieces[i];
        if (piece->code_size == 0 || piece->code < at || piece->code - at > size ||
            piece->code_size > size - (piece->code - at))
            continue;
        if (piece->room_size > 0)
            (void)memory_unmap(piece->room, piece->room_size);
        *piece = (struct rewrite_piece){.code = 0};
    }
}

void rewrite_get_pieces(struct rewrite_piece out[REWRITE_PIECES_MAX])
{
    memcpy(out, pieces, sizeof pieces);
}

int rewrite_set_pieces(const struct rewrite_piece from[REWRITE_PIECES_MAX])
{
    for (size_t i = 0; i < REWRITE_PIECES_MAX; i++) {
        const struct rewrite_piece *piece = &from[i];
        if ((piece->code_size > 0 && !memory_has(piece->code, piece->code_size)) ||
            (piece->room_size > 0 && !memory_has(piece->room, piece->room_size)))
            return -EINVAL;
    }
    memcpy(pieces, from, sizeof pieces);
    return 0;
}
