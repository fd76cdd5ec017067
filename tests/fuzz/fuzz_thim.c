/* The host's certificates as JSON: what is read is three certificates of bounded size, or nothing.
 */
#include "fuzz.h"

#include "crypto/certificate.h"
#include "evidence/thim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    THIM_AUTO thim;
    thim_init(&thim);
    if (thim_parse(span_of(data, size), &thim, NULL) < 0)
        return 0;
    for (int i = 0; i < THIM_CERTIFICATES; i++)
        fuzz_require(thim.certificates[i].size <= CERTIFICATE_DER_MAX);
    return 0;
}
