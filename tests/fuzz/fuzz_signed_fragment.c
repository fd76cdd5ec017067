/* Signed fragments: what is read names its issuer and feed; nothing that a fuzzer makes is signed.
 */
#include "fuzz.h"

#include <string.h>

#include "evidence/signed_fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cose_sign1 message;
    struct signed_fragment fragment;
    struct error err = {0};
    if (signed_fragment_read(span_of(data, size), &message, &fragment, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE);
        return 0;
    }
    fuzz_require(fragment.issuer.size > 0 && fragment.feed.size > 0);
    fuzz_require(!memchr(fragment.issuer.data, '\0', fragment.issuer.size));
    fuzz_require(!memchr(fragment.feed.data, '\0', fragment.feed.size));
    fuzz_require(fragment.text.size == 0 || !memchr(fragment.text.data, '\0', fragment.text.size));
    (void)signed_fragment_verify(span_of(data, size), &fragment, &err);
    return 0;
}
