/*
 * ENCLU without a signal. Where an image has a NOP of two bytes (66 90) behind an ENCLU, it says
 * that the stack there is the enclave's own, with room below: then the model puts a CALL in the
 * place of both, once the enclave is measured and initialised, as a hypervisor puts its own call in
 * the place of an instruction that would trap. To a processor it is an ENCLU and a NOP. Where a UD2
 * stands behind it, the leaf is the one that does not come back, EEXIT, and a JMP takes the place
 * of both: that needs no stack. All other ENCLU trap.
 *
 * Both reach 2 GiB, so that they lead to a page of the enclave's range that no page of the enclave
 * is on; from there it goes to model_direct.S.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "enclave/model_thread.h"

#define SITE_SIZE 5
#define CALL      0xE8
#define JUMP      0xE9
#define WORDS_AT  16 /* in the page */
#define EXIT_AT   40
#define REACH     (UINT64_C(1) << 30) /* bytes, well below what CALL reaches */
#define ZERO      0x40U
#define REGISTERS 12 /* that model_direct.S pushes */

static void *at(const struct model *model, uint64_t offset)
{
    return (void *)(uintptr_t)(model->enclave.base + offset); /* NOLINT: the enclave's range */
}

/* What was missing is used at once, now that it is accepted, and all beside it: that its memory has
 * no access yet would be one more fault. */
static void bring(struct model_thread *thread)
{
    struct model *model = thread->model;
    (void)pthread_mutex_lock(&model->lock);
    (void)model_pages_fault(model, thread->awaited, SGX_READ);
    (void)pthread_mutex_unlock(&model->lock);
    thread->awaited = 0;
}

bool model_direct_leaf(struct model_saved *saved, struct model_thread *thread)
{
    const struct sgx_gprs registers = {
        .rax = saved->rax, .rbx = saved->rbx, .rcx = saved->rcx, .rdx = saved->rdx};
    struct model_fault fault;
    uint32_t leaf = (uint32_t)saved->rax;
    uint32_t status;
    if (!model_leaf(thread->model, &registers, &status, &fault))
        return false;
    saved->rax = status;
    if (leaf == SGX_EACCEPT && thread->awaited == saved->rcx && status == 0)
        bring(thread);
    if (leaf != SGX_EREPORT && leaf != SGX_EMODPE)
        saved->flags = (saved->flags & ~(uint64_t)MODEL_ARITHMETIC) | (status ? ZERO : 0);
    return true;
}

/* --- what traps at the end -------------------------------------------------------------------- */

/* The registers as they were; RSP is where they lie. */
static void restore(greg_t *gregs)
{
    static const int order[] = {REG_RBP, REG_RBX, REG_R11, REG_R10, REG_R9,  REG_R8,
                                REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_RAX, REG_EFL};
    static_assert(sizeof order / sizeof *order == REGISTERS, "model_direct.S");
    const uint64_t *stack = (const uint64_t *)(uintptr_t)gregs[REG_RSP]; /* NOLINT: the enclave's */
    for (size_t i = 0; i < REGISTERS; i++)
        gregs[order[i]] = (greg_t)stack[i];
    gregs[REG_RIP] = (greg_t)stack[REGISTERS + 1];
    gregs[REG_RSP] += (greg_t)((REGISTERS + 2) * sizeof *stack);
}

enum model_direct_end model_direct_take(greg_t *gregs)
{
    uint64_t rip = (uint64_t)gregs[REG_RIP];
    if (rip != (uintptr_t)model_direct_fault && rip != (uintptr_t)model_direct_interrupted)
        return MODEL_DIRECT_NONE;
    restore(gregs);
    if (rip == (uintptr_t)model_direct_interrupted)
        return MODEL_DIRECT_INTERRUPTED;
    gregs[REG_RIP] -= SITE_SIZE;
    return MODEL_DIRECT_FAULT;
}

/* --- making it -------------------------------------------------------------------------------- */

/* A page behind these that is none of the enclave's; 0 for none. */
static uint64_t find_hole(const struct model *model, uint64_t from)
{
    for (uint64_t page = from; page < from + REACH && page < model->enclave.size;
         page += SGX_PAGE_SIZE) {
        if (model->pages[page / SGX_PAGE_SIZE].flags == 0)
            return page;
    }
    return 0;
}

/* For a CALL: PUSH of the address behind both, which is this enclave's struct model_direct, and a
 * jump. For a JMP the address goes to RCX, which EEXIT changes. The page is a VA to the rest of the
 * model, which nothing inside may touch. */
static int make_page(struct model *model, uint64_t offset, struct error *err)
{
    static const uint8_t code[] = {0xFF, 0x35, 0x0A, 0, 0, 0,                 /* PUSH [RIP + 10] */
                                   0xFF, 0x25, 0x0C, 0, 0, 0};                /* JMP [RIP + 12] */
    static const uint8_t leave[] = {0x48, 0x8B, 0x0D, 0xE1, 0xFF, 0xFF, 0xFF, /* MOV RCX, [at 16] */
                                    0xFF, 0x25, 0xEB, 0xFF, 0xFF, 0xFF};      /* JMP [at 32] */
    const uint64_t words[] = {(uintptr_t)&model->direct, (uintptr_t)model_direct_entry,
                              (uintptr_t)model_direct_exit};
    static_assert(WORDS_AT + sizeof words == EXIT_AT, "the instructions' distances");
    uint8_t *page = mmap(at(model, offset), SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page == MAP_FAILED)
        return error_system(err, errno, "a page for ENCLU");
    memcpy(page, code, sizeof code);
    memcpy(page + WORDS_AT, words, sizeof words);
    memcpy(page + EXIT_AT, leave, sizeof leave);
    (void)madvise(page, SGX_PAGE_SIZE, MADV_DONTFORK);
    if (mprotect(page, SGX_PAGE_SIZE, PROT_READ | PROT_EXEC) < 0)
        return error_system(err, errno, "a page for ENCLU");
    model->pages[offset / SGX_PAGE_SIZE].flags = SGX_VA;
    return 0;
}

/* The next ENCLU with a NOP or UD2 behind it; NULL for none. By its third byte, which few other
 * instructions have. */
static uint8_t *find_site(uint8_t *code, const uint8_t *end)
{
    static const uint8_t enclu[] = {0x0F, 0x01, 0xD7}, nop[] = {0x66, 0x90}, ud2[] = {0x0F, 0x0B};
    for (; end - code >= SITE_SIZE; code++) {
        uint8_t *last = memchr(code + 2, enclu[2], (size_t)(end - code) - 4);
        if (!last)
            break;
        code = last - 2;
        if (memcmp(code, enclu, sizeof enclu) == 0 &&
            (memcmp(last + 1, nop, sizeof nop) == 0 || memcmp(last + 1, ud2, sizeof ud2) == 0))
            return code;
    }
    return NULL;
}

static void patch_site(const struct model *model, uint8_t *site)
{
    bool is_exit = site[SITE_SIZE - 1] != 0x90;
    const uint8_t *to = (uint8_t *)at(model, model->direct.page) + (is_exit ? EXIT_AT : 0);
    int32_t distance = (int32_t)(to - (site + SITE_SIZE));
    site[0] = is_exit ? JUMP : CALL;
    memcpy(site + 1, &distance, sizeof distance);
}

/* Pages of code that follow each other. */
static int patch(struct model *model, uint64_t offset, uint64_t size, struct error *err)
{
    uint8_t *code = at(model, offset);
    uint8_t *next = find_site(code, code + size);
    if (!next)
        return 0;
    if (model->direct.page == 0 && (model->direct.page = find_hole(model, offset)) != 0 &&
        make_page(model, model->direct.page, err) < 0)
        return -1;
    if (model->direct.page == 0)
        return 0; /* they trap */
    if (mprotect(code, size, PROT_READ | PROT_WRITE) < 0)
        return error_system(err, errno, "an enclave's code");
    for (; next; next = find_site(next, code + size))
        patch_site(model, next);
    return mprotect(code, size, PROT_READ | PROT_EXEC) < 0
               ? error_system(err, errno, "an enclave's code")
               : 0;
}

int model_direct_begin(struct model *model, struct error *err)
{
    const uint16_t is_code = SGX_REGULAR | SGX_READ | SGX_EXECUTE;
    uint64_t count = model->enclave.size / SGX_PAGE_SIZE;
    model->direct.base = model->enclave.base;
    model->direct.size = model->enclave.size;
    model->direct.threads = calloc(count, sizeof *model->direct.threads);
    if (!model->direct.threads)
        return error_memory(err);
    uint64_t end;
    for (uint64_t i = model->code_begin / SGX_PAGE_SIZE; i < model->code_end / SGX_PAGE_SIZE;
         i = end + 1) {
        for (end = i; end < count && model->pages[end].flags == is_code;)
            end++;
        if (end > i && patch(model, i * SGX_PAGE_SIZE, (end - i) * SGX_PAGE_SIZE, err) < 0)
            return -1;
    }
    return 0;
}
