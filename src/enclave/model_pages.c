/* The model's pages: what the EPCM holds, and the memory below it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/model_parts.h"
#include "os/fd.h"

/* Bytes: code, which is about to be written, comes at once up to this size. */
#define POPULATED ((uint64_t)64 << 20)
#define PREPARED  (512 * SGX_PAGE_SIZE) /* bytes at once */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; without it they come one by one */
#endif

struct model_page *model_page_at(struct model *model, uint64_t offset)
{
    return offset < model->enclave.size ? &model->pages[offset / SGX_PAGE_SIZE] : NULL;
}

void model_page_set_growing(struct model *model, uint64_t offset, bool may_grow)
{
    uint64_t page = offset / SGX_PAGE_SIZE;
    uint8_t bit = (uint8_t)(1U << page % 8);
    uint8_t *byte = &model->growing[page / 8];
    *byte = may_grow ? *byte | bit : *byte & (uint8_t)~bit;
}

static void *address_of(const struct model *model, uint64_t offset)
{
    return (void *)(uintptr_t)(model->enclave.base + offset); /* NOLINT: the enclave's range */
}

/* No access to what the code inside may not touch: a TCS, and a page that it has not accepted. */
static uint8_t allowed(uint64_t flags)
{
    if ((flags & SGX_TYPE) != SGX_REGULAR || (flags & SGX_PENDING))
        return 0;
    return flags & SGX_ACCESS;
}

static int protection(uint64_t access)
{
    return ((access & SGX_READ) ? PROT_READ : 0) | ((access & SGX_WRITE) ? PROT_WRITE : 0) |
           ((access & SGX_EXECUTE) ? PROT_EXEC : 0);
}

/* Memory of zeros, at `at`, or anywhere for NULL; NULL for an error. As the kernel's driver has it,
 * it is in no core file, and in no child. */
static void *map_at(void *at, uint64_t size, struct error *err)
{
    const int how = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0) |
                    (size <= POPULATED ? MAP_POPULATE : 0);
    void *got = mmap(at, size, PROT_READ | PROT_WRITE, how, -1, 0);
    if (got != MAP_FAILED)
        (void)madvise(got, size, MADV_DONTDUMP);
    if (got == MAP_FAILED || madvise(got, size, MADV_DONTFORK) < 0) {
        (void)error_system(err, errno, "memory for 0x%llx bytes of an enclave",
                           (unsigned long long)size);
        return NULL;
    }
    return got;
}

static int protect(struct model *model, uint64_t offset, uint64_t size, uint8_t access,
                   struct error *err)
{
    if (mprotect(address_of(model, offset), size, protection(access)) < 0)
        return error_system(err, errno, "the access to 0x%llx bytes of an enclave",
                            (unsigned long long)size);
    for (uint64_t at = offset; at < offset + size; at += SGX_PAGE_SIZE) {
        struct model_page *page = model_page_at(model, at);
        page->given = access;
        page->is_touched = page->is_touched || access != 0;
    }
    return 0;
}

bool model_is_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static bool is_any_used(struct model *model, uint64_t offset, uint64_t size)
{
    for (uint64_t at = offset; at < offset + size; at += SGX_PAGE_SIZE) {
        if (model_page_at(model, at)->is_used)
            return true;
    }
    return false;
}

/* Memory that can be written, of zeros: the range's own where no page has been. */
static int open_memory(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    if (is_any_used(model, offset, size))
        return map_at(address_of(model, offset), size, err) ? 0 : -1;
    if (mprotect(address_of(model, offset), size, PROT_READ | PROT_WRITE) < 0)
        return error_system(err, errno, "memory for 0x%llx bytes of an enclave",
                            (unsigned long long)size);
    return 0;
}

/* Zeros are there already, and nothing reads a TCS' memory. */
static void fill(struct model *model, uint64_t offset, struct span bytes, uint64_t flags)
{
    if ((flags & SGX_TYPE) == SGX_REGULAR && !model_is_zero(bytes.data, bytes.size))
        memcpy(address_of(model, offset), bytes.data, bytes.size);
}

static void fill_all(struct model *model, uint64_t offset, uint64_t size, struct span bytes,
                     uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += SGX_PAGE_SIZE) {
        struct model_page *page = model_page_at(model, offset + at);
        if (bytes.size > 0)
            fill(model, offset + at, span_of(bytes.data + at, SGX_PAGE_SIZE), flags);
        page->is_used = true;
        page->is_touched = page->is_touched || bytes.size > 0;
    }
}

int model_pages_back(struct model *model, uint64_t offset, uint64_t size, struct span bytes,
                     uint64_t flags, struct error *err)
{
    if (open_memory(model, offset, size, err) < 0)
        return -1;
    if (size <= POPULATED)
        (void)madvise(address_of(model, offset), size, MADV_POPULATE_WRITE);
    fill_all(model, offset, size, bytes, flags);
    return protect(model, offset, size, allowed(flags), err);
}

/* --- EADD ------------------------------------------------------------------------------------- */

/* Threads have a few pages each of several kinds, and pages that are left out: each by itself would
 * be a thousand system calls. */
static int open_pages(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    for (uint64_t at = offset, end; at < offset + size; at = end) {
        end = at;
        while (end < model->enclave.size && end - at < PREPARED &&
               !model_page_at(model, end)->is_open && model_page_at(model, end)->flags == 0)
            end += SGX_PAGE_SIZE;
        if (end > at && open_memory(model, at, end - at, err) < 0)
            return -1;
        for (uint64_t page = at; page < end; page += SGX_PAGE_SIZE)
            model_page_at(model, page)->is_open = true;
        while (end < offset + size && model_page_at(model, end)->is_open)
            end += SGX_PAGE_SIZE;
    }
    return 0;
}

/* What is never written has its access from the beginning. */
int model_pages_add(struct model *model, const struct enclave_pages *pages, struct error *err)
{
    if (!(pages->flags & SGX_WRITE) && pages->flags != SGX_TCS)
        return model_pages_back(model, pages->offset, pages->size, pages->bytes, pages->flags, err);
    if (open_pages(model, pages->offset, pages->size, err) < 0)
        return -1;
    fill_all(model, pages->offset, pages->size, pages->bytes, pages->flags);
    return 0;
}

int model_pages_close(struct model *model, struct error *err)
{
    uint64_t count = model->enclave.size / SGX_PAGE_SIZE;
    for (uint64_t i = model->added_begin / SGX_PAGE_SIZE, end; i < count; i = end + 1) {
        for (end = i; end < count && model->pages[end].is_open; end++)
            model->pages[end].is_open = false;
        if (end > i && mprotect(address_of(model, i * SGX_PAGE_SIZE), (end - i) * SGX_PAGE_SIZE,
                                PROT_NONE) < 0)
            return error_system(err, errno, "the access to an enclave's memory");
        if (end == i && i >= model->added_end / SGX_PAGE_SIZE)
            break;
    }
    return 0;
}

int model_page_take(struct model *model, uint64_t offset, uint8_t out[SGX_PAGE_SIZE],
                    struct error *err)
{
    if (!(model_page_at(model, offset)->given & SGX_READ) &&
        protect(model, offset, SGX_PAGE_SIZE, SGX_READ, err) < 0)
        return -1;
    memcpy(out, address_of(model, offset), SGX_PAGE_SIZE);
    return 0;
}

/* No thread sees the page without its bytes: it is filled elsewhere, and then moved. */
int model_page_put(struct model *model, uint64_t offset, const uint8_t bytes[SGX_PAGE_SIZE],
                   uint64_t flags, struct error *err)
{
    struct model_page *page = model_page_at(model, offset);
    uint8_t access = allowed(flags);
    void *made = map_at(NULL, SGX_PAGE_SIZE, err);
    if (!made)
        return -1;
    memcpy(made, bytes, SGX_PAGE_SIZE);
    if (mprotect(made, SGX_PAGE_SIZE, protection(access)) < 0 ||
        mremap(made, SGX_PAGE_SIZE, SGX_PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
               address_of(model, offset)) == MAP_FAILED)
        return error_system(err, errno, "a page of an enclave");
    page->given = access;
    page->is_used = page->is_touched = true;
    return 0;
}

/* The range's own memory is zeros without access until a page of it has been used. */
int model_page_add(struct model *model, uint64_t offset, struct error *err)
{
    static const uint8_t zeros[SGX_PAGE_SIZE]; /* the memory may have been another page's */
    struct model_page *page = model_page_at(model, offset);
    const uint16_t flags = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING;
    if (page->is_used && model_pages_back(model, offset, SGX_PAGE_SIZE,
                                          span_of(zeros, sizeof zeros), flags, err) < 0)
        return -1;
    page->is_used = true;
    page->flags = flags;
    return 0;
}

/* --- access ----------------------------------------------------------------------------------- */

/* What has not come with a block. */
static void populate(struct model *model, uint64_t offset, uint64_t size)
{
    for (uint64_t at = offset, end = at; at < offset + size; at = end) {
        bool is_there = model_page_at(model, at)->is_there;
        while (end < offset + size && model_page_at(model, end)->is_there == is_there)
            end += SGX_PAGE_SIZE;
        if (!is_there)
            (void)madvise(address_of(model, at), end - at, MADV_POPULATE_WRITE);
    }
}

/* Pages that are alike, and have not the access that they may have. */
static int settle_run(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    const struct model_page page = *model_page_at(model, offset);
    uint8_t access = allowed(page.flags);
    /* They are about to be written, and come together: each would be a fault. Of what EADD added
     * (stacks, room for a heap) most is not. */
    bool is_new = !page.is_touched && (access & SGX_WRITE) && size <= POPULATED &&
                  (offset >= model->added_end || offset + size <= model->added_begin);
    if (is_new)
        model_blocks_come(model, offset, size);
    if (protect(model, offset, size, access, err) < 0)
        return -1;
    if (is_new)
        populate(model, offset, size);
    return 0;
}

static bool are_alike(const struct model_page *a, const struct model_page *b)
{
    return a->flags == b->flags && a->given == b->given && a->is_touched == b->is_touched;
}

int model_pages_settle(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    int result = 0;
    for (uint64_t at = offset, end = at; at < offset + size; at = end) {
        const struct model_page page = *model_page_at(model, at);
        while (end < offset + size && are_alike(&page, model_page_at(model, end)))
            end += SGX_PAGE_SIZE;
        if (page.given != allowed(page.flags) && settle_run(model, at, end - at, err) < 0)
            result = -1;
    }
    return result;
}

/* All that waits beside this page has its access with it. */
enum model_page_fault model_pages_fault(struct model *model, uint64_t address, uint64_t access)
{
    uint64_t begin = (address - model->enclave.base) & ~(uint64_t)(SGX_PAGE_SIZE - 1);
    if (!model_allows(model, address, 1, access))
        return MODEL_FAULT_REAL;
    const struct model_page page = *model_page_at(model, begin);
    if ((page.given & access) == access)
        return MODEL_FAULT_IS_OVER;
    uint64_t end = begin + SGX_PAGE_SIZE;
    while (begin > 0 && are_alike(&page, model_page_at(model, begin - SGX_PAGE_SIZE)))
        begin -= SGX_PAGE_SIZE;
    while (end < model->enclave.size && are_alike(&page, model_page_at(model, end)))
        end += SGX_PAGE_SIZE;
    return settle_run(model, begin, end - begin, NULL) == 0 ? MODEL_FAULT_WAITED : MODEL_FAULT_REAL;
}

bool model_allows(struct model *model, uint64_t address, uint64_t size, uint64_t access)
{
    uint64_t offset = address - model->enclave.base;
    if (address < model->enclave.base || size == 0 || offset >= model->enclave.size ||
        size > model->enclave.size - offset)
        return false;
    for (uint64_t at = offset & ~(uint64_t)(SGX_PAGE_SIZE - 1); at < offset + size;
         at += SGX_PAGE_SIZE) {
        const uint16_t flags = model->pages[at / SGX_PAGE_SIZE].flags;
        if ((flags & SGX_TYPE) != SGX_REGULAR || (flags & (SGX_PENDING | SGX_MODIFIED)) ||
            (flags & access) != access)
            return false;
    }
    return true;
}
