#include "enclave/inside/enclave.h"

/* ENCLU, by its bytes: not every assembler knows it. The NOP behind it says to a model of SGX that
 * it may put a call of its own in the place of both (docs/sgx.md, "The model"): these functions are
 * called on the enclave's stack, below which nothing lies. */
#define ENCLU ".byte 0x0f, 0x01, 0xd7, 0x66, 0x90"

void enclu_report(const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORT_DATA_SIZE],
                  struct sgx_report *out)
{
    uint64_t leaf = SGX_EREPORT;
    __asm__ volatile(ENCLU : "+a"(leaf) : "b"(target), "c"(data), "d"(out) : "memory", "cc");
}

uint32_t enclu_key(const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    uint64_t leaf = SGX_EGETKEY;
    __asm__ volatile(ENCLU : "+a"(leaf) : "b"(request), "c"(out) : "memory", "cc");
    return (uint32_t)leaf;
}

uint32_t enclu_accept(const struct sgx_secinfo *info, uintptr_t page)
{
    uint64_t leaf = SGX_EACCEPT;
    __asm__ volatile(ENCLU : "+a"(leaf) : "b"(info), "c"(page) : "memory", "cc");
    return (uint32_t)leaf;
}

uint32_t enclu_accept_copy(const struct sgx_secinfo *info, uintptr_t page, uintptr_t from)
{
    uint64_t leaf = SGX_EACCEPTCOPY;
    __asm__ volatile(ENCLU : "+a"(leaf) : "b"(info), "c"(page), "d"(from) : "memory", "cc");
    return (uint32_t)leaf;
}

void enclu_extend(const struct sgx_secinfo *info, uintptr_t page)
{
    uint64_t leaf = SGX_EMODPE;
    __asm__ volatile(ENCLU : "+a"(leaf) : "b"(info), "c"(page) : "memory", "cc");
}
