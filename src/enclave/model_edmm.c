/* EDMM's host side in the model: EAUG, EMODPR, EMODT, EREMOVE as the kernel's driver does them. */
#include "enclave/model_parts.h"

/* Does one thing to each page of a range, which must be whole and inside. */
typedef int page_fn(struct model *model, uint64_t offset, uint64_t value, struct error *err);

static int check(const struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    uint64_t whole = model->enclave.size;
    if (offset % SGX_PAGE_SIZE != 0 || size % SGX_PAGE_SIZE != 0 || size == 0 || offset >= whole ||
        size > whole - offset)
        return error_set(err, ERROR_INVALID, "0x%llx bytes at 0x%llx are no pages of the enclave",
                         (unsigned long long)size, (unsigned long long)offset);
    if (!model->is_initialised)
        return error_set(err, ERROR_INVALID, "pages change once the enclave is initialised");
    return 0;
}

/* With the lock. */
static int do_each(struct model *model, uint64_t offset, uint64_t size, page_fn *one,
                   uint64_t value, struct error *err)
{
    int result = 0;
    for (uint64_t at = 0; result == 0 && at < size; at += SGX_PAGE_SIZE)
        result = one(model, offset + at, value, err);
    return result;
}

static int each(struct enclave *enclave, uint64_t offset, uint64_t size, page_fn *one,
                uint64_t value, struct error *err)
{
    struct model *model = (struct model *)enclave;
    if (check(model, offset, size, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&model->lock);
    int result = do_each(model, offset, size, one, value, err);
    (void)pthread_mutex_unlock(&model->lock);
    return result;
}

static int refuse(uint64_t offset, const char *why, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "the page at 0x%llx %s", (unsigned long long)offset, why);
}

static int grow_page(struct model *model, uint64_t offset, struct error *err)
{
    bool may_be_there = model_page_may_grow(model, offset) ||
                        (offset >= model->added_begin && offset < model->added_end);
    if (may_be_there && model_page_at(model, offset)->flags != 0)
        return refuse(offset, "is there already", err);
    model_page_set_growing(model, offset, true);
    return 0;
}

static int restrict_page(struct model *model, uint64_t offset, uint64_t access, struct error *err)
{
    struct model_page *page = model_page_at(model, offset);
    if ((page->flags & SGX_TYPE) != SGX_REGULAR)
        return refuse(offset, "is no regular page: EMODPR is for these", err);
    if (page->flags & (SGX_PENDING | SGX_MODIFIED))
        return refuse(offset, "waits for EACCEPT (PAGE_NOT_MODIFIABLE)", err);
    page->flags &= (uint16_t)(access | ~SGX_ACCESS);
    page->flags |= (uint16_t)SGX_RESTRICTED;
    return 0;
}

static int retype_page(struct model *model, uint64_t offset, uint64_t type, struct error *err)
{
    struct model_page *page = model_page_at(model, offset);
    uint64_t old = page->flags & SGX_TYPE;
    struct model_tcs *tcs = old == SGX_TCS ? model_find_tcs(model, offset) : NULL;
    if (old != SGX_REGULAR && (old != SGX_TCS || type != SGX_TRIM))
        return refuse(offset, "has a type that cannot become this one", err);
    if (page->flags & (SGX_PENDING | SGX_MODIFIED))
        return refuse(offset, "waits for EACCEPT (PAGE_NOT_MODIFIABLE)", err);
    if (tcs && atomic_load(&tcs->is_busy))
        return refuse(offset, "is a TCS by which a thread is inside", err);
    if (type == SGX_TCS && model_retype_tcs(model, offset, err) < 0)
        return -1;
    page->flags = (uint16_t)(type | SGX_MODIFIED);
    return model_pages_settle(model, offset, SGX_PAGE_SIZE, err);
}

static int remove_page(struct model *model, uint64_t offset, uint64_t unused, struct error *err)
{
    (void)unused;
    struct model_page *page = model_page_at(model, offset);
    if ((page->flags & SGX_TYPE) != SGX_TRIM || (page->flags & SGX_MODIFIED))
        return refuse(offset, "is not trimmed, or the enclave has not accepted that", err);
    *page = (struct model_page){.is_used = true};
    model_page_set_growing(model, offset, false);
    return model_pages_settle(model, offset, SGX_PAGE_SIZE, err);
}

/* A program's range has hundreds of thousands of pages: eight at once, where none of them can be
 * there. */
static int grow_all(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    const uint64_t eight = 8 * (uint64_t)SGX_PAGE_SIZE;
    for (uint64_t at = offset, step; at < offset + size; at += step) {
        uint8_t *byte = &model->growing[at / eight];
        bool is_new = at % eight == 0 && offset + size - at >= eight && *byte == 0 &&
                      (at + eight <= model->added_begin || at >= model->added_end);
        step = is_new ? eight : SGX_PAGE_SIZE;
        if (is_new)
            *byte = 0xFF;
        else if (grow_page(model, at, err) < 0)
            return -1;
    }
    return 0;
}

int model_grow(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err)
{
    struct model *model = (struct model *)enclave;
    if (check(model, offset, size, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&model->lock);
    int result = grow_all(model, offset, size, err);
    (void)pthread_mutex_unlock(&model->lock);
    return result;
}

int model_restrict(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t access,
                   struct error *err)
{
    struct model *model = (struct model *)enclave;
    bool good = (access & ~SGX_ACCESS) == 0 && (access & (SGX_READ | SGX_WRITE)) != SGX_WRITE;
    if (!good)
        return error_set(err, ERROR_INVALID, "an access of 0x%llx cannot be",
                         (unsigned long long)access);
    if (check(model, offset, size, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&model->lock);
    int result = do_each(model, offset, size, restrict_page, access, err);
    if (model_pages_settle(model, offset, size, result < 0 ? NULL : err) < 0)
        result = -1;
    (void)pthread_mutex_unlock(&model->lock);
    return result;
}

int model_set_type(struct enclave *enclave, uint64_t offset, uint64_t size, uint64_t type,
                   struct error *err)
{
    if (type != SGX_TCS && type != SGX_TRIM)
        return error_set(err, ERROR_INVALID, "a page cannot be made of type 0x%llx",
                         (unsigned long long)type);
    return each(enclave, offset, size, retype_page, type, err);
}

int model_remove(struct enclave *enclave, uint64_t offset, uint64_t size, struct error *err)
{
    return each(enclave, offset, size, remove_page, 0, err);
}
