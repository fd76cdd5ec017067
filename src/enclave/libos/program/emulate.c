#include "enclave/libos/program/emulate.h"

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/cpuid.h"
#include "enclave/libos/program/memory.h"

/* In a report's body (Intel SDM volume 3D, table 38-19). */
#define MISCSELECT_AT 16
#define XFRM_AT       56

#define CPUID_SIZE 2

/* What the enclave was made with, by its own report. */
static void read_report(uint64_t *xfrm, uint32_t *miscselect)
{
    struct sgx_targetinfo nobody = {.attributes = {.flags = 0}};
    static const uint8_t no_data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    struct sgx_report report;
    enclu_report(&nobody, no_data, &report);
    __builtin_memcpy(xfrm, report.body + XFRM_AT, sizeof *xfrm);
    __builtin_memcpy(miscselect, report.body + MISCSELECT_AT, sizeof *miscselect);
}

int emulate_begin(void)
{
    struct door_cpuid answers[CPUID_ASKED];
    uint64_t xfrm;
    uint32_t miscselect;
    __builtin_memcpy(answers, cpuid_asked, sizeof answers);
    int result = door_cpuid(answers, CPUID_ASKED);
    if (result < 0)
        return result;
    read_report(&xfrm, &miscselect);
    cpuid_begin(answers, xfrm);
    if (miscselect & SGX_MISC_EXINFO)
        memory_be_lazy();
    return 0;
}

bool emulate_instruction(struct sgx_gprs *state)
{
    const uint8_t *code = (const uint8_t *)state->rip; /* NOLINT: checked before it is read */
    struct door_cpuid answer;
    if (!memory_is_there(state->rip, CPUID_SIZE, MEMORY_READ | MEMORY_EXECUTE) || code[0] != 0x0F ||
        code[1] != 0xA2)
        return false;
    cpuid_answer((uint32_t)state->rax, (uint32_t)state->rcx, &answer);
    state->rax = answer.words[0];
    state->rbx = answer.words[1];
    state->rcx = answer.words[2];
    state->rdx = answer.words[3];
    state->rip += CPUID_SIZE;
    return true;
}
