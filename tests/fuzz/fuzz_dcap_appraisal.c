/* An appraisal file: what is read is within its bounds, and can be asked of each kind of report. */
#include "fuzz.h"

#include "evidence/dcap_appraise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t report[DCAP_TD15_SIZE];
    static struct dcap_appraisal appraisal;
    static struct checks checks;
    if (dcap_appraisal_parse(span_of(data, size), &appraisal, NULL) < 0)
        return 0;
    fuzz_require(!(appraisal.accepted_statuses & (1U << TCB_REVOKED | 1U << TCB_UNKNOWN)));
    fuzz_require(appraisal.out_of_date_grace_days <= DCAP_GRACE_DAYS_MAX);
    for (unsigned body = DCAP_BODY_SGX; body <= DCAP_BODY_TD15; body++) {
        const struct dcap_quote quote = {.body = body,
                                         .report = span_of(report, dcap_body_size(body))};
        checks_init(&checks);
        dcap_appraise(&quote, &appraisal, &checks);
        checks_complete(&checks);
        fuzz_require(!checks.overflow);
        fuzz_require(checks_verdict(&checks) == VERDICT_REFUSED); /* neither INIT nor x87 is set */
    }
    return 0;
}
