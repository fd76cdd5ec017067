/*
 * Memory of 2 MiB in one piece, where many pages of it come at once: a page of its own costs the
 * kernel some 2 us, and a program has thousands. It is made elsewhere, and moved to its place with
 * no access, so that nobody inside sees a page of it that the enclave has not accepted.
 */
#include <sys/mman.h>

#include "enclave/model_parts.h"

#define BLOCK  ((uint64_t)2 << 20)
#define ENOUGH (BLOCK / 4) /* bytes that come at once */

/* Nothing of the enclave's has ever been there, or none that had an access. */
static bool is_free(struct model *model, uint64_t offset)
{
    for (uint64_t at = offset; at < offset + BLOCK; at += SGX_PAGE_SIZE) {
        const struct model_page *page = model_page_at(model, at);
        bool is_to_come = page->flags == 0 && model_page_may_grow(model, at);
        if (page->is_touched || page->given != 0 ||
            (!is_to_come && (page->flags & SGX_TYPE) != SGX_REGULAR))
            return false;
    }
    return true;
}

/* Addresses that are a multiple of its size; NULL for none. */
static uint8_t *find_place(void)
{
    uint8_t *all = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    uint64_t before = (BLOCK - (uintptr_t)all % BLOCK) % BLOCK;
    if (before > 0)
        (void)munmap(all, before);
    (void)munmap(all + before + BLOCK, BLOCK - before);
    return all + before;
}

/* With the first byte all of it has come. Where there is no such memory, there is none later. */
static bool is_whole(uint8_t *block)
{
    unsigned char is_there = 0;
    if (madvise(block, BLOCK, MADV_HUGEPAGE) < 0)
        return false;
    *(volatile uint8_t *)block = 0;
    return mincore(block + BLOCK - SGX_PAGE_SIZE, SGX_PAGE_SIZE, &is_there) == 0 && (is_there & 1);
}

static bool put(struct model *model, uint64_t offset)
{
    void *to = (void *)(uintptr_t)(model->enclave.base + offset); /* NOLINT: the enclave's range */
    uint8_t *block = find_place();
    if (!block)
        return false;
    if (is_whole(block) && mprotect(block, BLOCK, PROT_NONE) == 0 &&
        madvise(block, BLOCK, MADV_DONTDUMP) == 0 && madvise(block, BLOCK, MADV_DONTFORK) == 0 &&
        mremap(block, BLOCK, BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED) {
        for (uint64_t at = offset; at < offset + BLOCK; at += SGX_PAGE_SIZE)
            model_page_at(model, at)->is_there = true;
        return true;
    }
    (void)munmap(block, BLOCK);
    return false;
}

void model_blocks_come(struct model *model, uint64_t offset, uint64_t size)
{
    const uint64_t end = offset + size;
    for (uint64_t at = offset - offset % BLOCK; at < end && !model->has_no_blocks; at += BLOCK) {
        uint64_t begin = at > offset ? at : offset;
        uint64_t last = at + BLOCK < end ? at + BLOCK : end;
        if (last - begin >= ENOUGH && at + BLOCK <= model->enclave.size && is_free(model, at))
            model->has_no_blocks = !put(model, at);
    }
}
