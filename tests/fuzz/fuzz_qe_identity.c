/* The identity of a quoting enclave: what is read is within its bounds. */
#include "fuzz.h"

#include "evidence/qe_identity.h"

static void check(const struct qe_identity *identity)
{
    const struct isvsvn_levels *levels = &identity->levels;
    fuzz_require(levels->count > 0 && levels->count <= TCB_LEVELS_MAX);
    fuzz_require(isvsvn_levels_find(levels, UINT16_MAX) == &levels->items[0].verdict);
    for (size_t i = 0; i < levels->count; i++) {
        const struct tcb_verdict *verdict = &levels->items[i].verdict;
        fuzz_require(verdict->status != TCB_UNKNOWN && verdict->status < TCB_STATUS_COUNT);
        fuzz_require(json_array_size(verdict->advisories) <= TCB_ADVISORIES_MAX);
        fuzz_require(isvsvn_levels_find(levels, levels->items[i].isvsvn) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qe_identity identity;
    if (qe_identity_parse(span_of(data, size), &identity, NULL) == 0)
        check(&identity);
    qe_identity_fini(&identity);
    return 0;
}
