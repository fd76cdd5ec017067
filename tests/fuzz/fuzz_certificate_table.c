/* The certificates that a host gives with a report, and runtime data: what is read lies within the
 * table, and what is accepted is what would be written. */
#include "fuzz.h"

#include "evidence/bundle.h"
#include "evidence/runtime_statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    RUNTIME_STATEMENT_AUTO read;
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    if (bundle_set_certificate_table(&bundle, bytes, NULL) == 0) {
        for (size_t i = 0; i < bundle.certificate_count; i++)
            fuzz_require(bundle.certificates[i].size <= size);
    }
    if (runtime_statement_read(bytes, &read, NULL) == 0) {
        BUF_AUTO again = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
        fuzz_require(read.data.nonce_size > 0 && read.data.nonce_size <= RUNTIME_DATA_NONCE_MAX);
        fuzz_require(runtime_data_write(&read.data, &again, NULL) == 0);
        fuzz_require(span_equal(buf_span(&again), bytes));
    }
    return 0;
}
