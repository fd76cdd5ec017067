#include "enclave/libos/calls/late_map.h"

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/log.h"

#define PIECES_MAX 8

struct piece {
    uintptr_t begin, end;
};

static struct {
    uintptr_t at; /* where the file's byte `offset` is */
    uint64_t offset;
    struct file *file;
    uint64_t number;
    size_t count; /* of pieces; 0 when there is no such mapping */
    struct piece pieces[PIECES_MAX];
} late;

static uintptr_t page_up(uintptr_t at)
{
    return (at + MEMORY_PAGE - 1) & ~(uintptr_t)(MEMORY_PAGE - 1);
}

int late_map(struct file *file, uint64_t number, uint64_t offset, size_t size, uintptr_t *at)
{
    late_fill();
    int result = memory_map(at, size, 0, false);
    if (result < 0)
        return result;
    late.at = *at;
    late.offset = offset;
    late.file = file ? file_get(file) : NULL;
    late.number = number;
    late.count = 1;
    late.pieces[0] = (struct piece){*at, page_up(*at + size)};
    return 0;
}

static void forget_if_empty(void)
{
    if (late.count == 0 && late.file)
        file_put(late.file);
    if (late.count == 0)
        late.file = NULL;
}

/* What is left of a piece, in front and behind. */
static void cut_piece(size_t i, uintptr_t begin, uintptr_t end)
{
    struct piece *piece = &late.pieces[i];
    const struct piece behind = {end, piece->end};
    piece->end = begin > piece->begin ? begin : piece->begin;
    if (behind.begin < behind.end && piece->begin < piece->end)
        late.pieces[late.count++] = behind;
    else if (behind.begin < behind.end)
        *piece = behind;
    if (piece->begin == piece->end)
        *piece = late.pieces[--late.count];
}

void late_cut(uintptr_t at, size_t size)
{
    uintptr_t end = size < UINTPTR_MAX - at - MEMORY_PAGE ? page_up(at + size) : UINTPTR_MAX;
    if (late.count == PIECES_MAX)
        late_fill(); /* there is no room for one more */
    for (size_t i = late.count; i-- > 0;) {
        if (at < late.pieces[i].end && end > late.pieces[i].begin)
            cut_piece(i, at, end);
    }
    forget_if_empty();
}

static int fill_piece(struct file *file, uint64_t number, uint64_t offset,
                      const struct piece *piece)
{
    size_t size = piece->end - piece->begin;
    int result = memory_protect(piece->begin, size, MEMORY_READ | MEMORY_WRITE);
    if (result == 0)
        result = syscall_fill_mapping(file, number, offset, piece->begin, size);
    int closed = memory_protect(piece->begin, size, result == 0 ? MEMORY_READ : 0);
    return result < 0 ? result : closed;
}

/* It is taken away first: another thread may come here while the lock is let go. */
void late_fill(void)
{
    if (late.count == 0)
        return; /* each system call comes by here */
    struct piece pieces[PIECES_MAX];
    struct file *file = late.file;
    uint64_t number = late.number;
    uint64_t base = late.offset - late.at;
    size_t count = late.count;
    int result = 0;
    memcpy(pieces, late.pieces, sizeof pieces);
    late.count = 0;
    late.file = NULL;
    for (size_t i = 0; i < count && result == 0; i++)
        result = fill_piece(file, number, base + pieces[i].begin, &pieces[i]);
    if (result < 0)
        log_number("a mapped file cannot be read, errno ", (uint64_t)-result);
    if (file)
        file_put(file);
}

bool late_fault(uintptr_t at)
{
    for (size_t i = 0; i < late.count; i++) {
        if (at < late.pieces[i].begin || at >= late.pieces[i].end)
            continue;
        late_fill();
        return memory_allows(at, 1, MEMORY_READ);
    }
    return false;
}
