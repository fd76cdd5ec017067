/*
 * The leaves that an enclave makes most, EACCEPT of a page that EAUG adds, and EMODPE of one that
 * becomes code, without a vector register: model_direct.S need not save them then. This file is
 * compiled without such, and calls nothing but the lock, of which a test shows that it uses none
 * either.
 */
#include "enclave/model_thread.h"

#define STATE (SGX_PENDING | SGX_MODIFIED | SGX_RESTRICTED)

/* Where the secinfo lies can be read as it is. */
static bool can_read(const struct model *model, uint64_t offset)
{
    const struct model_page *page = &model->pages[offset / SGX_PAGE_SIZE];
    return (page->flags & (SGX_TYPE | SGX_READ | SGX_PENDING | SGX_MODIFIED)) ==
               (SGX_REGULAR | SGX_READ) &&
           (page->given & SGX_READ);
}

/* Where there is one that could be taken as it is, and its page is inside: what it says. Of all
 * else nothing is changed, and model_leaves.c says what becomes of it. */
static bool take_secinfo(const struct model *model, uint64_t secinfo, uint64_t offset,
                         uint64_t *flags)
{
    if (secinfo >= model->enclave.size || secinfo % sizeof(struct sgx_secinfo) != 0 ||
        offset >= model->enclave.size || offset % SGX_PAGE_SIZE != 0 || !can_read(model, secinfo))
        return false;
    const uint64_t *words = (const uint64_t *)(uintptr_t)(model->enclave.base +
                                                          secinfo); /* NOLINT */
    uint64_t rest = 0;
    for (size_t i = 1; i < sizeof(struct sgx_secinfo) / sizeof *words; i++)
        rest |= words[i];
    *flags = words[0];
    return rest == 0;
}

static bool accept_page(struct model *model, uint64_t offset, uint64_t wanted)
{
    struct model_page *page = &model->pages[offset / SGX_PAGE_SIZE];
    bool is_new = page->flags == 0 && !page->is_used && model_page_may_grow(model, offset);
    uint64_t flags = is_new ? SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING : page->flags;
    if (flags == 0 || (flags & SGX_TYPE) != SGX_REGULAR || wanted != flags)
        return false;
    page->is_used = true;
    page->flags = (uint16_t)(flags & ~(uint64_t)STATE);
    return true;
}

static bool extend_page(struct model *model, uint64_t offset, uint64_t wanted)
{
    struct model_page *page = &model->pages[offset / SGX_PAGE_SIZE];
    uint64_t access = (page->flags | wanted) & SGX_ACCESS;
    if ((page->flags & SGX_TYPE) != SGX_REGULAR || (page->flags & (SGX_PENDING | SGX_MODIFIED)) ||
        !(access & SGX_READ))
        return false;
    page->flags |= (uint16_t)access;
    return true;
}

static bool change_page(struct model *model, const struct model_saved *saved)
{
    uint64_t offset = saved->rcx - model->enclave.base;
    uint64_t wanted;
    if (!take_secinfo(model, saved->rbx - model->enclave.base, offset, &wanted))
        return false;
    return ((uint32_t)saved->rax == SGX_EACCEPT ? accept_page : extend_page)(model, offset, wanted);
}

/* EMODPE leaves RAX and the flags as they are. */
bool model_direct_quick(struct model_saved *saved, struct model_thread *thread)
{
    struct model *model = thread->model;
    bool is_accept = (uint32_t)saved->rax == SGX_EACCEPT;
    if ((!is_accept && (uint32_t)saved->rax != SGX_EMODPE) || saved->rcx == thread->awaited ||
        pthread_mutex_trylock(&model->lock) != 0)
        return false;
    bool is_done = change_page(model, saved);
    (void)pthread_mutex_unlock(&model->lock);
    if (!is_done || !is_accept)
        return is_done;
    saved->rax = 0;
    saved->flags &= ~(uint64_t)MODEL_ARITHMETIC;
    return true;
}
