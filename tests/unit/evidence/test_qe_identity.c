#include "mutate.h"

#include "../vectors.h"

#include "evidence/qe_identity.h"

static struct error err;

#define MRSIGNER "8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF"
#define HEAD                                                                                       \
    "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"2025-06-19T10:01:18Z\","                         \
    "\"nextUpdate\":\"2025-07-19T10:01:18Z\",\"tcbEvaluationDataNumber\":17,"                      \
    "\"miscselect\":\"01020304\",\"miscselectMask\":\"fFfFfF00\","                                 \
    "\"attributes\":\"11000000000000000000000000000002\","                                         \
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000003\",\"mrsigner\":\"" MRSIGNER "\","       \
    "\"isvprodid\":513,\"tcbLevels\":["
#define LEVEL_8                                                                                    \
    "{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}"
#define LEVEL_6                                                                                    \
    "{\"tcb\":{\"isvsvn\":6},\"tcbDate\":\"1970-01-01T00:00:01Z\",\"tcbStatus\":\"OutOfDate\","    \
    "\"advisoryIDs\":[\"INTEL-SA-00477\",\"INTEL-SA-00615\"]}"
#define DOCUMENT HEAD LEVEL_8 "," LEVEL_6 "]}"

static int parse(struct span text, struct error *error)
{
    struct qe_identity identity;
    int rc = qe_identity_parse(text, &identity, error);
    qe_identity_fini(&identity);
    assert_null(identity.document);
    return rc;
}

static void reads_every_member(void **state)
{
    (void)state;
    struct qe_identity got;
    check_ok(qe_identity_parse(span_of_text(DOCUMENT), &got, &err), &err);
    assert_false(got.is_td);
    assert_int_equal(got.issue_date, 1750327278);
    assert_int_equal(got.next_update, 1750327278 + 30 * 86400);
    assert_int_equal(got.evaluation_number, 17);
    assert_memory_equal(got.miscselect, "\x01\x02\x03\x04", 4);
    assert_memory_equal(got.miscselect_mask, "\xFF\xFF\xFF\x00", 4);
    assert_true(got.attributes[0] == 0x11 && got.attributes[15] == 2);
    assert_true(got.attributes_mask[0] == 0xFB && got.attributes_mask[15] == 3);
    assert_true(got.mrsigner[0] == 0x8C && got.mrsigner[31] == 0xFF);
    assert_int_equal(got.isvprodid, 513);
    assert_int_equal(got.levels.count, 2);
    const struct isvsvn_level *old = &got.levels.items[1];
    assert_null(got.levels.items[0].verdict.advisories);
    assert_true(old->isvsvn == 6 && old->verdict.date == 1);
    assert_int_equal(old->verdict.status, TCB_OUT_OF_DATE);
    assert_int_equal(json_array_size(old->verdict.advisories), 2);
    assert_string_equal(json_string_value(json_array_get(old->verdict.advisories, 1)),
                        "INTEL-SA-00615");
    qe_identity_fini(&got);
}

static void refuses_every_member_missing_or_of_another_type(void **state)
{
    (void)state;
    static const char *const optional[] = {"advisoryIDs", NULL};
    static const char *const unread[] = {NULL};
    size_t count = mutate_every_member(DOCUMENT, parse, optional, unread);
    assert_true(count > 140);
}

static void refuses_every_shorter_text(void **state)
{
    (void)state;
    mutate_every_length(DOCUMENT, parse);
}

static void refuses_other_values(void **state)
{
    (void)state;
    static const struct mutate_refused refused[] = {
        {"\"id\":\"QE\"", "\"id\":\"QVE\"", "QVE"},
        {"\"id\":\"QE\"", "\"id\":\"\"", "id"},
        {"\"id\":\"QE\"", "\"id\":\"qe\"", "id"},
        {"\"id\":\"QE\"", "\"id\":\"QE\",\"id\":\"QE\"", "id"},
        {"\"version\":2", "\"version\":1", "version 1"},
        {"\"version\":2", "\"version\":3", "version 3"},
        {"\"version\":2", "\"version\":4294967298", "version"},
        {"\"version\":2", "\"version\":2,\"version\":2", "version"},
        {"\"isvprodid\":513", "\"isvprodid\":65536", "isvprodid"},
        {"\"isvsvn\":8", "\"isvsvn\":65536", "isvsvn"},
        {"\"isvsvn\":8", "\"isvsvn\":8,\"isvsvn\":9", "isvsvn"},
        {"DataNumber\":17", "DataNumber\":4294967296", "tcbEvaluationDataNumber"},
        {"2025-06-19T10:01:18Z", "2025-06-19 10:01:18Z", "issueDate"},
        {"2025-06-19T10:01:18Z", "2025-06-19T10:01:18", "issueDate"},
        {"2025-06-19T10:01:18Z", "2025-02-29T10:01:18Z", "issueDate"},
        {"2025-07-19T10:01:18Z", "2025-07-19T24:01:18Z", "nextUpdate"},
        {"2025-07-19T10:01:18Z", "", "nextUpdate"},
        {"2024-03-13T00:00:00Z", "2024-03-13T00:00:00+00:00", "tcbLevels[0]"},
        {"1970-01-01T00:00:01Z", "1970-00-01T00:00:01Z", "tcbLevels[1]"},
        {"01020304", "010203", "miscselect"},
        {"01020304", "0102030405", "miscselect"},
        {"fFfFfF00", "0xFFFFFF", "miscselectMask"},
        {"11000000", "110000", "attributes"},
        {"FBFFFFFF", "FBFFFFFFF", "attributesMask"},
        {MRSIGNER, MRSIGNER "00", "mrsigner"},
        {MRSIGNER, "", "mrsigner"},
        {"UpToDate", "Uptodate", "Uptodate"},
        {"INTEL-SA-00477", "", "advisory"},
        {"INTEL-SA-00477", "INTEL-SA-012345678901234567890123", "advisory"},
        {"]}]}", "]}]} x", "line"},
        {"[\"INTEL", "[[[[[\"INTEL", "deep"},
    };
    mutate_each(DOCUMENT, parse, refused, sizeof refused / sizeof *refused);
}

/* Appends a document with this many levels. */
static void with_levels(size_t count, struct buf *out)
{
    check_ok(buf_append_text(out, HEAD LEVEL_8, &err), &err);
    for (size_t i = 1; i < count; i++)
        check_ok(buf_append_text(out, "," LEVEL_8, &err), &err);
    check_ok(buf_append_text(out, "]}", &err), &err);
}

static void has_bounds(void **state)
{
    (void)state;
    BUF_AUTO most = BUF_WITH_LIMIT(QE_IDENTITY_SIZE_MAX);
    BUF_AUTO over = BUF_WITH_LIMIT(QE_IDENTITY_SIZE_MAX);
    BUF_AUTO large = BUF_WITH_LIMIT(2 * QE_IDENTITY_SIZE_MAX);
    with_levels(TCB_LEVELS_MAX, &most);
    check_ok(parse(buf_span(&most), &err), &err);
    with_levels(TCB_LEVELS_MAX + 1, &over);
    check_error(parse(buf_span(&over), &err), &err, ERROR_LIMIT);
    check_error(parse(span_of_text(HEAD "]}"), &err), &err, ERROR_LIMIT);

    check_ok(buf_append_text(&large, DOCUMENT, &err), &err);
    while (large.size < QE_IDENTITY_SIZE_MAX)
        check_ok(buf_append_byte(&large, ' ', &err), &err);
    check_ok(parse(buf_span(&large), &err), &err);
    check_ok(buf_append_byte(&large, ' ', &err), &err);
    check_error(parse(buf_span(&large), &err), &err, ERROR_LIMIT);
}

static void reads_the_identity_of_a_td_quoting_enclave(void **state)
{
    (void)state;
    vectors_need("attest/dcap/spr.qeidentity.json");
    BUF_AUTO file = BUF_WITH_LIMIT(QE_IDENTITY_SIZE_MAX);
    BUF_AUTO inner = BUF_WITH_LIMIT(QE_IDENTITY_SIZE_MAX);
    struct qe_identity got;
    vectors_read("attest/dcap/spr.qeidentity.json", &file);
    mutate_between(buf_span(&file), "{\"enclaveIdentity\":", ",\"signature\"", &inner);
    check_error(parse(buf_span(&file), &err), &err, ERROR_INVALID); /* the wrapping is not it */
    check_ok(qe_identity_parse(buf_span(&inner), &got, &err), &err);
    assert_true(got.is_td);
    assert_int_equal(got.isvprodid, 2);
    assert_int_equal(got.evaluation_number, 15);
    assert_true(got.mrsigner[0] == 0xDC && got.mrsigner[31] == 0xC5);
    assert_int_equal(got.levels.count, 1);
    assert_int_equal(isvsvn_levels_find(&got.levels, 4)->status, TCB_UP_TO_DATE);
    assert_null(isvsvn_levels_find(&got.levels, 3));
    qe_identity_fini(&got);
}

static void reads_the_identity_of_an_sgx_quoting_enclave(void **state)
{
    (void)state;
    static const struct json_limits limits = {.size = 65536, .depth = 4};
    vectors_need("attest/dcap/sgx-v3.collateral.json");
    BUF_AUTO file = BUF_WITH_LIMIT(65536);
    struct qe_identity got;
    const char *text;
    vectors_read("attest/dcap/sgx-v3.collateral.json", &file);
    json_auto_t *collateral = json_parse_object(buf_span(&file), &limits, &err);
    assert_non_null(collateral);
    check_ok(json_get_text(collateral, "qe_identity", &text, &err), &err);
    check_ok(qe_identity_parse(span_of_text(text), &got, &err), &err);
    assert_false(got.is_td);
    assert_int_equal(got.isvprodid, 1);
    assert_true(got.mrsigner[0] == 0x8C && got.mrsigner[31] == 0xFF);
    assert_int_equal(isvsvn_levels_find(&got.levels, 8)->status, TCB_UP_TO_DATE);
    assert_int_equal(isvsvn_levels_find(&got.levels, 7)->status, TCB_OUT_OF_DATE);
    qe_identity_fini(&got);
    mutate_every_length(text, parse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_member),
        cmocka_unit_test(refuses_every_member_missing_or_of_another_type),
        cmocka_unit_test(refuses_every_shorter_text),
        cmocka_unit_test(refuses_other_values),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(reads_the_identity_of_a_td_quoting_enclave),
        cmocka_unit_test(reads_the_identity_of_an_sgx_quoting_enclave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
