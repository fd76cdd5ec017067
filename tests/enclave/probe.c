/*
 * The smallest enclave that shows everything: it is entered, asks the host, has reports and keys
 * made, takes exceptions, and runs two threads. What to do comes with the first argument; tests
 * drive it.
 */
#include "probe.h"

#include "enclave/inside/enclave.h"

ENCLAVE_NOTE(2, 2, 2, 0x4000, 0x8000);

/* Written by the exception handler, read by the program that it interrupted. */
static struct {
    uint32_t exit_info;
    uint64_t address;
    uint32_t error_code;
    uint32_t count;
    uint64_t flags;
} seen[2];

#define FLAG_DF 0x400
#define FLAG_AC 0x40000

/* Of direction, and for alignment. */
static uint64_t flags(void)
{
    uint64_t all;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tpop %0\n\tlea 128(%%rsp), %%rsp"
                     : "=r"(all)
                     :
                     : "memory");
    return all & (FLAG_DF | FLAG_AC);
}

/* A pointer in data: right only after relocation. */
static const char *const volatile greeting[] = {"inside"};

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    uint64_t thread = enclave_this_thread()->index;
    seen[thread].exit_info = state->exit_info;
    seen[thread].address = fault->address;
    seen[thread].error_code = fault->error_code;
    seen[thread].count++;
    seen[thread].flags = flags();
    if (state->r15 != PROBE_EXPECTED)
        return false;
    state->rip = state->r14; /* where the program wants to go on */
    state->rax = PROBE_RECOVERED;
    return true;
}

/* Each does what faults with R15 and R14 set as the handler wants them, and gives RAX. */
#define FAULT(instruction, inputs...)                                                              \
    ({                                                                                             \
        uint64_t result = 0;                                                                       \
        __asm__ volatile("lea 1f(%%rip), %%r14\n\tmov %[expected], %%r15\n\t" instruction "\n1:"   \
                         : "+a"(result)                                                            \
                         : [expected] "i"(PROBE_EXPECTED), ##inputs                                \
                         : "r14", "r15", "rcx", "rdx", "r11", "memory", "cc");                     \
        result;                                                                                    \
    })

static uint64_t fault(uint64_t kind, uint64_t value)
{
    switch (kind) {
    case PROBE_FAULT_UD:
        return FAULT("ud2");
    case PROBE_FAULT_SYSCALL: /* getpid, if the kernel answered */
        return FAULT("mov $39, %%eax\n\tsyscall");
    case PROBE_FAULT_PAGE:
        return FAULT("movq $1, (%[value])", [value] "r"(value));
    case PROBE_FAULT_GP:
        return FAULT("mov $1, %%eax\n\tshl $62, %%rax\n\tmov (%%rax), %%rax");
    case PROBE_FAULT_DIVIDE:
        return FAULT("xor %%edx, %%edx\n\tdiv %[value]", [value] "r"((uint64_t)0));
    case PROBE_FAULT_UNHANDLED:
        __asm__ volatile("xor %%r15d, %%r15d\n\tud2" ::: "r15");
        return 0;
    default:
        return 0;
    }
}

static void copy_out(uint64_t host, const void *from, uint64_t size)
{
    if (enclave_is_outside(host, size))
        __builtin_memcpy((void *)host, from, size);
}

static uint64_t report(uint64_t target, uint64_t data, uint64_t out)
{
    static struct sgx_targetinfo info[2];
    static struct sgx_report made[2];
    static uint8_t words[2][SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    uint64_t thread = enclave_this_thread()->index;
    if (!enclave_is_outside(target, sizeof *info) || !enclave_is_outside(data, sizeof *words))
        return PROBE_REFUSED;
    __builtin_memcpy(&info[thread], (const void *)target, sizeof *info);
    __builtin_memcpy(words[thread], (const void *)data, sizeof *words);
    enclu_report(&info[thread], words[thread], &made[thread]);
    copy_out(out, &made[thread], SGX_REPORT_SIZE);
    return 0;
}

static uint64_t key(uint64_t request, uint64_t out)
{
    static struct sgx_keyrequest wanted;
    static uint8_t made[SGX_KEY_SIZE] __attribute__((aligned(16)));
    if (!enclave_is_outside(request, sizeof wanted))
        return PROBE_REFUSED;
    __builtin_memcpy(&wanted, (const void *)request, sizeof wanted);
    __builtin_memset(made, 0, sizeof made);
    uint32_t status = enclu_key(&wanted, made);
    copy_out(out, made, sizeof made); /* a test's enclave: the key is no secret */
    return status;
}

static uint64_t accept_page(uint64_t flags, uint64_t page, uint64_t leaf)
{
    struct sgx_secinfo info = {.flags = flags};
    if (leaf == SGX_EMODPE)
        enclu_extend(&info, page);
    return leaf == SGX_EACCEPT ? enclu_accept(&info, page) : 0;
}

/* EMODPE, with a NOP behind it or without: registers stay as they are. True when they did. */
#define EXTEND(nop)                                                                                \
    __asm__ volatile("mov %[seed], %%r9\n\tmovq %[seed], %%xmm5\n\t.byte 0x0f, 0x01, 0xd7" nop     \
                     "\n\tmovq %%xmm5, %[vector]"                                                  \
                     : "+a"(leaf), [vector] "=r"(vector), "=r"(plain)                              \
                     : "b"(info), "c"(page), [seed] "r"(seed)                                      \
                     : "xmm5", "memory", "cc")

static bool extends(const struct sgx_secinfo *info, uint64_t page, uint64_t seed, bool traps)
{
    uint64_t leaf = SGX_EMODPE;
    uint64_t vector;
    register uint64_t plain __asm__("r9");
    if (traps)
        EXTEND("");
    else
        EXTEND(", 0x66, 0x90");
    return leaf == SGX_EMODPE && vector == seed && plain == seed;
}

static uint64_t leaves(uint64_t flag, bool traps)
{
    struct sgx_secinfo info = {.flags = SGX_REGULAR | SGX_READ};
    uint64_t page = enclave_base() + enclave_this_thread()->heap;
    uint64_t count = 0;
    ((volatile uint64_t *)flag)[1] = 1;
    do {
        if (!extends(&info, page, ~count, traps))
            return count + 1;
        count++;
    } while (*(volatile uint64_t *)flag == 0);
    return 0;
}

static uint64_t ask(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < a; i++)
        sum += door_call(PROBE_DOUBLE, i, b, sum);
    return sum;
}

/* Of pages that the file has no byte of. */
static volatile uint8_t nothing[3 * SGX_PAGE_SIZE];

static uint64_t zeros(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof nothing; i++)
        count += nothing[i] != 0;
    return count;
}

/* Two threads pass a number to and fro, which only both together can finish. */
static volatile uint64_t ball;

static uint64_t play(uint64_t rounds)
{
    uint64_t me = enclave_this_thread()->index;
    for (uint64_t i = 0; i < rounds; i++) {
        while (ball % 2 != me)
            __builtin_ia32_pause();
        ball++;
    }
    return me;
}

/* Vector registers that must survive what interrupts. */
static uint64_t spin(uint64_t flag)
{
    uint64_t result;
    ((volatile uint64_t *)flag)[1] = 1;
    __asm__ volatile("movq %[start], %%xmm7\n"
                     "1:\tpaddq %%xmm7, %%xmm7\n\tpsrlq $1, %%xmm7\n\tpause\n\t"
                     "cmpq $0, (%[flag])\n\tje 1b\n\tmovq %%xmm7, %[result]"
                     : [result] "=r"(result)
                     : [start] "r"((uint64_t)0x1234567890), [flag] "r"(flag)
                     : "xmm7", "memory", "cc");
    return result;
}

/* --- what is in the registers when a thread comes, and when it leaves ---------------------------
 */

static uint64_t vectors(void)
{
    uint64_t all[16] = {0}, sum = 0;
    __asm__ volatile("movq %%xmm0, (%0)\n\tmovq %%xmm1, 8(%0)\n\tmovq %%xmm2, 16(%0)\n\t"
                     "movq %%xmm3, 24(%0)\n\tmovq %%xmm4, 32(%0)\n\tmovq %%xmm5, 40(%0)\n\t"
                     "movq %%xmm6, 48(%0)\n\tmovq %%xmm7, 56(%0)\n\tmovq %%xmm8, 64(%0)\n\t"
                     "movq %%xmm9, 72(%0)\n\tmovq %%xmm10, 80(%0)\n\tmovq %%xmm11, 88(%0)\n\t"
                     "movq %%xmm12, 96(%0)\n\tmovq %%xmm13, 104(%0)\n\tmovq %%xmm14, 112(%0)\n\t"
                     "movq %%xmm15, 120(%0)"
                     :
                     : "r"(all)
                     : "memory");
    for (unsigned i = 0; i < 16; i++)
        sum |= all[i];
    return sum;
}

static uint64_t state(uint64_t what)
{
    struct {
        uint32_t control, status, tags, more[4];
    } x87;
    uint32_t mxcsr;
    if (what == PROBE_VECTORS)
        return vectors();
    if (what == PROBE_FLAGS)
        return flags();
    __asm__ volatile("stmxcsr %0\n\tfnstenv %1" : "=m"(mxcsr), "=m"(x87));
    return what == PROBE_MXCSR ? mxcsr
           : what == PROBE_FCW ? x87.control & 0xFFFF
                               : x87.tags & 0xFFFF;
}

static uint64_t leave(uint64_t asks)
{
    const uint64_t secret = PROBE_SPUN;
    const uint32_t mxcsr = 0x7F80;
    const uint16_t control = 0xF7F;
    __asm__ volatile("movq %0, %%xmm0\n\tmovq %0, %%xmm5\n\tmovq %0, %%xmm8\n\tmovq %0, %%xmm9\n\t"
                     "movq %0, %%xmm14\n\tmovq %0, %%xmm15\n\tldmxcsr %1\n\tfldcw %2\n\tfldpi"
                     :
                     : "r"(secret), "m"(mxcsr), "m"(control)
                     : "xmm0", "xmm5", "xmm8", "xmm9", "xmm14", "xmm15");
    if (!asks)
        return 0;
    uint64_t answer = door_call(PROBE_ANSWER, 0, 0, 0);
    return vectors() == 0 && state(PROBE_MXCSR) == mxcsr && state(PROBE_FCW) == control
               ? answer
               : PROBE_REFUSED;
}

static uint64_t keep(void)
{
    uint64_t answer, wrong;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\t"
                     "mov %[secret], %%r10\n\tmov %%r10, %%r11\n\tmov %%r10, %%rbx\n\t"
                     "mov %%r10, %%rbp\n\tmov %%r10, %%r12\n\tmov %%r10, %%r13\n\t"
                     "mov %%r10, %%r14\n\tmov %%r10, %%r15\n\tmov %%r10, %%rax\n\t"
                     "mov %%r10, %%r8\n\tmov %%r10, %%r9\n\t"
                     "mov %[number], %%edi\n\tmov %%edi, %%esi\n\txor %%edx, %%edx\n\t"
                     "xor %%ecx, %%ecx\n\tcall door_call\n\t"
                     "mov %[secret], %%r10\n\txor %%r10, %%rbx\n\txor %%r10, %%rbp\n\t"
                     "or %%rbp, %%rbx\n\txor %%r10, %%r12\n\tor %%r12, %%rbx\n\t"
                     "xor %%r10, %%r13\n\tor %%r13, %%rbx\n\txor %%r10, %%r14\n\t"
                     "or %%r14, %%rbx\n\txor %%r10, %%r15\n\tor %%r15, %%rbx\n\t"
                     "pop %%rbp\n\tlea 128(%%rsp), %%rsp"
                     : "=a"(answer), "=b"(wrong)
                     : [secret] "i"(PROBE_SPUN), [number] "i"(PROBE_ANSWER)
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc");
    return wrong == 0 && flags() == 0 ? answer : PROBE_REFUSED;
}

uint64_t enclave_main(const uint64_t arguments[4])
{
    uint64_t a = arguments[1];
    uint64_t b = arguments[2];
    uint64_t thread = enclave_this_thread()->index;
    switch (arguments[0]) {
    case PROBE_ADD:
        return a + b;
    case PROBE_GREETING:
        return (uint64_t)greeting[0][a % 6];
    case PROBE_ASK:
        return ask(a, b);
    case PROBE_REPORT:
        return report(a, b, arguments[3]);
    case PROBE_KEY:
        return key(a, b);
    case PROBE_FAULT:
        return fault(a, b);
    case PROBE_SEEN_EXIT:
        return seen[thread].exit_info;
    case PROBE_SEEN_ADDRESS:
        return seen[thread].address;
    case PROBE_SEEN_COUNT:
        return seen[thread].count;
    case PROBE_SEEN_FLAGS:
        return seen[thread].flags;
    case PROBE_KEEP:
        return keep();
    case PROBE_ZEROS:
        return zeros();
    case PROBE_STATE:
        return state(a);
    case PROBE_LEAVE:
        return leave(a);
    case PROBE_PLAY:
        return play(a);
    case PROBE_SPIN:
        return enclave_is_outside(a, 16) ? spin(a) : PROBE_REFUSED;
    case PROBE_ACCEPT:
        return accept_page(a, b, arguments[3]);
    case PROBE_BASE:
        return enclave_base();
    case PROBE_HEAP:
        return enclave_base() + enclave_this_thread()->heap;
    case PROBE_READ:
        return *(volatile uint64_t *)a;
    case PROBE_WRITE:
        *(volatile uint64_t *)a = b;
        return 0;
    case PROBE_RUN:
        return ((uint64_t(*)(void))a)();
    case PROBE_LEAVES:
        return enclave_is_outside(a, 16) ? leaves(a, b != 0) : PROBE_REFUSED;
    default:
        return PROBE_REFUSED;
    }
}
