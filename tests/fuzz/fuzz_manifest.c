/* The guest's manifest: what is read can be measured or is refused, and is written as it was. */
#include "fuzz.h"

#include "measure/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MANIFEST_AUTO manifest = {0};
    MANIFEST_AUTO again = {0};
    MANIFEST_MEASUREMENTS_AUTO list = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(16 * MANIFEST_SIZE_MAX);
    if (manifest_parse(span_of(data, size), &manifest, NULL) < 0)
        return 0;
    (void)manifest_list(&manifest, MANIFEST_TEE_SNP, &list, NULL);
    fuzz_require(list.count <= MANIFEST_MEASUREMENTS_MAX);
    fuzz_require(manifest_write(&manifest, &text, NULL) == 0);
    if (text.size <= MANIFEST_SIZE_MAX)
        fuzz_require(manifest_parse(buf_span(&text), &again, NULL) == 0);
    return 0;
}
