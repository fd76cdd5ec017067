/* The certificates that a host gives with a report, and runtime data: what is read lies within the
 * table, and what is accepted is what would be written. */
#include "fuzz.h"

#include "evidence/bundle.h"
#include "evidence/runtime_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct runtime_data read;
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    if (bundle_set_certificate_table(&bundle, bytes, NULL) == 0) {
        for (size_t i = 0; i < bundle.certificate_count; i++)
            fuzz_require(bundle.certificates[i].size <= size);
    }
    if (runtime_data_read(bytes, &read, NULL) == 0) {
        BUF_AUTO again = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
        fuzz_require(read.nonce_size > 0 && read.nonce_size <= sizeof read.nonce);
        fuzz_require(runtime_data_write(&read, &again, NULL) == 0);
        fuzz_require(span_equal(buf_span(&again), bytes));
    }
    return 0;
}
