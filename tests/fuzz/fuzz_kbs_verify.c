/* Evidence of the key broker's clients, taken for a report and for a quote: what a fuzzer makes is
 * refused with a reason, and has no claims. */
#include "fuzz.h"

#include "format/json.h"
#include "service/kbs_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = (size_t)1 << 20, .depth = KBS_DEPTH_MAX};
    static struct maa_trust trust = {.time = INT64_C(1780272000)};
    static struct maa_result result;
    struct snp_report report;
    json_auto_t *evidence = json_parse_object(span_of(data, size), &limits, NULL);
    if (!trust.chains) {
        trust.chains = snp_chains_new(NULL, 0, NULL);
        trust.collaterals = collaterals_open(NULL, NULL, 0, NULL);
        trust.files = snp_files_open(NULL, NULL);
    }
    if (!evidence)
        return 0;
    const struct kbs_attestation attestation = {.evidence = evidence};
    struct error snp = {0}, tdx = {0};
    fuzz_require(kbs_verify_snp(&attestation, &trust, &result, &report, &snp) < 0);
    fuzz_require(!result.claims && snp.text[0]);
    fuzz_require(kbs_verify_tdx(&attestation, &trust, &result, &tdx) < 0);
    fuzz_require(!result.claims && tdx.text[0]);
    return 0;
}
