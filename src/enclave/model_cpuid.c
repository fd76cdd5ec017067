/*
 * CPUID inside an enclave of the model is #UD where the processor can let it trap ("CPUID
 * faulting", arch_prctl(2) with ARCH_CPUID); elsewhere it runs. The kernel's switch is a thread's:
 * it is off from the thread's set-up on, and the host's own CPUID are carried out for it.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "enclave/model_thread.h"

#define CPUID_SIZE 2

void model_cpuid_traps(bool traps)
{
    (void)syscall(SYS_arch_prctl, ARCH_SET_CPUID, traps ? 0UL : 1UL); /* or it runs */
}

bool model_is_cpuid(const ucontext_t *context)
{
    const greg_t *gregs = context->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)gregs[REG_RIP]; /* NOLINT: has just been executed */
    return gregs[REG_TRAPNO] == MODEL_GP && gregs[REG_ERR] == 0 && code[0] == 0x0F &&
           code[1] == 0xA2;
}

bool model_host_cpuid(int number, const siginfo_t *info, ucontext_t *context)
{
    greg_t *gregs = context->uc_mcontext.gregs;
    uint32_t words[4];
    if (number != SIGSEGV || info->si_code <= 0 || !model_is_cpuid(context))
        return false;
    model_cpuid_traps(false);
    __cpuid_count((uint32_t)gregs[REG_RAX], (uint32_t)gregs[REG_RCX], words[0], words[1], words[2],
                  words[3]);
    model_cpuid_traps(true);
    gregs[REG_RAX] = words[0];
    gregs[REG_RBX] = words[1];
    gregs[REG_RCX] = words[2];
    gregs[REG_RDX] = words[3];
    gregs[REG_RIP] += CPUID_SIZE;
    return true;
}
