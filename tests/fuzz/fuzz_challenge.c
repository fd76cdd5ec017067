/* WWW-Authenticate: what is accepted names a scheme, and a realm for Bearer. */
#include "fuzz.h"

#include "base/text.h"
#include "image/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TEXT_AUTO text = text_dup_span(span_of(data, size));
    struct challenge challenge;
    if (!text || challenge_parse(text, &challenge, NULL) < 0)
        return 0;
    fuzz_require(challenge.basic || challenge.bearer);
    fuzz_require(!challenge.bearer || challenge.realm[0]);
    fuzz_require(strnlen(challenge.realm, sizeof challenge.realm) < sizeof challenge.realm);
    fuzz_require(strpbrk(challenge.realm, "\r\n") == NULL);
    return 0;
}
