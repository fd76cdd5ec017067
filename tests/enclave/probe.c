/*
 * The smallest enclave that shows everything: it is entered, asks the host, has reports and keys
 * made, takes exceptions, and runs two threads. What to do comes with the first argument; tests
 * drive it.
 */
#include "probe.h"

#include "enclave/inside/enclave.h"

ENCLAVE_NOTE(2, 2, 0x4000, 0x8000);

/* Written by the exception handler, read by the program that it interrupted. */
static struct {
    uint32_t exit_info;
    uint64_t address;
    uint32_t error_code;
    uint32_t count;
} seen[2];

/* A pointer in data: right only after relocation. */
static const char *const volatile greeting[] = {"inside"};

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    uint64_t thread = enclave_this_thread()->index;
    seen[thread].exit_info = state->exit_info;
    seen[thread].address = fault->address;
    seen[thread].error_code = fault->error_code;
    seen[thread].count++;
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
