#include "cli/snp_claims.h"

#include <stdio.h>

#include "base/hex.h"

static bool add_hex(json_t *object, const char *key, struct span bytes)
{
    char text[2 * 64 + 1];
    hex_encode(bytes, text);
    return json_object_set_new(object, key, json_string(text)) == 0;
}

static json_t *json_of_numbers(const struct snp_report *report)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I}", "version",
        (json_int_t)report->version, "guest_svn", (json_int_t)report->guest_svn, "vmpl",
        (json_int_t)report->vmpl, "cpuid_family", (json_int_t)report->cpuid_family, "cpuid_model",
        (json_int_t)report->cpuid_model, "cpuid_stepping", (json_int_t)report->cpuid_stepping,
        "signing_key", snp_report_signing_key(report) == SNP_SIGNING_VLEK ? "VLEK" : "VCEK",
        "firmware_major", (json_int_t)report->committed.major, "firmware_minor",
        (json_int_t)report->committed.minor, "firmware_build", (json_int_t)report->committed.build);
}

/* 64-bit words are hexadecimal text: JSON's numbers do not hold them everywhere. */
static bool add_words(json_t *object, const struct snp_report *report)
{
    const struct {
        const char *key;
        uint64_t value;
    } words[] = {
        {"policy", report->policy},
        {"platform_info", report->platform_info},
        {"launch_mit_vector", report->launch_mit_vector},
        {"current_mit_vector", report->current_mit_vector},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)words[i].value);
        if (json_object_set_new(object, words[i].key, json_string(text)) < 0)
            return false;
    }
    return true;
}

#define ADD_HEX(member) add_hex(object, #member, span_of(report->member, sizeof report->member))

static json_t *json_of_report(const struct snp_report *report)
{
    json_t *object = json_of_numbers(report);
    if (object && add_words(object, report) && ADD_HEX(family_id) && ADD_HEX(image_id) &&
        ADD_HEX(report_data) && ADD_HEX(measurement) && ADD_HEX(host_data) &&
        ADD_HEX(id_key_digest) && ADD_HEX(author_key_digest) && ADD_HEX(report_id) &&
        ADD_HEX(report_id_ma) && ADD_HEX(chip_id) && ADD_HEX(current_tcb) &&
        ADD_HEX(reported_tcb) && ADD_HEX(committed_tcb) && ADD_HEX(launch_tcb))
        return object;
    json_decref(object);
    return NULL;
}

json_t *snp_claims_json(const struct snp_result *result)
{
    const struct snp_report *report = &result->report;
    return json_pack("{s:s?, s:o}", "product", result->product, "report",
                     report->version ? json_of_report(report) : json_null());
}
