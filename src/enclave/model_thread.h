/*
 * What a thread needs to be inside an enclave of the model, and the offsets by which model_switch.S
 * knows it.
 *
 * FS and GS are the enclave's while it runs, so that a signal handler finds no thread-local storage
 * of libc's. It finds this block below its own stack (sigaltstack), whose size says that it is
 * ours, and puts FS back before any C runs.
 */
#ifndef CAISSON_ENCLAVE_MODEL_THREAD_H
#define CAISSON_ENCLAVE_MODEL_THREAD_H

#define MODEL_THREAD_MAGIC     0
#define MODEL_THREAD_HOST_FS   8
#define MODEL_THREAD_HOST_GS   16
#define MODEL_THREAD_NEXT_FS   24
#define MODEL_THREAD_NEXT_GS   32
#define MODEL_THREAD_SELECTOR  40
#define MODEL_THREAD_OLD       41
#define MODEL_THREAD_NEXT      42
#define MODEL_THREAD_IS_DIRECT 43
#define MODEL_THREAD_PENDING   48
#define MODEL_THREAD_FRAME     64

/* Of struct model_tcs. */
#define MODEL_TCS_IS_BUSY 0

/* Of struct model_direct. */
#define MODEL_DIRECT_BASE    0
#define MODEL_DIRECT_SIZE    8
#define MODEL_DIRECT_THREADS 16

#define MODEL_STACK_SIZE  0x21000 /* no size that another would choose */
#define MODEL_STACK_ABOVE 0x2000  /* bytes from the block to its stack: the block, a guard */
#define MODEL_MAGIC       0x6D6F64656C534758

/* Of struct model_frame. */
#define MODEL_FRAME_RDI      64
#define MODEL_FRAME_RSI      72
#define MODEL_FRAME_RBP      80
#define MODEL_FRAME_RDX      96
#define MODEL_FRAME_R8       56
#define MODEL_FRAME_R9       48
#define MODEL_FRAME_RSP      144
#define MODEL_FRAME_FS       160
#define MODEL_FRAME_GS       168
#define MODEL_FRAME_XFRM     176 /* 0: the vector registers stay as they are */
#define MODEL_FRAME_THREAD   184
#define MODEL_FRAME_RUN      192
#define MODEL_FRAME_LEAF     200
#define MODEL_FRAME_HOST_RBP 208
#define MODEL_FRAME_TCS      216
#define MODEL_FRAME_FLAGS    224
#define MODEL_FRAME_HOST     232 /* R10 to R15 */
#define MODEL_FRAME_VECTORS  320
#define MODEL_FRAME_SIZE     4096

#ifndef __ASSEMBLER__

#include <signal.h>
#include <stdatomic.h>
#include <ucontext.h>

#include "enclave/model_parts.h"

/* One crossing, on the host's stack: in the order in which registers are loaded. */
struct model_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t rip, cs, rflags, rsp, ss;
    uint64_t fs, gs;
    uint64_t xfrm;
    struct model_thread *thread;
    struct enclave_run *run;
    uint64_t leaf;
    uint64_t host_rbp;
    struct model_tcs *tcs; /* by which this crossing is inside */
    /* What the host has where EENTER leaves it alone; other registers are the crossing's own. */
    uint64_t host_flags, host[6]; /* R10 to R15 */
    uint64_t padding[5];
    uint8_t vectors[MODEL_FRAME_SIZE - MODEL_FRAME_VECTORS];
} __attribute__((aligned(64)));
static_assert(offsetof(struct model_frame, rsp) == MODEL_FRAME_RSP, "model_switch.S");
static_assert(offsetof(struct model_frame, host_rbp) == MODEL_FRAME_HOST_RBP, "model_switch.S");
static_assert(offsetof(struct model_frame, tcs) == MODEL_FRAME_TCS, "model_direct.S");
static_assert(offsetof(struct model_frame, host_flags) == MODEL_FRAME_FLAGS, "model_switch.S");
static_assert(offsetof(struct model_frame, host) == MODEL_FRAME_HOST, "model_switch.S");
static_assert(offsetof(struct model_tcs, is_busy) == MODEL_TCS_IS_BUSY, "model_direct.S");
static_assert(offsetof(struct model_frame, vectors) == MODEL_FRAME_VECTORS, "model_switch.S");
static_assert(sizeof(struct model_frame) == MODEL_FRAME_SIZE, "model_switch.S");

struct model_thread {
    uint64_t magic;
    uint64_t host_fs, host_gs;
    uint64_t next_fs, next_gs; /* when the signal handler ends; at first: as it found them */
    uint8_t selector;          /* of Syscall User Dispatch: 1 while inside, 0 else */
    uint8_t old_selector;      /* when the signal came */
    uint8_t next_selector;     /* when the handler ends */
    bool is_direct;            /* a leaf is carried out (model_direct.S) */
    atomic_ullong pending;     /* a bit a signal, from number 1 on */
    struct model *model;       /* of the innermost crossing */
    struct model_frame *frame;
    uint64_t fault_address; /* of the last access that was made again, */
    unsigned fault_count;   /* and how many times for nothing that had been missing */
    uint64_t awaited;       /* the page whose fault it left by last, until it is accepted; or 0 */
};
static_assert(offsetof(struct model_thread, selector) == MODEL_THREAD_SELECTOR, "model_switch.S");
static_assert(offsetof(struct model_thread, pending) == MODEL_THREAD_PENDING, "model_switch.S");
static_assert(offsetof(struct model_thread, is_direct) == MODEL_THREAD_IS_DIRECT, "model_direct.S");
static_assert(offsetof(struct model_thread, frame) == MODEL_THREAD_FRAME, "model_direct.S");
static_assert(offsetof(struct model_direct, size) == MODEL_DIRECT_SIZE, "model_direct.S");
static_assert(offsetof(struct model_direct, threads) == MODEL_DIRECT_THREADS, "model_direct.S");

/* This thread's, made at the first use. */
struct model_thread *model_thread_get(struct error *err);

/* Installs a handler that knows of enclaves. */
int model_catch(int number, struct error *err);

/* model_switch.S */
extern const uint8_t model_cross[], model_aep[], model_exited[], model_faulted[];
extern const uint8_t model_switch_begin[], model_switch_end[], model_undo[];
extern const uint8_t model_restorer[], model_restorer_end[];
void model_signal_entry(int number, siginfo_t *info, void *context);

/* model_direct.S, and what its traps are: the registers are made those of the instruction, before
 * it (it faults) or behind it (an interrupt has come meanwhile). */
extern const uint8_t model_direct_entry[], model_direct_fault[], model_direct_interrupted[];
extern const uint8_t model_direct_exit[];
#define MODEL_DIRECT_NOP 2      /* bytes behind the instruction */
#define MODEL_ARITHMETIC 0x8D5U /* flags that a leaf changes */

/* The enclave's stack at the leaf. */
struct model_saved {
    uint64_t gs, fs;
    uint64_t rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t flags;
    uint64_t direct; /* struct model_direct */
    uint64_t behind; /* the instruction */
};

/* What model_direct.S calls: false where the leaf faults; before that, while the vector registers
 * are the enclave's, whether the leaf is done already (model_quick.c). */
bool model_direct_leaf(struct model_saved *saved, struct model_thread *thread);
bool model_direct_quick(struct model_saved *saved, struct model_thread *thread);
enum model_direct_end { MODEL_DIRECT_NONE, MODEL_DIRECT_FAULT, MODEL_DIRECT_INTERRUPTED };
enum model_direct_end model_direct_take(greg_t *gregs);

/* What model_switch.S calls. */
int model_prepare(struct model_frame *frame);
void model_unprepare(struct model_frame *frame);
void model_signal(int number, siginfo_t *info, void *context, struct model_thread *thread);

/* model_cpuid.c: whether CPUID traps in this thread, where the processor can do so; whether a
 * signal comes of it; and the host's own, carried out. */
void model_cpuid_traps(bool traps);
bool model_is_cpuid(const ucontext_t *context);
bool model_host_cpuid(int number, const siginfo_t *info, ucontext_t *context);

/* model_signal.c: the handler of a signal that came to code of the host's. */
void model_signal_host(int number, siginfo_t *info, void *context);
/* Runs the handlers of what is pending. */
void model_deliver(struct model_thread *thread, bool is_inside);
bool model_has_handler(int number);

#endif
#endif
