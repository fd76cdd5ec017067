/* An enclave with the gate of policies: it decides the host's calls by the very code that the
 * utility VM decides them by. For tests. */
#include "gate.h"

#include <stdlib.h>

#include "../policy_sequence.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/gate/libc.h"

ENCLAVE_NOTE(1, 1, 2, 0x40000, 0x1000000);

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    (void)state;
    (void)fault;
    return false;
}

static bool take(uint64_t from, uint64_t size, struct buf *out)
{
    return size <= GATE_TEXT_MAX && enclave_is_outside(from, size) &&
           buf_append(out, span_of((const void *)from, size), NULL) == 0;
}

/* Arguments: policy, calls, sizes of both (u32 each), where the answers go. */
uint64_t enclave_main(const uint64_t arguments[4])
{
    struct error err = {0};
    struct buf policy = BUF_WITH_LIMIT(GATE_TEXT_MAX);
    struct buf pairs = BUF_WITH_LIMIT(GATE_TEXT_MAX);
    struct buf answers = BUF_WITH_LIMIT(GATE_ANSWER_MAX);
    const struct enclave_thread *thread = enclave_this_thread();
    uint64_t out = arguments[3];
    libc_begin((void *)(enclave_base() + thread->heap), thread->heap_size);
    if (!take(arguments[0], arguments[2] & UINT32_MAX, &policy) ||
        !take(arguments[1], arguments[2] >> 32, &pairs) ||
        !enclave_is_outside(out, GATE_ANSWER_MAX))
        return GATE_REFUSED;
    if (policy_sequence_play(buf_span(&policy), buf_span(&pairs), &answers, &err) < 0) {
        memcpy((void *)out, err.text, sizeof err.text);
        return GATE_REFUSED;
    }
    memcpy((void *)out, answers.data, answers.size);
    return answers.size;
}
