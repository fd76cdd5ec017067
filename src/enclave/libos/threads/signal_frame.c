#include "enclave/libos/threads/signal_frame.h"

#include <asm/errno.h>
#include <linux/signal.h>

#include <asm/sigcontext.h> /* after signal.h, whose types it takes */
#include <asm/ucontext.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/vectors.h"

#define RED_ZONE    128
#define INFO_SIZE   128 /* of siginfo */
#define INFO_WORDS  16  /* where the words begin in it */
#define USER_CS     0x33
#define USER_SS     0x2B
#define XSTATE_AT   512 /* XSAVE's header, in the standard format */
#define SOFTWARE_AT 464 /* where the kernel describes the area */
/* In the context's reserved words: the call that is made again, whose number follows. Who changes
 * it changes what the program does next, as with every register in the frame. */
#define AGAIN_MARK UINT64_C(0x6E69616761)

struct rt_frame {
    uint64_t restorer;
    struct ucontext context;
    uint8_t info[INFO_SIZE];
};
_Static_assert(sizeof(struct ucontext) == 304, "the kernel's, on x86-64");

/* --- vector registers ------------------------------------------------------------------------- */

static void save_vectors(uint8_t *area)
{
    const uint32_t magic_end = FP_XSTATE_MAGIC2;
    const struct _fpx_sw_bytes about = {.magic1 = FP_XSTATE_MAGIC1,
                                        .extended_size = PROGRAM_VECTORS_SIZE + sizeof magic_end,
                                        .xfeatures = vectors_enabled(),
                                        .xstate_size = PROGRAM_VECTORS_SIZE};
    memset(area, 0, PROGRAM_VECTORS_SIZE);
    program_save_vectors(area);
    memcpy(area + SOFTWARE_AT, &about, sizeof about);
    memcpy(area + PROGRAM_VECTORS_SIZE, &magic_end, sizeof magic_end);
}

/* XRSTOR refuses reserved bits, which the program may have set: they are taken away. */
static int load_vectors(uint64_t at)
{
    _Alignas(64) uint8_t area[PROGRAM_VECTORS_SIZE];
    const uint64_t without = VECTORS_X87_SSE;
    uint32_t magic;
    if (at == 0) {
        program_clean_vectors();
        return 0;
    }
    if (at % 64 != 0 || !memory_allows(at, sizeof area, MEMORY_READ))
        return -EFAULT;
    memcpy(area, (const void *)at, sizeof area);
    memcpy(&magic, area + SOFTWARE_AT, sizeof magic);
    if (magic != FP_XSTATE_MAGIC1) /* without a header there are x87 and SSE */
        memcpy(area + XSTATE_AT, &without, sizeof without);
    vectors_make_good(area, UINT64_MAX);
    program_load_vectors(area);
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

static bool is_on_stack(const struct signal_thread *signals, uint64_t rsp)
{
    return rsp > signals->stack && rsp - signals->stack <= signals->stack_size;
}

/* Where the frame's end is. */
static uint64_t find_top(const struct program_frame *frame, const struct signal_action *action)
{
    const struct signal_thread *signals = &thread_self()->signals;
    if (action->flags & SA_ONSTACK && signals->stack_size > 0 && !is_on_stack(signals, frame->rsp))
        return signals->stack + signals->stack_size;
    return frame->rsp - RED_ZONE;
}

static void put_registers(const struct program_frame *from, struct sigcontext *to)
{
    *to = (struct sigcontext){.r8 = from->r8,
                              .r9 = from->r9,
                              .r10 = from->r10,
                              .r11 = from->r11,
                              .r12 = from->r12,
                              .r13 = from->r13,
                              .r14 = from->r14,
                              .r15 = from->r15,
                              .rdi = from->rdi,
                              .rsi = from->rsi,
                              .rbp = from->rbp,
                              .rbx = from->rbx,
                              .rdx = from->rdx,
                              .rax = from->rax,
                              .rcx = from->rcx,
                              .rsp = from->rsp,
                              .rip = from->rip,
                              .eflags = from->is_whole ? from->flags : PROGRAM_FLAGS_FIXED,
                              .cs = USER_CS,
                              .ss = USER_SS};
}

static void put_context(const struct program_frame *frame, const struct thread_exception *fault,
                        uint64_t vectors, bool again, struct ucontext *out)
{
    struct signal_thread *signals = &thread_self()->signals;
    memset(out, 0, sizeof *out);
    out->uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    out->uc_stack = (stack_t){.ss_sp = (void *)signals->stack, /* NOLINT: a number */
                              .ss_flags = signals->stack_size > 0 ? 0 : SS_DISABLE,
                              .ss_size = signals->stack_size};
    put_registers(frame, &out->uc_mcontext);
    out->uc_mcontext.fpstate = (void *)vectors; /* NOLINT: a number */
    out->uc_mcontext.trapno = fault->vector;
    out->uc_mcontext.err = fault->code;
    out->uc_mcontext.cr2 = fault->address;
    if (again) {
        out->uc_mcontext.reserved1[0] = AGAIN_MARK;
        out->uc_mcontext.reserved1[1] = frame->number;
    }
    out->uc_sigmask = signals->has_before ? signals->before : signals->mask;
    signals->has_before = false;
}

static void go_to_handler(struct program_frame *frame, const struct signal_action *action,
                          int number, const struct rt_frame *at)
{
    struct signal_thread *signals = &thread_self()->signals;
    uint64_t own = action->flags & SA_NODEFER ? 0 : SIGNAL_BIT(number);
    signal_set_mask(thread_self(), signals->mask | action->mask | own);
    frame->rdi = (uint64_t)number;
    frame->rsi = (uintptr_t)at->info;
    frame->rdx = (uintptr_t)&at->context;
    frame->rax = 0;
    frame->rsp = (uintptr_t)at;
    frame->rip = action->handler;
    frame->flags = PROGRAM_FLAGS_FIXED;
    frame->is_whole = 1;
    frame->number = PROGRAM_NO_CALL;
}

int signal_frame_enter(struct program_frame *frame, const struct signal_info *info,
                       const struct thread_exception *fault, bool again)
{
    const struct signal_action action = *signal_action(info->number);
    uint64_t top = find_top(frame, &action);
    uint64_t vectors = (top - PROGRAM_VECTORS_SIZE - sizeof(uint32_t)) & ~UINT64_C(63);
    uint64_t place = ((vectors - sizeof(struct rt_frame)) & ~UINT64_C(15)) - 8;
    if (place > top || !memory_allows(place, top - place, MEMORY_READ | MEMORY_WRITE))
        return -EFAULT;
    struct rt_frame *at = (struct rt_frame *)place; /* NOLINT: checked */
    save_vectors((uint8_t *)vectors);               /* NOLINT: checked */
    program_clean_vectors();
    at->restorer = action.restorer;
    put_context(frame, fault, vectors, again, &at->context);
    memset(at->info, 0, sizeof at->info);
    memcpy(at->info, &info->number, sizeof info->number);
    memcpy(at->info + 8, &info->code, sizeof info->code);
    memcpy(at->info + INFO_WORDS, info->words, sizeof info->words);
    go_to_handler(frame, &action, info->number, at);
    return 0;
}

/* --- out -------------------------------------------------------------------------------------- */

static void take_registers(const struct sigcontext *from, struct program_frame *to)
{
    *to = (struct program_frame){.r8 = from->r8,
                                 .r9 = from->r9,
                                 .r10 = from->r10,
                                 .r11 = from->r11,
                                 .r12 = from->r12,
                                 .r13 = from->r13,
                                 .r14 = from->r14,
                                 .r15 = from->r15,
                                 .rdi = from->rdi,
                                 .rsi = from->rsi,
                                 .rbp = from->rbp,
                                 .rbx = from->rbx,
                                 .rdx = from->rdx,
                                 .rax = from->rax,
                                 .rcx = from->rcx,
                                 .rsp = from->rsp,
                                 .rip = from->rip,
                                 .flags = (from->eflags & PROGRAM_FLAGS_FREE) | PROGRAM_FLAGS_FIXED,
                                 .is_whole = 1,
                                 .number = PROGRAM_NO_CALL};
}

/* The handler's return has taken the restorer's address from the stack. */
int signal_frame_leave(struct program_frame *frame)
{
    struct thread *self = thread_self();
    struct ucontext context;
    if (!memory_allows(frame->rsp, sizeof context, MEMORY_READ))
        return -EFAULT;
    memcpy(&context, (const void *)frame->rsp, sizeof context); /* NOLINT: checked */
    int status = load_vectors((uintptr_t)context.uc_mcontext.fpstate);
    if (status < 0)
        return status;
    take_registers(&context.uc_mcontext, frame);
    signal_set_mask(self, context.uc_sigmask);
    self->signals.stack = (uintptr_t)context.uc_stack.ss_sp;
    self->signals.stack_size = context.uc_stack.ss_flags & SS_DISABLE ? 0
                                                                      : context.uc_stack.ss_size;
    if (context.uc_mcontext.reserved1[0] == AGAIN_MARK) {
        frame->number = context.uc_mcontext.reserved1[1];
        frame->rax = (uint64_t)-EINTR; /* as when it was interrupted */
    }
    return 0;
}
