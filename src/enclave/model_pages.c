/* The model's pages: what the EPCM holds, and the memory below it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/model_parts.h"
#include "os/fd.h"

#define PREPARED (512 * SGX_PAGE_SIZE) /* bytes at once */

struct model_page *model_page_at(struct model *model, uint64_t offset)
{
    return offset < model->enclave.size ? &model->pages[offset / SGX_PAGE_SIZE] : NULL;
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

/* Memory of zeros for these pages, at `at`, or anywhere for NULL: ordinary one where that is
 * wanted, or where there is no other. NULL for an error. */
static void *map_at(struct model *model, void *at, uint64_t offset, uint64_t size, int access,
                    bool is_ordinary, struct error *err)
{
    const int fixed = at ? MAP_FIXED : 0;
    void *got = MAP_FAILED;
    if (!is_ordinary && model->secret_fd >= 0)
        got = mmap(at, size, access, MAP_SHARED | fixed, model->secret_fd, (off_t)offset);
    if (got == MAP_FAILED) {
        got = mmap(at, size, access, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
        model->is_secret = model->is_secret && is_ordinary;
        is_ordinary = true;
    }
    if (got == MAP_FAILED) {
        (void)error_system(err, errno, "memory for 0x%llx bytes of an enclave",
                           (unsigned long long)size);
        return NULL;
    }
    (void)madvise(got, size, MADV_DONTDUMP);
    if (madvise(got, size, MADV_DONTFORK) < 0) { /* as the kernel's driver has it */
        (void)error_system(err, errno, "an enclave's memory");
        return NULL;
    }
    for (uint64_t page = offset; page < offset + size; page += SGX_PAGE_SIZE)
        model_page_at(model, page)->is_ordinary = is_ordinary;
    return got;
}

static int map(struct model *model, uint64_t offset, uint64_t size, int access, bool is_ordinary,
               struct error *err)
{
    void *at = address_of(model, offset);
    return map_at(model, at, offset, size, access, is_ordinary, err) ? 0 : -1;
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

/* Zeros are there already, where no page has been; and nothing reads a TCS' memory. */
static void fill(struct model *model, uint64_t offset, const uint8_t *bytes, uint64_t flags)
{
    struct model_page *page = model_page_at(model, offset);
    bool is_needed = page->is_used || !span_is_zero(span_of(bytes, SGX_PAGE_SIZE));
    if (is_needed && (flags & SGX_TYPE) == SGX_REGULAR)
        memcpy(address_of(model, offset), bytes, SGX_PAGE_SIZE);
    page->is_touched = true;
}

/* Memory of memfd_secret(2) cannot be executed, so code lies in ordinary memory; and so does what
 * is never written, which everybody has in the image's file. */
int model_pages_back(struct model *model, uint64_t offset, uint64_t size, struct span bytes,
                     uint64_t flags, struct error *err)
{
    bool is_ordinary = (flags & (SGX_WRITE | SGX_EXECUTE)) != SGX_WRITE && flags != SGX_TCS;
    if (map(model, offset, size, PROT_READ | PROT_WRITE, is_ordinary, err) < 0)
        return -1;
    for (uint64_t at = 0; at < size; at += SGX_PAGE_SIZE) {
        if (bytes.size > 0)
            fill(model, offset + at, bytes.data + at, flags);
        model_page_at(model, offset + at)->is_used = true;
    }
    return protect(model, offset, size, allowed(flags), err);
}

/* No thread sees the page without its bytes: it is filled elsewhere, and then moved. */
int model_page_put(struct model *model, uint64_t offset, const uint8_t bytes[SGX_PAGE_SIZE],
                   uint64_t flags, struct error *err)
{
    struct model_page *page = model_page_at(model, offset);
    uint8_t access = allowed(flags);
    void *made = map_at(model, NULL, offset, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
                        (flags & SGX_EXECUTE) != 0, err);
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

/* Memory for the page and for those behind it that may come next: one by one it would be four
 * system calls each. */
static int prepare(struct model *model, uint64_t offset, struct error *err)
{
    uint64_t end = offset;
    for (; end < model->enclave.size && end - offset < PREPARED; end += SGX_PAGE_SIZE) {
        const struct model_page *page = model_page_at(model, end);
        if (!page->may_grow || page->has_memory || page->is_used || page->flags != 0)
            break;
    }
    if (map(model, offset, end - offset, PROT_NONE, false, err) < 0)
        return -1;
    for (uint64_t at = offset; at < end; at += SGX_PAGE_SIZE)
        model_page_at(model, at)->has_memory = true;
    return 0;
}

int model_page_add(struct model *model, uint64_t offset, struct error *err)
{
    static const uint8_t zeros[SGX_PAGE_SIZE]; /* the memory may have been another page's */
    struct model_page *page = model_page_at(model, offset);
    const uint16_t flags = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING;
    int result = 0;
    if (page->is_used)
        result = model_pages_back(model, offset, SGX_PAGE_SIZE, span_of(zeros, sizeof zeros), flags,
                                  err);
    else if (!page->has_memory)
        result = prepare(model, offset, err);
    if (result < 0)
        return -1;
    page->is_used = true;
    page->flags = flags;
    return 0;
}

/* --- access ----------------------------------------------------------------------------------- */

/* Data that becomes code moves out of the secret memory. */
static int move_page(struct model *model, uint64_t offset, struct error *err)
{
    uint8_t copy[SGX_PAGE_SIZE];
    void *at = address_of(model, offset);
    if (mprotect(at, SGX_PAGE_SIZE, PROT_READ) < 0)
        return error_system(err, errno, "an enclave's page");
    memcpy(copy, at, sizeof copy);
    return model_pages_back(model, offset, SGX_PAGE_SIZE, span_of(copy, sizeof copy),
                            model_page_at(model, offset)->flags, err);
}

static int move_out(struct model *model, uint64_t offset, uint64_t size, bool is_touched,
                    struct error *err)
{
    int result = 0;
    if (!is_touched)
        return map(model, offset, size, PROT_READ | PROT_WRITE, true, err);
    for (uint64_t at = 0; result == 0 && at < size; at += SGX_PAGE_SIZE)
        result = move_page(model, offset + at, err);
    return result;
}

/* Pages that are alike, and have not the access that they may have. */
static int settle_run(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    const struct model_page page = *model_page_at(model, offset);
    uint8_t access = allowed(page.flags);
    if ((access & SGX_EXECUTE) && !page.is_ordinary &&
        move_out(model, offset, size, page.is_touched, err) < 0)
        return -1;
    return protect(model, offset, size, access, err);
}

static bool are_alike(const struct model_page *a, const struct model_page *b)
{
    return a->flags == b->flags && a->given == b->given && a->is_touched == b->is_touched &&
           a->is_ordinary == b->is_ordinary;
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
bool model_pages_fault(struct model *model, uint64_t address, uint64_t access)
{
    uint64_t begin = (address - model->enclave.base) & ~(uint64_t)(SGX_PAGE_SIZE - 1);
    if (!model_allows(model, address, 1, access))
        return false;
    const struct model_page page = *model_page_at(model, begin);
    if ((page.given & access) == access)
        return true; /* another thread's fault was quicker */
    uint64_t end = begin + SGX_PAGE_SIZE;
    while (begin > 0 && are_alike(&page, model_page_at(model, begin - SGX_PAGE_SIZE)))
        begin -= SGX_PAGE_SIZE;
    while (end < model->enclave.size && are_alike(&page, model_page_at(model, end)))
        end += SGX_PAGE_SIZE;
    return settle_run(model, begin, end - begin, NULL) == 0;
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

struct model_tcs *model_find_tcs(struct model *model, uint64_t offset)
{
    for (size_t i = 0; i < model->tcs_count; i++) {
        if (model->tcs[i]->offset == offset)
            return model->tcs[i];
    }
    return NULL;
}

struct model_tcs *model_add_tcs(struct model *model, uint64_t offset, struct error *err)
{
    struct model_tcs *tcs = model_find_tcs(model, offset);
    if (tcs)
        return tcs;
    if (model->tcs_count == ENCLAVE_IMAGE_THREADS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "more than %d TCS", ENCLAVE_IMAGE_THREADS_MAX);
        return NULL;
    }
    tcs = calloc(1, sizeof *tcs);
    if (!tcs) {
        (void)error_memory(err);
        return NULL;
    }
    tcs->offset = offset;
    model->tcs[model->tcs_count++] = tcs;
    return tcs;
}
