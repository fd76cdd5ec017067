/* The SGX extension of a PCK certificate: what is accepted is no longer so with a byte less or one
 * more. */
#include "fuzz.h"

#include "base/buf.h"
#include "evidence/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pck pck;
    struct pck other;
    BUF_AUTO longer = BUF_WITH_LIMIT(size + 1);
    if (pck_parse(span_of(data, size), &pck, NULL) < 0)
        return 0;
    fuzz_require(pck.type <= PCK_SCALABLE_WITH_INTEGRITY);
    fuzz_require(pck_parse(span_of(data, size - 1), &other, NULL) < 0);
    fuzz_require(buf_append(&longer, span_of(data, size), NULL) == 0);
    fuzz_require(buf_append(&longer, span_of("", 1), NULL) == 0);
    fuzz_require(pck_parse(buf_span(&longer), &other, NULL) < 0);
    return 0;
}
