/* An appraisal file: what is read is within its bounds, and can be asked of a report. */
#include "fuzz.h"

#include "evidence/snp_appraisal_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct snp_report report = {.version = 5};
    static struct checks checks;
    SNP_APPRAISAL_FILE_AUTO file;
    if (snp_appraisal_file_parse(span_of(data, size), &file, NULL) < 0)
        return 0;
    fuzz_require(file.appraisal.vmpl_max <= 3);
    fuzz_require((file.appraisal.policy.required & file.appraisal.policy.forbidden) == 0);
    fuzz_require((file.appraisal.policy.required & SNP_POLICY_RESERVED) == 0);
    checks_init(&checks);
    snp_appraise(&report, snp_product_by_name(span_of_text("Turin")), &file.appraisal, &checks);
    checks_complete(&checks);
    fuzz_require(!checks.overflow);
    fuzz_require(checks_verdict(&checks) == VERDICT_REFUSED); /* its policy has not even bit 17 */
    return 0;
}
