/* An enclave that seals what the host gives it, and opens it again: for tests. */
#include "sealer.h"

#include <linux/errno.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/seal/seal_inside.h"

ENCLAVE_NOTE(1, 1, 2, 0x8000, 0);

#define SEALED_SIZE (SEAL_HEAD_SIZE + SEALER_PLAIN_SIZE)

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    (void)state;
    (void)fault;
    return false;
}

uint64_t enclave_main(const uint64_t arguments[4])
{
    static uint8_t plain[SEALER_PLAIN_SIZE];
    static uint8_t sealed[SEALED_SIZE];
    const struct span label = span_of(SEALER_LABEL, sizeof SEALER_LABEL - 1);
    bool makes = arguments[0] == SEALER_MAKE;
    const enum seal_to to = (enum seal_to)arguments[1];
    uint64_t from = arguments[2];
    uint64_t out = arguments[3];
    struct seal_processor processor;
    if (!enclave_is_outside(from, makes ? sizeof plain : sizeof sealed) ||
        !enclave_is_outside(out, makes ? sizeof sealed : sizeof plain))
        return (uint64_t)-EFAULT;
    seal_inside(&processor);
    __builtin_memcpy(makes ? plain : sealed, (const void *)from,
                     makes ? sizeof plain : sizeof sealed);
    int outcome = makes ? seal_make(&processor, to, label, span_of(plain, sizeof plain), sealed)
                        : seal_open(&processor, to, label, span_of(sealed, sizeof sealed), plain);
    if (outcome == 0)
        __builtin_memcpy((void *)out, makes ? sealed : plain, makes ? sizeof sealed : sizeof plain);
    return (uint64_t)(int64_t)outcome;
}
