/*
 * EENTER, ERESUME, EEXIT and AEX in the model (Intel SDM volume 3D, chapters 37.4 and 39): what is
 * checked, what goes to the state save area and what comes from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <ucontext.h>

#include "enclave/model_thread.h"

#define USER_CS       0x33
#define USER_SS       0x2B
#define FLAGS_FIXED   0x202    /* bit 1, and interrupts */
#define FLAGS_FREE    0x240CD5 /* arithmetic, DF, AC, ID */
#define CANONICAL_END (UINT64_C(1) << 47)
#define MXCSR_KNOWN   0xFFFFU
#define FAULT_WRITE   0x02 /* of a page fault's error code */
#define FAULT_FETCH   0x10
#define FAULTS_MAX    1000

/* The XSAVE area in the standard format. */
#define MXCSR_AT      24
#define XSTATE_BV_AT  512
#define XCOMP_BV_AT   520
#define XSAVE_HEAD    576
#define XSTATE_PKRU   (UINT64_C(1) << 9)
#define MXCSR_INITIAL 0x1F80
#define FCW_INITIAL   0x37F

static bool in_range(const uint8_t *begin, const uint8_t *end, uint64_t address)
{
    return address >= (uintptr_t)begin && address < (uintptr_t)end;
}

static void *at(uint64_t address)
{
    return (void *)(uintptr_t)address; /* NOLINT: checked by whoever calls */
}

/* --- going in --------------------------------------------------------------------------------- */

/* The leaf itself faults: the host is told so, and nothing happened. */
static int tell_fault(const struct model_frame *frame, uint8_t vector)
{
    frame->run->leaf = (uint32_t)frame->leaf;
    frame->run->exception_vector = vector;
    frame->run->exception_code = 0;
    frame->run->exception_address = 0;
    return 1;
}

/* The address of an SSA frame, or 0 where its pages do not hold it. */
static uint64_t ssa_frame(struct model *model, const struct model_tcs *tcs, uint32_t index)
{
    uint64_t size = (uint64_t)model->secs.ssa_frame_size * SGX_PAGE_SIZE;
    uint64_t address = model->enclave.base + tcs->ssa + index * size;
    if (!model_allows(model, address, size, SGX_READ | SGX_WRITE))
        return 0;
    (void)pthread_mutex_lock(&model->lock);
    int result = model_pages_settle(model, address - model->enclave.base, size, NULL);
    (void)pthread_mutex_unlock(&model->lock);
    return result == 0 ? address : 0;
}

static struct sgx_gprs *gprs_of(const struct model *model, uint64_t ssa)
{
    return (struct sgx_gprs *)at(ssa + (uint64_t)model->secs.ssa_frame_size * SGX_PAGE_SIZE) - 1;
}

static struct model_tcs *take_tcs(struct model *model, uint64_t address)
{
    uint64_t offset = address - model->enclave.base;
    struct model_page *page = address % SGX_PAGE_SIZE == 0 && address >= model->enclave.base
                                  ? model_page_at(model, offset)
                                  : NULL;
    struct model_tcs *tcs = page && page->flags == SGX_TCS ? model_find_tcs(model, offset) : NULL;
    return model->is_initialised && tcs && !atomic_exchange(&tcs->is_busy, true) ? tcs : NULL;
}

static bool enter(struct model *model, struct model_frame *frame, struct model_tcs *tcs)
{
    uint64_t base = model->enclave.base;
    if (tcs->current_ssa >= tcs->ssa_count || ssa_frame(model, tcs, tcs->current_ssa) == 0)
        return false;
    frame->rax = tcs->current_ssa;
    frame->rbx = base + tcs->offset;
    frame->rcx = (uintptr_t)model_exited;
    frame->r10 = frame->host[0];
    frame->r11 = frame->host[1];
    frame->r12 = frame->host[2];
    frame->r13 = frame->host[3];
    frame->r14 = frame->host[4];
    frame->r15 = frame->host[5];
    frame->rbp = frame->host_rbp;
    frame->rsp = (uintptr_t)frame;
    frame->rip = base + tcs->entry;
    frame->rflags = (frame->host_flags & FLAGS_FREE) | FLAGS_FIXED;
    frame->fs = base + tcs->fs;
    frame->gs = base + tcs->gs;
    frame->xfrm = 0;
    return true;
}

static void load_registers(const struct sgx_gprs *from, struct model_frame *frame)
{
    frame->rax = from->rax;
    frame->rbx = from->rbx;
    frame->rcx = from->rcx;
    frame->rdx = from->rdx;
    frame->rsi = from->rsi;
    frame->rdi = from->rdi;
    frame->rbp = from->rbp;
    frame->rsp = from->rsp;
    frame->r8 = from->r8;
    frame->r9 = from->r9;
    frame->r10 = from->r10;
    frame->r11 = from->r11;
    frame->r12 = from->r12;
    frame->r13 = from->r13;
    frame->r14 = from->r14;
    frame->r15 = from->r15;
    frame->rip = from->rip;
    frame->rflags = (from->rflags & FLAGS_FREE) | FLAGS_FIXED;
    frame->fs = from->fs_base;
    frame->gs = from->gs_base;
}

/* XRSTOR would fault on what this refuses; the processor's ERESUME checks the same. */
static bool vectors_are_good(const struct model *model, const uint8_t *area)
{
    uint64_t components;
    uint32_t mxcsr;
    memcpy(&components, area + XSTATE_BV_AT, sizeof components);
    memcpy(&mxcsr, area + MXCSR_AT, sizeof mxcsr);
    return (components & ~model->secs.attributes.xfrm) == 0 && (mxcsr & ~MXCSR_KNOWN) == 0 &&
           span_is_zero(span_of(area + XCOMP_BV_AT, XSAVE_HEAD - XCOMP_BV_AT));
}

static bool resume(struct model *model, struct model_frame *frame, struct model_tcs *tcs)
{
    uint64_t ssa = tcs->current_ssa > 0 ? ssa_frame(model, tcs, tcs->current_ssa - 1) : 0;
    struct sgx_gprs registers;
    if (ssa == 0)
        return false;
    memcpy(frame->vectors, at(ssa), model->xsave_size);
    registers = *gprs_of(model, ssa);
    if (!vectors_are_good(model, frame->vectors) || registers.rip >= CANONICAL_END ||
        registers.fs_base >= CANONICAL_END || registers.gs_base >= CANONICAL_END)
        return false;
    load_registers(&registers, frame);
    frame->xfrm = model->secs.attributes.xfrm;
    tcs->current_ssa--;
    return true;
}

int model_prepare(struct model_frame *frame)
{
    struct model_thread *thread = model_thread_get(NULL);
    struct model *model = thread->model;
    const struct enclave_run *run = frame->run;
    model_deliver(thread, frame->leaf == SGX_ERESUME);
    if ((frame->leaf != SGX_EENTER && frame->leaf != SGX_ERESUME) || run->user_handler != 0 ||
        !span_is_zero(span_of(run->reserved, sizeof run->reserved)))
        return -EINVAL;
    struct model_tcs *tcs = take_tcs(model, run->tcs);
    if (!tcs)
        return tell_fault(frame, MODEL_GP);
    if (!(frame->leaf == SGX_EENTER ? enter : resume)(model, frame, tcs)) {
        atomic_store(&tcs->is_busy, false);
        return tell_fault(frame, MODEL_GP);
    }
    frame->cs = USER_CS;
    frame->ss = USER_SS;
    frame->tcs = tcs;
    frame->thread = thread;
    thread->frame = frame;
    if ((frame->gs - model->enclave.base) < model->enclave.size)
        model->direct.threads[(frame->gs - model->enclave.base) / SGX_PAGE_SIZE] = thread;
    return 0;
}

void model_unprepare(struct model_frame *frame)
{
    if (frame->leaf == SGX_ERESUME)
        frame->tcs->current_ssa++;
    atomic_store(&frame->tcs->is_busy, false);
}

int model_enter(struct enclave *enclave, struct enclave_registers *registers, enum sgx_leaf leaf,
                struct enclave_run *run)
{
    struct model_thread *thread = model_thread_get(NULL);
    if (!thread)
        return -ENOMEM;
    struct model *outer = thread->model;
    thread->model = (struct model *)enclave;
    int result = enclave_cross(model_cross, registers, leaf, run);
    thread->model = outer;
    if (atomic_load(&thread->pending)) /* by EEXIT that made no signal */
        model_deliver(thread, false);
    return result;
}

/* --- coming out ------------------------------------------------------------------------------- */

static void go_outside(struct model_thread *thread)
{
    thread->next_fs = thread->host_fs;
    thread->next_gs = thread->host_gs;
    thread->next_selector = 0;
}

static void save_registers(const greg_t *from, const struct model_thread *thread,
                           struct sgx_gprs *to)
{
    *to = (struct sgx_gprs){
        .rax = (uint64_t)from[REG_RAX],
        .rcx = (uint64_t)from[REG_RCX],
        .rdx = (uint64_t)from[REG_RDX],
        .rbx = (uint64_t)from[REG_RBX],
        .rsp = (uint64_t)from[REG_RSP],
        .rbp = (uint64_t)from[REG_RBP],
        .rsi = (uint64_t)from[REG_RSI],
        .rdi = (uint64_t)from[REG_RDI],
        .r8 = (uint64_t)from[REG_R8],
        .r9 = (uint64_t)from[REG_R9],
        .r10 = (uint64_t)from[REG_R10],
        .r11 = (uint64_t)from[REG_R11],
        .r12 = (uint64_t)from[REG_R12],
        .r13 = (uint64_t)from[REG_R13],
        .r14 = (uint64_t)from[REG_R14],
        .r15 = (uint64_t)from[REG_R15],
        .rflags = (uint64_t)from[REG_EFL],
        .rip = (uint64_t)from[REG_RIP],
        .host_rsp = (uintptr_t)thread->frame,
        .host_rbp = thread->frame->host_rbp,
        .fs_base = thread->next_fs,
        .gs_base = thread->next_gs,
    };
}

/* The signal frame's area is XSAVE's standard format, and becomes the initial state. */
static void take_vectors(const struct model *model, uint8_t *area, uint8_t *to)
{
    uint64_t components;
    const uint32_t mxcsr = MXCSR_INITIAL;
    const uint16_t control = FCW_INITIAL;
    memcpy(&components, area + XSTATE_BV_AT, sizeof components);
    memcpy(to, area, model->xsave_size);
    uint64_t kept = components & model->secs.attributes.xfrm;
    memset(to + XSTATE_BV_AT, 0, XSAVE_HEAD - XSTATE_BV_AT);
    memcpy(to + XSTATE_BV_AT, &kept, sizeof kept);
    memset(to + 416, 0, XSTATE_BV_AT - 416); /* the kernel's words in the legacy region */
    components &= XSTATE_PKRU;
    memcpy(area + XSTATE_BV_AT, &components, sizeof components);
    memcpy(area + MXCSR_AT, &mxcsr, sizeof mxcsr);
    memcpy(area, &control, sizeof control);
}

/* Table 38-11: which exceptions the SSA tells of. */
static void tell_inside(const struct model *model, const struct model_fault *fault,
                        struct sgx_gprs *gprs)
{
    const uint32_t always = 1U << MODEL_DE | 1U << MODEL_DB | 1U << MODEL_BP | 1U << MODEL_UD |
                            1U << MODEL_MF | 1U << MODEL_AC | 1U << MODEL_XM;
    const uint32_t more = 1U << MODEL_GP | 1U << MODEL_PF;
    bool has_more = (model->secs.miscselect & SGX_MISC_EXINFO) != 0;
    if (!(1U << fault->vector & (has_more ? always | more : always)))
        return;
    gprs->exit_info = SGX_EXIT_VALID | fault->vector |
                      (fault->vector == MODEL_BP ? SGX_EXIT_SOFTWARE : SGX_EXIT_HARDWARE);
    if (1U << fault->vector & more) {
        struct sgx_exinfo *info = (struct sgx_exinfo *)gprs - 1;
        *info = (struct sgx_exinfo){.address = fault->address, .error_code = fault->code};
    }
}

/* The synthetic state (section 40.3.1), as the kernel's vDSO goes on from it. */
static void scrub(greg_t *gregs, const struct model_thread *thread, uint64_t rip)
{
    static const int zeroed[] = {REG_RDX, REG_RSI, REG_RDI, REG_R8,  REG_R9, REG_R10,
                                 REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (size_t i = 0; i < sizeof zeroed / sizeof *zeroed; i++)
        gregs[zeroed[i]] = 0;
    gregs[REG_RAX] = SGX_ERESUME;
    uint64_t tcs = thread->model->enclave.base + thread->frame->tcs->offset;
    gregs[REG_RBX] = (greg_t)tcs;
    gregs[REG_RCX] = (greg_t)(uintptr_t)model_aep;
    gregs[REG_RSP] = (greg_t)(uintptr_t)thread->frame;
    gregs[REG_RBP] = (greg_t)thread->frame->host_rbp;
    gregs[REG_EFL] = FLAGS_FIXED;
    gregs[REG_RIP] = (greg_t)rip;
}

/* An asynchronous exit; `fault` NULL for an interrupt. */
static void leave_async(struct model_thread *thread, ucontext_t *context,
                        const struct model_fault *fault)
{
    struct model *model = thread->model;
    struct model_tcs *tcs = thread->frame->tcs;
    greg_t *gregs = context->uc_mcontext.gregs;
    uint64_t ssa = ssa_frame(model, tcs, tcs->current_ssa);
    if (ssa == 0)
        abort(); /* the processor shuts down: the frame went away while a thread was inside */
    struct sgx_gprs *gprs = gprs_of(model, ssa);
    save_registers(gregs, thread, gprs);
    take_vectors(model, (uint8_t *)context->uc_mcontext.fpregs, at(ssa));
    if (fault)
        tell_inside(model, fault, gprs);
    if (fault && fault->vector == MODEL_PF)
        thread->awaited = fault->address & ~(uint64_t)(SGX_PAGE_SIZE - 1);
    tcs->current_ssa++;
    go_outside(thread);
    scrub(gregs, thread, (uintptr_t)(fault ? model_faulted : model_aep));
    if (fault) { /* what the kernel tells: of an address in an enclave, the page */
        gregs[REG_RDI] = fault->vector;
        gregs[REG_RSI] = (greg_t)fault->code;
        gregs[REG_RDX] = (greg_t)(fault->address & ~(uint64_t)(SGX_PAGE_SIZE - 1));
    }
    atomic_store(&tcs->is_busy, false);
}

static void leave(struct model_thread *thread, greg_t *gregs)
{
    go_outside(thread);
    gregs[REG_RIP] = gregs[REG_RBX];
    gregs[REG_RCX] = (greg_t)(uintptr_t)model_aep;
    atomic_store(&thread->frame->tcs->is_busy, false);
}

/* --- ENCLU, and what else traps inside -------------------------------------------------------- */

static bool is_enclu(struct model *model, uint64_t rip)
{
    static const uint8_t enclu[] = {0x0F, 0x01, 0xD7};
    return model_allows(model, rip, sizeof enclu, SGX_READ | SGX_EXECUTE) &&
           memcmp(at(rip), enclu, sizeof enclu) == 0;
}

static void finish_leaf(greg_t *gregs, uint32_t status)
{
    const greg_t arithmetic = 0x8D5;
    const greg_t zero = 0x40;
    uint32_t leaf = (uint32_t)gregs[REG_RAX];
    gregs[REG_RIP] += 3;
    gregs[REG_RAX] = status;
    if (leaf != SGX_EREPORT && leaf != SGX_EMODPE)
        gregs[REG_EFL] = (gregs[REG_EFL] & ~arithmetic) | (status ? zero : 0);
}

static void find_fault(int number, ucontext_t *context, struct model_fault *fault)
{
    greg_t *gregs = context->uc_mcontext.gregs;
    *fault = (struct model_fault){.vector = (uint8_t)gregs[REG_TRAPNO]};
    if (number == SIGSYS) { /* Syscall User Dispatch: the instruction is behind */
        fault->vector = MODEL_UD;
        gregs[REG_RIP] -= 2;
    } else if (fault->vector == MODEL_PF) {
        fault->address = (uint64_t)gregs[REG_CR2];
        fault->code = (uint32_t)gregs[REG_ERR];
    } else if (model_is_cpuid(context)) {
        fault->vector = MODEL_UD;
    } else if (fault->vector == MODEL_GP) {
        fault->code = (uint32_t)gregs[REG_ERR];
    }
}

/* An access that the page allows and the memory did not give yet. */
static bool is_settled(int number, struct model_thread *thread, const struct model_fault *fault)
{
    uint64_t access = fault->code & FAULT_FETCH   ? SGX_EXECUTE
                      : fault->code & FAULT_WRITE ? SGX_WRITE
                                                  : SGX_READ;
    struct model *model = thread->model;
    if (number != SIGSEGV || fault->vector != MODEL_PF)
        return false;
    (void)pthread_mutex_lock(&model->lock);
    enum model_page_fault result = model_pages_fault(model, fault->address, access);
    (void)pthread_mutex_unlock(&model->lock);
    bool is_again = result == MODEL_FAULT_IS_OVER && thread->fault_address == fault->address;
    thread->fault_count = is_again ? thread->fault_count + 1 : 0;
    thread->fault_address = fault->address;
    /* Beyond that somebody has taken the memory away. */
    return result != MODEL_FAULT_REAL && thread->fault_count <= FAULTS_MAX;
}

static void trap_inside(int number, ucontext_t *context, struct model_thread *thread)
{
    greg_t *gregs = context->uc_mcontext.gregs;
    struct model *model = thread->model;
    struct model_fault fault;
    struct sgx_gprs registers;
    uint32_t status;
    enum model_direct_end end = model_direct_take(gregs);
    if (end == MODEL_DIRECT_INTERRUPTED) {
        leave_async(thread, context, NULL);
        return;
    }
    find_fault(number, context, &fault);
    if (is_settled(number, thread, &fault))
        return;
    if (end == MODEL_DIRECT_FAULT ||
        (number != SIGSYS && is_enclu(model, (uint64_t)gregs[REG_RIP]))) {
        if ((uint32_t)gregs[REG_RAX] == SGX_EEXIT) {
            leave(thread, gregs);
            return;
        }
        save_registers(gregs, thread, &registers);
        if (model_leaf(model, &registers, &status, &fault)) {
            finish_leaf(gregs, status);
            gregs[REG_RIP] += end == MODEL_DIRECT_FAULT ? MODEL_DIRECT_NOP : 0;
            return;
        }
    }
    leave_async(thread, context, &fault);
}

/* A signal while the frame becomes the processor's state. */
static void restart(struct model_thread *thread, greg_t *gregs)
{
    go_outside(thread);
    gregs[REG_RBX] = (greg_t)(uintptr_t)thread->frame;
    gregs[REG_RSP] = (greg_t)(uintptr_t)thread->frame;
    gregs[REG_RIP] = (greg_t)(uintptr_t)model_undo;
    gregs[REG_EFL] = FLAGS_FIXED;
}

void model_signal(int number, siginfo_t *info, void *context, struct model_thread *thread)
{
    ucontext_t *state = context;
    greg_t *gregs = state->uc_mcontext.gregs;
    bool is_switching = in_range(model_switch_begin, model_switch_end, (uint64_t)gregs[REG_RIP]);
    bool is_inside = thread && thread->old_selector != 0 && !is_switching;
    if (model_has_handler(number) && thread && thread->is_direct) { /* it is made at the end */
        atomic_fetch_or(&thread->pending, 1ULL << (number - 1));
        return;
    }
    if (model_has_handler(number) && thread && (is_inside || is_switching)) {
        atomic_fetch_or(&thread->pending, 1ULL << (number - 1));
        if (is_switching)
            restart(thread, gregs);
        else
            leave_async(thread, state, NULL);
    } else if (is_inside && info->si_code > 0) {
        trap_inside(number, state, thread);
    } else if (!model_host_cpuid(number, info, state)) {
        model_signal_host(number, info, context);
    }
}
