/* Reports and tables of certificates, as a host hands them to its guest: what is written is JSON,
 * which the reader here takes with integers of 63 bits. */
#include "fuzz.h"

#include "agent/report_json.h"
#include "evidence/snp_report.h"
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.size = REPORT_JSON_MAX, .depth = 8};
    size_t report = size < SNP_REPORT_SIZE ? size : SNP_REPORT_SIZE;
    BUF_AUTO text = BUF_WITH_LIMIT(REPORT_JSON_MAX);
    if (report_json_append(span_of(data, report), span_of(data + report, size - report), &text,
                           NULL) < 0)
        return 0;
    struct snp_report parsed;
    fuzz_require(snp_report_parse(span_of(data, report), &parsed, NULL) == 0);
    if ((parsed.policy | parsed.platform_info | parsed.launch_mit_vector |
         parsed.current_mit_vector) > INT64_MAX)
        return 0;
    json_auto_t *object = json_parse_object(buf_span(&text), &limits, NULL);
    fuzz_require(object && json_object_size(object) == 2);
    return 0;
}
