/* SEV-SNP evidence as the key broker's clients send it: what is read is a report, with its reserved
 * bytes zero. */
#include "fuzz.h"

#include "format/json.h"
#include "service/kbs_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = (size_t)1 << 20, .depth = 16};
    json_auto_t *object = json_parse_object(span_of(data, size), &limits, NULL);
    struct kbs_snp_evidence evidence;
    struct snp_report report;
    if (!object)
        return 0;
    if (kbs_snp_evidence_read(object, &evidence, NULL) == 0) {
        struct span bytes = span_of(evidence.report, sizeof evidence.report);
        fuzz_require(snp_report_parse(bytes, &report, NULL) == 0);
        fuzz_require(snp_report_check_reserved(bytes, &report, NULL) == 0);
    }
    kbs_snp_evidence_fini(&evidence);
    return 0;
}
