#include "enclave/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/secret.h"
#include "enclave/model_parts.h"
#include "measure/sgxs_records.h"
#include "os/fd.h"

#define HWCAP2_FSGSBASE 0x2 /* arch/x86/include/uapi/asm/hwcap2.h */

static uint8_t fuse_of_next[MODEL_FUSE_SIZE];
static bool has_fuse;

void model_set_fuse(const uint8_t fuse[MODEL_FUSE_SIZE])
{
    memcpy(fuse_of_next, fuse, MODEL_FUSE_SIZE);
    has_fuse = true;
}

static struct model *model_of(struct enclave *enclave)
{
    return (struct model *)enclave;
}

/* A range of this process's addresses whose beginning is a multiple of its size. */
static bool reserve_low(struct model *model)
{
    uint64_t size = model->secs.size;
    void *at = (void *)(uintptr_t)DRIVER_LOWEST; /* NOLINT */
    if (mmap(at, size - DRIVER_LOWEST, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != at)
        return false;
    model->enclave.size = size;
    return true;
}

static int reserve(struct model *model, uint64_t lowest, struct error *err)
{
    uint64_t size = model->secs.size;
    if (lowest >= DRIVER_LOWEST && size > DRIVER_LOWEST && reserve_low(model))
        return 0;
    void *all = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return error_system(err, errno, "addresses for an enclave of 0x%llx bytes",
                            (unsigned long long)size);
    uint64_t first = (uint64_t)(uintptr_t)all;
    uint64_t base = (first + size - 1) & ~(size - 1);
    if (base > first)
        (void)munmap(all, base - first);
    (void)munmap((uint8_t *)all + (base - first) + size, first + size - base);
    model->enclave.base = base;
    model->enclave.size = size;
    model->secs.base = base;
    return 0;
}

/* What lies there is in no core file, and not in a child: as the kernel's driver has it. */
static int hide(const struct model *model, struct error *err)
{
    uint64_t first = model->enclave.base > 0 ? model->enclave.base : DRIVER_LOWEST;
    uint64_t size = model->enclave.base + model->enclave.size - first;
    void *range = (void *)(uintptr_t)first; /* NOLINT: the enclave's range */
    (void)madvise(range, size, MADV_DONTDUMP);
    return madvise(range, size, MADV_DONTFORK) < 0
               ? error_system(err, errno, "an enclave's addresses")
               : 0;
}

static int prepare(struct model *model, uint64_t lowest, struct error *err)
{
    uint8_t record[SGXS_RECORD_SIZE];
    if (!has_fuse) /* keys of zeros would be everybody's */
        return error_set(err, ERROR_INVALID, "the model of SGX has no fuse key: set one first");
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
        return error_set(err, ERROR_UNAVAILABLE,
                         "the model of SGX needs WRFSBASE, which this machine or kernel lacks");
    if (reserve(model, lowest, err) < 0 || hide(model, err) < 0)
        return -1;
    size_t count = (size_t)(model->enclave.size / SGX_PAGE_SIZE);
    model->pages = calloc(count, sizeof *model->pages);
    model->growing = calloc(count / 8 + 1, 1);
    if (!model->pages || !model->growing)
        return error_memory(err);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return error_system(err, errno, "this process could not be hidden from its user");
    sha256_init(&model->measurement);
    sgxs_record_create(record, model->secs.ssa_frame_size, model->secs.size);
    sha256_update(&model->measurement, span_of(record, sizeof record));
    return 0;
}

static void model_free(struct enclave *enclave)
{
    struct model *model = model_of(enclave);
    if (!model)
        return;
    if (model->enclave.size > 0)
        (void)munmap((void *)(uintptr_t)model->enclave.base, model->enclave.size); /* NOLINT */
    for (size_t i = 0; i < model->tcs_count; i++)
        free(model->tcs[i]);
    free(model->pages);
    free(model->growing);
    free(model->direct.threads);
    (void)pthread_mutex_destroy(&model->lock);
    secret_wipe(model->fuse, sizeof model->fuse);
    free(model);
}

static struct enclave *model_create(const struct sgx_secs *secs, uint64_t first, struct error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model) {
        (void)error_memory(err);
        return NULL;
    }
    model->enclave.driver = &driver_model;
    model->secs = *secs;
    memcpy(model->fuse, fuse_of_next, sizeof model->fuse);
    (void)pthread_mutex_init(&model->lock, NULL);
    if (model_check_secs(secs, &model->xsave_size, err) < 0 || prepare(model, first, err) < 0) {
        model_free(&model->enclave);
        return NULL;
    }
    return &model->enclave;
}

/* --- EADD, EEXTEND ---------------------------------------------------------------------------- */

static int check_range(const struct model *model, const struct enclave_pages *pages,
                       struct error *err)
{
    if (pages->offset % SGX_PAGE_SIZE != 0 || pages->size % SGX_PAGE_SIZE != 0 ||
        pages->size == 0 || pages->offset >= model->enclave.size ||
        pages->size > model->enclave.size - pages->offset)
        return error_set(err, ERROR_INVALID,
                         "EADD: 0x%llx bytes at 0x%llx are no pages of the range",
                         (unsigned long long)pages->size, (unsigned long long)pages->offset);
    for (uint64_t at = 0; at < pages->size; at += SGX_PAGE_SIZE) {
        if (model->pages[(pages->offset + at) / SGX_PAGE_SIZE].flags != 0)
            return error_set(err, ERROR_INVALID, "EADD: the page at 0x%llx is there already",
                             (unsigned long long)(pages->offset + at));
    }
    return 0;
}

static int check_flags(const struct enclave_pages *pages, struct error *err)
{
    uint64_t access = pages->flags & SGX_ACCESS;
    bool regular = (pages->flags & ~SGX_ACCESS) == SGX_REGULAR &&
                   (!(access & SGX_WRITE) || (access & SGX_READ));
    if (!regular && pages->flags != SGX_TCS)
        return error_set(err, ERROR_INVALID,
                         "EADD: SECINFO 0x%llx is neither a TCS nor a regular page's",
                         (unsigned long long)pages->flags);
    return 0;
}

/* The records of one page, one behind the other: thousands of small pieces take as long again. */
static void measure_page(struct model *model, const struct enclave_pages *pages, uint64_t at)
{
    uint8_t stream[SGXS_RECORD_SIZE +
                   SGX_PAGE_SIZE / SGXS_CHUNK_SIZE * (SGXS_RECORD_SIZE + SGXS_CHUNK_SIZE)];
    size_t size = SGXS_RECORD_SIZE;
    sgxs_record_add(stream, pages->offset + at, pages->flags);
    for (uint64_t i = 0; pages->is_measured && i < SGX_PAGE_SIZE; i += SGXS_CHUNK_SIZE) {
        sgxs_record_extend(stream + size, pages->offset + at + i);
        memcpy(stream + size + SGXS_RECORD_SIZE, pages->bytes.data + at + i, SGXS_CHUNK_SIZE);
        size += SGXS_RECORD_SIZE + SGXS_CHUNK_SIZE;
    }
    sha256_update(&model->measurement, span_of(stream, size));
}

static int model_add(void *enclave, const struct enclave_pages *pages, struct error *err)
{
    struct model *model = model_of(enclave);
    if (model->is_initialised)
        return error_set(err, ERROR_INVALID, "EADD: the enclave is initialised");
    if (check_range(model, pages, err) < 0 || check_flags(pages, err) < 0)
        return -1;
    if (pages->bytes.size != pages->size && (pages->bytes.size != 0 || pages->is_measured))
        return error_set(err, ERROR_INVALID, "EADD: %zu bytes for 0x%llx", pages->bytes.size,
                         (unsigned long long)pages->size);
    for (uint64_t at = 0; pages->flags == SGX_TCS && at < pages->size; at += SGX_PAGE_SIZE) {
        struct span bytes = pages->bytes.size > 0 ? span_of(pages->bytes.data + at, SGX_PAGE_SIZE)
                                                  : pages->bytes;
        if (model_add_tcs(model, pages->offset + at, bytes, err) < 0)
            return -1;
    }
    if (model_pages_add(model, pages, err) < 0)
        return -1;
    if (pages->flags & SGX_EXECUTE) {
        model->code_begin = model->code_end == 0 ? pages->offset : model->code_begin;
        model->code_end = pages->offset + pages->size;
    }
    if (model->added_end == 0 || pages->offset < model->added_begin)
        model->added_begin = pages->offset;
    if (pages->offset + pages->size > model->added_end)
        model->added_end = pages->offset + pages->size;
    for (uint64_t at = 0; at < pages->size; at += SGX_PAGE_SIZE) {
        model->pages[(pages->offset + at) / SGX_PAGE_SIZE].flags = (uint16_t)pages->flags;
        measure_page(model, pages, at);
    }
    return 0;
}

static int model_init(struct enclave *enclave, const uint8_t sigstruct[SIGSTRUCT_SIZE],
                      struct error *err)
{
    struct model *model = model_of(enclave);
    struct sha256 measurement = model->measurement;
    if (model->is_initialised)
        return error_set(err, ERROR_REFUSED, "EINIT: the enclave is initialised already");
    sha256_final(&measurement, model->secs.mrenclave);
    if (model_check_sigstruct(model, sigstruct, err) < 0)
        return -1;
    model->secs.attributes.flags |= SGX_INIT;
    if (model_pages_close(model, err) < 0 || model_direct_begin(model, err) < 0)
        return -1;
    model->is_initialised = true;
    return 0;
}

const struct driver driver_model = {
    .name = "SIMULATED SGX",
    .is_simulated = true,
    .create = model_create,
    .free = model_free,
    .add = model_add,
    .init = model_init,
    .enter = model_enter,
    .grow = model_grow,
    .restrict_access = model_restrict,
    .set_type = model_set_type,
    .remove = model_remove,
    .handle_signal = model_handle_signal,
};
