/*
 * The leaves of ENCLU that stay inside, in the model (Intel SDM volume 3D, chapter 39): EREPORT,
 * EGETKEY, EACCEPT, EMODPE, EACCEPTCOPY. Run by the thread whose ENCLU trapped, so its enclave
 * memory is reachable as the enclave's page flags allow; those are checked first.
 */
#include "base/secret.h"
#include "enclave/model_keys.h"
#include "enclave/model_parts.h"

#define TARGETINFO_ALIGNMENT 512
#define REPORT_ALIGNMENT     512
#define DATA_ALIGNMENT       128
#define SECINFO_ALIGNMENT    64
#define KEY_ALIGNMENT        16

typedef bool leaf_fn(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                     struct model_fault *fault);

static bool faults(struct model_fault *fault, uint8_t vector, uint64_t address)
{
    *fault = (struct model_fault){.vector = vector, .address = address};
    return false;
}

static void *inside(uint64_t address)
{
    return (void *)(uintptr_t)address; /* NOLINT: model_allows() has said so */
}

/* #GP for what is not aligned or not inside, #PF for pages that do not allow it. */
static bool reach(struct model *model, uint64_t address, uint64_t size, uint64_t alignment,
                  uint64_t access, struct model_fault *fault)
{
    uint64_t offset = address - model->enclave.base;
    if (address % alignment != 0 || address < model->enclave.base ||
        offset >= model->enclave.size || size > model->enclave.size - offset)
        return faults(fault, MODEL_GP, 0);
    uint64_t first = offset & ~(uint64_t)(SGX_PAGE_SIZE - 1);
    return (model_allows(model, address, size, access) &&
            model_pages_settle(model, first, sgx_page_up(offset + size) - first, NULL) == 0) ||
           faults(fault, MODEL_PF, address);
}

static struct model_identity identity_of(const struct model *model)
{
    return (struct model_identity){&model->secs, model->family_id, model->ext_prod_id};
}

static bool leaf_report(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                        struct model_fault *fault)
{
    struct sgx_targetinfo target;
    uint8_t data[SGX_REPORT_DATA_SIZE];
    struct sgx_report report;
    const struct model_identity who = identity_of(model);
    if (!reach(model, registers->rbx, sizeof target, TARGETINFO_ALIGNMENT, SGX_READ, fault) ||
        !reach(model, registers->rcx, sizeof data, DATA_ALIGNMENT, SGX_READ, fault) ||
        !reach(model, registers->rdx, SGX_REPORT_SIZE, REPORT_ALIGNMENT, SGX_READ | SGX_WRITE,
               fault))
        return false;
    memcpy(&target, inside(registers->rbx), sizeof target);
    memcpy(data, inside(registers->rcx), sizeof data);
    if (!span_is_zero(span_of(target.reserved1, sizeof target.reserved1)) || target.cet != 0 ||
        !span_is_zero(span_of(target.reserved2, sizeof target.reserved2)))
        return faults(fault, MODEL_GP, 0);
    if (model_report(model->fuse, &who, &target, data, &report, NULL) < 0)
        return faults(fault, MODEL_GP, 0);
    memcpy(inside(registers->rdx), &report, SGX_REPORT_SIZE);
    *status = SGX_EREPORT; /* RAX stays as it was */
    return true;
}

static bool request_is_good(const struct model *model, const struct sgx_keyrequest *request)
{
    bool has_kss = (model->secs.attributes.flags & SGX_KSS) != 0;
    unsigned allowed = has_kss ? SGX_POLICY_KNOWN : SGX_POLICY_KNOWN & ~SGX_POLICY_OF_KSS;
    return (request->policy & ~allowed) == 0 && request->cet_mask == 0 &&
           (has_kss || request->config_svn == 0) &&
           span_is_zero(span_of(request->reserved, sizeof request->reserved));
}

static bool leaf_key(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                     struct model_fault *fault)
{
    struct sgx_keyrequest request;
    uint8_t key[SGX_KEY_SIZE];
    const struct model_identity who = identity_of(model);
    if (!reach(model, registers->rbx, sizeof request, sizeof request, SGX_READ, fault) ||
        !reach(model, registers->rcx, sizeof key, KEY_ALIGNMENT, SGX_READ | SGX_WRITE, fault))
        return false;
    memcpy(&request, inside(registers->rbx), sizeof request);
    if (!request_is_good(model, &request))
        return faults(fault, MODEL_GP, 0);
    int result = model_key(model->fuse, &who, &request, key, NULL);
    if (result < 0)
        return faults(fault, MODEL_GP, 0);
    if (result == 0)
        memcpy(inside(registers->rcx), key, sizeof key);
    secret_wipe(key, sizeof key);
    *status = (uint32_t)result;
    return true;
}

/* SECINFO at RBX, and the page at RCX, which need not be there yet. */
static bool take_secinfo(struct model *model, const struct sgx_gprs *registers,
                         struct sgx_secinfo *info, uint64_t *offset, struct model_fault *fault)
{
    if (!reach(model, registers->rbx, sizeof *info, SECINFO_ALIGNMENT, SGX_READ, fault))
        return false;
    memcpy(info, inside(registers->rbx), sizeof *info);
    *offset = registers->rcx - model->enclave.base;
    if (!span_is_zero(span_of(info->reserved, sizeof info->reserved)) ||
        registers->rcx % SGX_PAGE_SIZE != 0 || registers->rcx < model->enclave.base ||
        *offset >= model->enclave.size)
        return faults(fault, MODEL_GP, 0);
    struct model_page *page = model_page_at(model, *offset);
    if (page->flags == 0 && model_page_may_grow(model, *offset))
        (void)model_page_add(model, *offset, NULL); /* the kernel's answer to the #PF */
    return page->flags != 0 || faults(fault, MODEL_PF, registers->rcx);
}

static bool leaf_accept(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                        struct model_fault *fault)
{
    const uint64_t state = SGX_PENDING | SGX_MODIFIED | SGX_RESTRICTED;
    struct sgx_secinfo info;
    uint64_t offset;
    if (!take_secinfo(model, registers, &info, &offset, fault))
        return false;
    struct model_page *page = model_page_at(model, offset);
    *status = SGX_ATTRIBUTES_MISMATCH;
    /* EACCEPT does not compare a page's access when it is modified: EMODT has taken it. */
    if (info.flags != page->flags)
        return true;
    struct model_tcs *tcs = model_find_tcs(model, offset);
    if ((page->flags & SGX_TYPE) == SGX_TCS && (!tcs || !tcs->is_good))
        return faults(fault, MODEL_GP, 0);
    page->flags &= (uint16_t)~state;
    *status = 0;
    return true;
}

static bool leaf_extend(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                        struct model_fault *fault)
{
    struct sgx_secinfo info;
    uint64_t offset;
    if (!take_secinfo(model, registers, &info, &offset, fault))
        return false;
    struct model_page *page = model_page_at(model, offset);
    if ((page->flags & SGX_TYPE) != SGX_REGULAR || (page->flags & (SGX_PENDING | SGX_MODIFIED)))
        return faults(fault, MODEL_PF, registers->rcx);
    uint64_t access = (page->flags | info.flags) & SGX_ACCESS;
    if ((access & (SGX_READ | SGX_WRITE)) == SGX_WRITE)
        return faults(fault, MODEL_GP, 0);
    page->flags |= (uint16_t)access;
    *status = SGX_EMODPE; /* RAX stays as it was */
    return true;
}

static bool leaf_accept_copy(struct model *model, const struct sgx_gprs *registers,
                             uint32_t *status, struct model_fault *fault)
{
    struct sgx_secinfo info;
    uint64_t offset;
    if (!reach(model, registers->rdx, SGX_PAGE_SIZE, SGX_PAGE_SIZE, SGX_READ, fault) ||
        !take_secinfo(model, registers, &info, &offset, fault))
        return false;
    struct model_page *page = model_page_at(model, offset);
    const uint64_t access = info.flags & SGX_ACCESS;
    if ((info.flags & ~SGX_ACCESS) != SGX_REGULAR || (access & (SGX_READ | SGX_WRITE)) == SGX_WRITE)
        return faults(fault, MODEL_GP, 0);
    *status = SGX_ATTRIBUTES_MISMATCH;
    if (page->flags != (SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING))
        return true;
    uint8_t copy[SGX_PAGE_SIZE];
    memcpy(copy, inside(registers->rdx), sizeof copy);
    page->flags = (uint16_t)info.flags;
    if (model_page_put(model, offset, copy, info.flags, NULL) < 0)
        return faults(fault, MODEL_PF, registers->rcx);
    *status = 0;
    return true;
}

bool model_leaf(struct model *model, const struct sgx_gprs *registers, uint32_t *status,
                struct model_fault *fault)
{
    static leaf_fn *const leaves[] = {
        [SGX_EREPORT] = leaf_report,          [SGX_EGETKEY] = leaf_key,
        [SGX_EACCEPT] = leaf_accept,          [SGX_EMODPE] = leaf_extend,
        [SGX_EACCEPTCOPY] = leaf_accept_copy,
    };
    uint32_t leaf = (uint32_t)registers->rax;
    if (leaf >= sizeof leaves / sizeof *leaves || !leaves[leaf])
        return faults(fault, MODEL_GP, 0);
    (void)pthread_mutex_lock(&model->lock);
    bool done = leaves[leaf](model, registers, status, fault);
    (void)pthread_mutex_unlock(&model->lock);
    return done;
}
