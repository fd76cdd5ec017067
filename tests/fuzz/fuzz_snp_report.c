/* A report: what is read of it is what is written again, but for what is reserved. */
#include "fuzz.h"

#include "evidence/snp_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snp_report report;
    uint8_t again[SNP_REPORT_SIZE];
    struct span bytes = span_of(data, size);
    if (snp_report_parse(bytes, &report, NULL) < 0)
        return 0;
    snp_report_write(&report, again);
    bool reserved_is_zero = snp_report_check_reserved(bytes, &report, NULL) == 0;
    fuzz_require(span_equal(bytes, span_of(again, sizeof again)) == reserved_is_zero);
    return 0;
}
