/* aesmd's answer: what is taken from it lies inside. */
#include "fuzz.h"

#include "enclave/aesm_message.h"

static void require_inside(struct span part, const uint8_t *data, size_t size)
{
    if (part.size > 0)
        fuzz_require(part.data >= data && part.size <= size &&
                     (size_t)(part.data - data) <= size - part.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = AESM_INIT_QUOTE; kind <= AESM_QUOTE; kind++) {
        struct aesm_answer answer;
        if (aesm_read_answer(span_of(data, size), (enum aesm_kind)kind, &answer, NULL) < 0)
            continue;
        require_inside(answer.target, data, size);
        require_inside(answer.quote, data, size);
        fuzz_require(answer.status != 0 || kind != AESM_INIT_QUOTE ||
                     answer.target.size == sizeof(struct sgx_targetinfo));
        fuzz_require(aesm_status_text(answer.status) != NULL);
    }
    return 0;
}
