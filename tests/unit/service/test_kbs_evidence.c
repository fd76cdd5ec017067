/* A report in its JSON form becomes the bytes that were signed, whatever its version; and what is
 * not of that form is refused. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "service/kbs_evidence.h"

/* A report whose every field has bytes of its own. */
static void fill(uint32_t version, bool is_turin, struct snp_report *out)
{
    uint8_t *bytes = (uint8_t *)out;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof *out; i++)
        bytes[i] = (uint8_t)(i * 7 + 3);
    out->version = version;
    out->policy &= INT64_MAX;
    out->platform_info &= INT64_MAX;
    out->launch_mit_vector &= version >= 5 ? INT64_MAX : 0;
    out->current_mit_vector &= version >= 5 ? INT64_MAX : 0;
    if (version < 3)
        out->cpuid_family = out->cpuid_model = out->cpuid_stepping = 0;
    uint8_t *const tcbs[] = {out->current_tcb, out->reported_tcb, out->committed_tcb,
                             out->launch_tcb};
    for (size_t i = 0; i < 4; i++)
        memset(tcbs[i] + (is_turin ? 4 : 2), 0, is_turin ? 3 : 4);
}

static json_t *bytes_of(const uint8_t *bytes, size_t size)
{
    json_t *array = json_array();
    for (size_t i = 0; i < size; i++)
        assert_int_equal(json_array_append_new(array, json_integer(bytes[i])), 0);
    return array;
}

#define BYTES(member) bytes_of(report->member, sizeof report->member)

static json_t *tcb_of(const uint8_t tcb[8], bool is_turin)
{
    if (is_turin)
        return json_pack("{s:i, s:i, s:i, s:i, s:i}", "fmc", tcb[0], "bootloader", tcb[1], "tee",
                         tcb[2], "snp", tcb[3], "microcode", tcb[7]);
    return json_pack("{s:n, s:i, s:i, s:i, s:i}", "fmc", "bootloader", tcb[0], "tee", tcb[1], "snp",
                     tcb[6], "microcode", tcb[7]);
}

static json_t *firmware_of(const struct snp_firmware *firmware)
{
    return json_pack("{s:i, s:i, s:i}", "major", firmware->major, "minor", firmware->minor, "build",
                     firmware->build);
}

static void add(json_t *object, const char *key, json_t *value)
{
    assert_int_equal(json_object_set_new(object, key, value), 0);
}

static void add_later_fields(json_t *object, const struct snp_report *report)
{
    bool three = report->version >= 3, five = report->version >= 5;
    add(object, "cpuid_fam_id", three ? json_integer(report->cpuid_family) : json_null());
    add(object, "cpuid_mod_id", three ? json_integer(report->cpuid_model) : json_null());
    add(object, "cpuid_step", three ? json_integer(report->cpuid_stepping) : json_null());
    add(object, "launch_mit_vector",
        five ? json_integer((json_int_t)report->launch_mit_vector) : json_null());
    add(object, "current_mit_vector",
        five ? json_integer((json_int_t)report->current_mit_vector) : json_null());
}

/* The report as the sev crate's serde writes it. */
static json_t *json_of(const struct snp_report *report, bool is_turin)
{
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:I, s:I}", "version",
        (json_int_t)report->version, "guest_svn", (json_int_t)report->guest_svn, "policy",
        (json_int_t)report->policy, "family_id", BYTES(family_id), "image_id", BYTES(image_id),
        "vmpl", (json_int_t)report->vmpl, "sig_algo", (json_int_t)report->signature_algorithm,
        "current_tcb", tcb_of(report->current_tcb, is_turin), "plat_info",
        (json_int_t)report->platform_info, "key_info", (json_int_t)report->key_info);
    assert_non_null(object);
    add(object, "report_data", BYTES(report_data));
    add(object, "measurement", BYTES(measurement));
    add(object, "host_data", BYTES(host_data));
    add(object, "id_key_digest", BYTES(id_key_digest));
    add(object, "author_key_digest", BYTES(author_key_digest));
    add(object, "report_id", BYTES(report_id));
    add(object, "report_id_ma", BYTES(report_id_ma));
    add(object, "reported_tcb", tcb_of(report->reported_tcb, is_turin));
    add_later_fields(object, report);
    add(object, "chip_id", BYTES(chip_id));
    add(object, "committed_tcb", tcb_of(report->committed_tcb, is_turin));
    add(object, "current", firmware_of(&report->current));
    add(object, "committed", firmware_of(&report->committed));
    add(object, "launch_tcb", tcb_of(report->launch_tcb, is_turin));
    add(object, "signature",
        json_pack("{s:o, s:o}", "r", BYTES(signature_r), "s", BYTES(signature_s)));
    return object;
}

static void each_version_becomes_the_bytes_that_were_signed(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool is_turin;
    } cases[] = {{2, false}, {3, false}, {3, true}, {4, false}, {5, false}, {5, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct snp_report report;
        uint8_t wanted[SNP_REPORT_SIZE], got[SNP_REPORT_SIZE];
        fill(cases[i].version, cases[i].is_turin, &report);
        snp_report_write(&report, wanted);
        json_auto_t *object = json_of(&report, cases[i].is_turin);
        check_ok(kbs_snp_report_read(object, got, &err), &err);
        assert_memory_equal(got, wanted, sizeof wanted);
    }
}

/* Each member left out, and each of another kind or size. */
static void refuses_what_is_no_report(void **state)
{
    (void)state;
    struct snp_report report;
    fill(5, true, &report);
    json_auto_t *good = json_of(&report, true);
    static const char *const optional[] = {"cpuid_fam_id", "cpuid_mod_id", "cpuid_step",
                                           "launch_mit_vector", "current_mit_vector"};
    const char *key;
    json_t *value;
    json_object_foreach (good, key, value) {
        struct error err;
        uint8_t out[SNP_REPORT_SIZE];
        bool may_miss = false;
        json_auto_t *without = json_copy(good);
        json_auto_t *other = json_copy(good);
        json_auto_t *empty = json_copy(good);
        for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
            may_miss = may_miss || strcmp(key, optional[i]) == 0;
        assert_int_equal(json_object_del(without, key), 0);
        add(other, key, json_string("7"));
        add(empty, key, json_array());
        if (!may_miss)
            check_refused(kbs_snp_report_read(without, out, &err), &err, key);
        check_refused(kbs_snp_report_read(other, out, &err), &err, key);
        check_refused(kbs_snp_report_read(empty, out, &err), &err, key);
    }
}

static void refuses_numbers_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
    } cases[] = {
        {"version", "6"},
        {"version", "1"},
        {"version", "-1"},
        {"version", "3.0"},
        {"guest_svn", "4294967296"},
        {"vmpl", "-1"},
        {"cpuid_fam_id", "256"},
        {"current", "{\"major\":256,\"minor\":1,\"build\":1}"},
        {"policy", "-5"},
        {"launch_tcb", "{\"fmc\":256,\"bootloader\":1,\"tee\":1,\"snp\":1,\"microcode\":1}"},
        {"launch_tcb", "{\"fmc\":1,\"bootloader\":1,\"tee\":1,\"snp\":1}"},
        {"signature", "{\"r\":[1],\"s\":[1]}"},
    };
    struct snp_report report;
    fill(5, true, &report);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        uint8_t out[SNP_REPORT_SIZE];
        json_auto_t *object = json_of(&report, true);
        json_t *value = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        add(object, cases[i].key, value);
        check_refused(kbs_snp_report_read(object, out, &err), &err, cases[i].key);
    }
}

static int read_with_chain(const char *chain, size_t *count, struct error *err)
{
    struct snp_report report;
    struct kbs_snp_evidence evidence;
    fill(3, false, &report);
    json_auto_t *object = json_pack("{s:o}", "attestation_report", json_of(&report, false));
    if (chain)
        add(object, "cert_chain", json_loads(chain, JSON_DECODE_ANY, NULL));
    int result = kbs_snp_evidence_read(object, &evidence, err);
    *count = evidence.certificates.count;
    kbs_snp_evidence_fini(&evidence);
    return result;
}

static void takes_chains_as_they_come_and_refuses_what_is_none(void **state)
{
    (void)state;
    struct error err;
    size_t count;
    static const char *const without[] = {
        NULL, "null", "[]", "[{\"cert_type\":\"CRL\",\"data\":[1]}]",
        "[{\"cert_type\":{\"OTHER\":\"00000000-0000-0000-0000-000000000000\"},\"data\":[1]}]"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        check_ok(read_with_chain(without[i], &count, &err), &err);
        assert_int_equal(count, 0);
    }
    static const char *const wrong[] = {
        "7",
        "{}",
        "[7]",
        "[{}]",
        "[{\"cert_type\":\"VCEK\"}]",
        "[{\"cert_type\":\"VCEK\",\"data\":\"MIIB\"}]",
        "[{\"cert_type\":\"VCEK\",\"data\":[]}]",
        "[{\"cert_type\":\"VCEK\",\"data\":[256]}]",
        "[{\"cert_type\":\"VCEK\",\"data\":[1,2,3]}]",
        "[{\"cert_type\":\"ARK\",\"data\":[48,130,1]}]",
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        check_refused(read_with_chain(wrong[i], &count, &err), &err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_becomes_the_bytes_that_were_signed),
        cmocka_unit_test(refuses_what_is_no_report),
        cmocka_unit_test(refuses_numbers_that_do_not_fit),
        cmocka_unit_test(takes_chains_as_they_come_and_refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
