/* The model's TCS: those that EADD adds, and pages that EMODT and EACCEPT make one. */
#include <stdlib.h>

#include "enclave/model_parts.h"

#define DBGOPTIN UINT64_C(1)

struct model_tcs *model_find_tcs(struct model *model, uint64_t offset)
{
    for (size_t i = 0; i < model->tcs_count; i++) {
        if (model->tcs[i]->offset == offset)
            return model->tcs[i];
    }
    return NULL;
}

/* What has the page's place, or a new one. */
static struct model_tcs *place(struct model *model, uint64_t offset, struct error *err)
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

/* Table 38-8, and what EADD checks of a TCS, but its flags. Some of that EACCEPT leaves to EENTER:
 * nobody enters by such a one here either. */
static bool is_good(const struct model *model, const struct sgx_tcs *page)
{
    uint64_t size = model->secs.size;
    uint64_t misaligned = (page->ssa | page->fs | page->gs) % SGX_PAGE_SIZE;
    return page->state == 0 && page->current_ssa == 0 && page->ssa_count != 0 && page->aep == 0 &&
           misaligned == 0 && page->ssa < size && page->fs < size && page->gs < size &&
           page->entry < size && model_is_zero(page->reserved, sizeof page->reserved);
}

static void fill(struct model_tcs *tcs, const struct sgx_tcs *page)
{
    tcs->ssa = page->ssa;
    tcs->entry = page->entry;
    tcs->fs = page->fs;
    tcs->gs = page->gs;
    tcs->current_ssa = 0;
    tcs->ssa_count = page->ssa_count;
}

/* The processor clears DBGOPTIN. */
int model_add_tcs(struct model *model, uint64_t offset, struct span bytes, struct error *err)
{
    struct sgx_tcs page;
    if (bytes.size != sizeof page)
        return error_set(err, ERROR_INVALID, "EADD: a TCS of zeros has no SSA frame");
    memcpy(&page, bytes.data, sizeof page);
    if (!is_good(model, &page) || (page.flags & ~DBGOPTIN) != 0)
        return error_set(err, ERROR_INVALID,
                         "EADD: the TCS at 0x%llx has fields that may not be so",
                         (unsigned long long)offset);
    struct model_tcs *tcs = place(model, offset, err);
    if (!tcs)
        return -1;
    fill(tcs, &page);
    tcs->is_good = true;
    return 0;
}

/* Nobody may write there from now on, so that what EACCEPT finds is what is there now. */
int model_retype_tcs(struct model *model, uint64_t offset, struct error *err)
{
    struct sgx_tcs page;
    struct model_tcs *tcs = place(model, offset, err);
    if (!tcs || model_page_take(model, offset, (uint8_t *)&page, err) < 0)
        return -1;
    fill(tcs, &page);
    tcs->is_good = is_good(model, &page) && page.flags == 0;
    return 0;
}
