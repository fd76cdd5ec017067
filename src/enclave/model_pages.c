/* The model's pages: what the EPCM holds, and the memory below it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enclave/model_parts.h"
#include "os/fd.h"

#define PREPARED (64 * SGX_PAGE_SIZE) /* bytes at once */

struct model_page *model_page_at(struct model *model, uint64_t offset)
{
    return offset < model->enclave.size ? &model->pages[offset / SGX_PAGE_SIZE] : NULL;
}

static void *address_of(const struct model *model, uint64_t offset)
{
    return (void *)(uintptr_t)(model->enclave.base + offset); /* NOLINT: the enclave's range */
}

/* No access to what the code inside may not touch: a TCS, and a page that it has not accepted. */
static int protection(uint64_t flags)
{
    if ((flags & SGX_TYPE) != SGX_REGULAR || (flags & SGX_PENDING))
        return PROT_NONE;
    return ((flags & SGX_READ) ? PROT_READ : 0) | ((flags & SGX_WRITE) ? PROT_WRITE : 0) |
           ((flags & SGX_EXECUTE) ? PROT_EXEC : 0);
}

/* Memory of memfd_secret(2) cannot be executed, so code lies in ordinary memory. */
static int map(struct model *model, uint64_t offset, uint64_t size, bool is_code, struct error *err)
{
    void *at = address_of(model, offset);
    void *got = MAP_FAILED;
    if (!is_code && model->secret_fd >= 0)
        got = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, model->secret_fd,
                   (off_t)offset);
    if (got == MAP_FAILED) {
        got = mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                   0);
        model->is_secret = model->is_secret && is_code;
    }
    if (got == MAP_FAILED)
        return error_system(err, errno, "memory for 0x%llx bytes of an enclave",
                            (unsigned long long)size);
    (void)madvise(at, size, MADV_DONTDUMP);
    if (madvise(at, size, MADV_DONTFORK) < 0) /* as the kernel's driver has it */
        return error_system(err, errno, "an enclave's memory");
    return 0;
}

static int protect(struct model *model, uint64_t offset, uint64_t size, uint64_t flags,
                   struct error *err)
{
    if (mprotect(address_of(model, offset), size, protection(flags)) < 0)
        return error_system(err, errno, "the access to 0x%llx bytes of an enclave",
                            (unsigned long long)size);
    return 0;
}

int model_pages_back(struct model *model, uint64_t offset, uint64_t size, struct span bytes,
                     uint64_t flags, struct error *err)
{
    if (map(model, offset, size, (flags & SGX_EXECUTE) != 0, err) < 0)
        return -1;
    if (bytes.size > 0)
        memcpy(address_of(model, offset), bytes.data, bytes.size);
    for (uint64_t at = 0; at < size; at += SGX_PAGE_SIZE)
        model->pages[(offset + at) / SGX_PAGE_SIZE].is_used = true;
    return protect(model, offset, size, flags, err);
}

/* Memory for the page and for those behind it that may come next: one by one it would be five
 * system calls each. */
static int prepare(struct model *model, uint64_t offset, struct error *err)
{
    uint64_t end = offset;
    for (; end < model->enclave.size && end - offset < PREPARED; end += SGX_PAGE_SIZE) {
        const struct model_page *page = model_page_at(model, end);
        if (!page->may_grow || page->has_memory || page->is_used || page->flags != 0)
            break;
    }
    if (map(model, offset, end - offset, false, err) < 0 ||
        protect(model, offset, end - offset, 0, err) < 0)
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

/* Data that becomes code moves out of the secret memory. */
static int move_out(struct model *model, uint64_t offset, struct error *err)
{
    uint8_t copy[SGX_PAGE_SIZE];
    void *at = address_of(model, offset);
    if (mprotect(at, SGX_PAGE_SIZE, PROT_READ) < 0)
        return error_system(err, errno, "an enclave's page");
    memcpy(copy, at, sizeof copy);
    return model_pages_back(model, offset, SGX_PAGE_SIZE, span_of(copy, sizeof copy),
                            model->pages[offset / SGX_PAGE_SIZE].flags, err);
}

int model_page_apply(struct model *model, uint64_t offset, struct error *err)
{
    uint64_t flags = model->pages[offset / SGX_PAGE_SIZE].flags;
    if (protect(model, offset, SGX_PAGE_SIZE, flags, err) == 0)
        return 0;
    return (flags & SGX_EXECUTE) ? move_out(model, offset, err) : -1;
}

int model_pages_apply(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    return protect(model, offset, size, model_page_at(model, offset)->flags, err);
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
