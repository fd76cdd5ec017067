#include "mutate.h"

#include "evidence/tcb_info.h"

static struct error err;

#define HEX8  "0001020304050607"
#define HEX48 HEX8 HEX8 HEX8 HEX8 HEX8 HEX8
#define FACTS                                                                                      \
    "\"issueDate\":\"2025-06-19T10:56:11Z\",\"nextUpdate\":\"2025-07-19T10:56:11Z\","              \
    "\"fmspc\":\"00A067110203\",\"pceId\":\"0a0B\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17,"
#define HEAD_2   "{\"version\":2," FACTS
#define HEAD_SGX "{\"id\":\"SGX\",\"version\":3," FACTS
#define HEAD_TDX "{\"id\":\"TDX\",\"version\":3," FACTS

#define SVN(n)     "{\"svn\":" n "}"
#define SVN_2(n)   SVN(n) "," SVN(n)
#define SVN_6(n)   SVN_2(n) "," SVN_2(n) "," SVN_2(n)
#define SVN_14(n)  SVN_6(n) "," SVN_6(n) "," SVN_2(n)
#define SGX_SVN(n) "\"sgxtcbcomponents\":[" SVN_14(n) "," SVN_2(n) "]"
#define TDX_SVN(n)                                                                                 \
    "\"tdxtcbcomponents\":[{\"svn\":" n                                                            \
    ",\"category\":\"OS/VMM\",\"type\":\"TDX Module\"}," SVN("0") "," SVN_14(n) "]"
#define OLD_SVN(i, n)        "\"sgxtcbcomp" i "svn\":" n ","
#define OLD_4(a, b, c, d, n) OLD_SVN(a, n) "" OLD_SVN(b, n) "" OLD_SVN(c, n) "" OLD_SVN(d, n)
#define OLD_8(n)             OLD_4("01", "02", "03", "04", n) "" OLD_4("05", "06", "07", "08", n)
#define OLD_16(n)            OLD_4("09", "10", "11", "12", n) "" OLD_4("13", "14", "15", "16", n)
#define OLD_SVNS(n)          OLD_8(n) "" OLD_16(n)

#define LEVEL(tcb, status)                                                                         \
    "{\"tcb\":{" tcb "},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define LEVEL_2(n, pce, status)        LEVEL(OLD_SVNS(n) "\"pcesvn\":" pce, status)
#define LEVEL_SGX(n, pce, status)      LEVEL(SGX_SVN(n) ",\"pcesvn\":" pce, status)
#define LEVEL_TDX(n, pce, tdx, status) LEVEL(SGX_SVN(n) ",\"pcesvn\":" pce "," TDX_SVN(tdx), status)

#define MODULE                                                                                     \
    "\"mrsigner\":\"" HEX48 "\",\"attributes\":\"" HEX8 "\",\"attributesMask\":\"" HEX8 "\""
#define MODULE_LEVEL(n, status) LEVEL("\"isvsvn\":" n, status)
#define MODULE_1                                                                                   \
    "{\"id\":\"TDX_01\"," MODULE                                                                   \
    ",\"tcbLevels\":[" MODULE_LEVEL("6", "UpToDate") "," MODULE_LEVEL("4", "OutOfDate") "]}"
#define MODULE_1F "{\"id\":\"TDX_1F\"," MODULE ",\"tcbLevels\":[" MODULE_LEVEL("3", "Revoked") "]}"

#define DOCUMENT_2                                                                                 \
    HEAD_2 "\"tcbLevels\":[" LEVEL_2("5", "10", "UpToDate") "," LEVEL_2("3", "10", "OutOfDate") "]}"
#define DOCUMENT_SGX                                                                               \
    HEAD_SGX "\"tcbLevels\":[" LEVEL_SGX("5", "10", "UpToDate") "," LEVEL_SGX(                     \
        "3", "10", "SWHardeningNeeded") "," LEVEL_SGX("3", "4", "OutOfDate") "]}"
#define DOCUMENT_TDX                                                                               \
    HEAD_TDX "\"tdxModule\":{" MODULE "},\"tdxModuleIdentities\":[" MODULE_1 "," MODULE_1F         \
             "],\"tcbLevels\":[" LEVEL_TDX("5", "10", "7", "UpToDate") "," LEVEL_TDX(              \
                 "5", "10", "6", "OutOfDate") "]}"

static int parse(struct span text, struct error *error)
{
    struct tcb_info info;
    int rc = tcb_info_parse(text, &info, error);
    tcb_info_fini(&info);
    assert_null(info.document);
    return rc;
}

static void read_text(const char *text, struct tcb_info *info)
{
    check_ok(tcb_info_parse(span_of_text(text), info, &err), &err);
    assert_int_equal(info->issue_date, 1750330571);
    assert_int_equal(info->next_update, 1750330571 + 30 * 86400);
    assert_memory_equal(info->fmspc, "\x00\xA0\x67\x11\x02\x03", 6);
    assert_memory_equal(info->pceid, "\x0A\x0B", 2);
    assert_int_equal(info->evaluation_number, 17);
}

static void reads_version_2(void **state)
{
    (void)state;
    struct tcb_info got;
    BUF_AUTO text = BUF_WITH_LIMIT(TCB_INFO_SIZE_MAX);
    mutate_replace(DOCUMENT_2, "comp16svn\":5", "comp16svn\":255", &text);
    check_ok(buf_append_byte(&text, 0, &err), &err);
    read_text((const char *)text.data, &got);
    assert_true(got.version == 2 && !got.is_tdx && got.module_count == 0);
    assert_int_equal(got.level_count, 2);
    assert_int_equal(got.levels[0].sgx[0], 5);
    assert_int_equal(got.levels[0].sgx[15], 255);
    assert_int_equal(got.levels[0].pcesvn, 10);
    assert_int_equal(got.levels[1].sgx[15], 3);
    assert_int_equal(got.levels[1].verdict.status, TCB_OUT_OF_DATE);
    tcb_info_fini(&got);
}

static void reads_sgx(void **state)
{
    (void)state;
    struct tcb_info got;
    read_text(DOCUMENT_SGX, &got);
    assert_true(got.version == 3 && !got.is_tdx && got.module_count == 0);
    assert_int_equal(got.level_count, 3);
    assert_int_equal(got.levels[1].sgx[15], 3);
    assert_int_equal(got.levels[2].pcesvn, 4);
    assert_int_equal(got.levels[1].verdict.status, TCB_SW_HARDENING_NEEDED);
    assert_true(span_is_zero(span_of(got.levels[0].tdx, sizeof got.levels[0].tdx)));
    tcb_info_fini(&got);
}

static void reads_tdx_and_its_modules(void **state)
{
    (void)state;
    struct tcb_info got;
    read_text(DOCUMENT_TDX, &got);
    assert_true(got.version == 3 && got.is_tdx);
    assert_true(got.module.mrsigner[47] == 7 && got.module.attributes[1] == 1);
    assert_int_equal(got.module.attributes_mask[7], 7);
    assert_true(got.levels[1].tdx[0] == 6 && got.levels[1].tdx[1] == 0);
    assert_int_equal(got.levels[1].tdx[15], 6);
    assert_int_equal(got.module_count, 2);
    const struct tdx_module_identity *one = tcb_info_find_module(&got, 1);
    assert_ptr_equal(one, &got.modules[0]);
    assert_int_equal(one->module.mrsigner[46], 6);
    assert_int_equal(isvsvn_levels_find(&one->levels, 7)->status, TCB_UP_TO_DATE);
    assert_int_equal(isvsvn_levels_find(&one->levels, 5)->status, TCB_OUT_OF_DATE);
    assert_null(isvsvn_levels_find(&one->levels, 3));
    assert_ptr_equal(tcb_info_find_module(&got, 0x1F), &got.modules[1]);
    assert_null(tcb_info_find_module(&got, 0));
    assert_null(tcb_info_find_module(&got, 3));
    assert_null(tcb_info_find_module(&got, 0xF1));
    tcb_info_fini(&got);
}

static struct pck platform(uint8_t svn, uint16_t pcesvn)
{
    struct pck pck = {.pcesvn = pcesvn};
    for (size_t i = 0; i < TCB_COMPONENT_COUNT; i++)
        pck.components[i] = svn;
    return pck;
}

static void finds_the_first_level_that_is_reached(void **state)
{
    (void)state;
    struct tcb_info info;
    read_text(DOCUMENT_SGX, &info);
    const struct {
        uint8_t svn;
        uint16_t pcesvn;
        const struct tcb_level *level;
    } cases[] = {
        {5, 10, &info.levels[0]},
        {255, 65535, &info.levels[0]},
        {4, 65535, &info.levels[1]},
        {3, 10, &info.levels[1]},
        {5, 9, &info.levels[2]},
        {255, 4, &info.levels[2]},
        {2, 65535, NULL},
        {255, 3, NULL},
        {0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pck pck = platform(cases[i].svn, cases[i].pcesvn);
        assert_ptr_equal(tcb_info_find_level(&info, &pck, NULL), cases[i].level);
    }
    for (size_t i = 0; i < TCB_COMPONENT_COUNT; i++) { /* each component counts alone */
        struct pck pck = platform(255, 10);
        pck.components[i] = 4;
        assert_ptr_equal(tcb_info_find_level(&info, &pck, NULL), &info.levels[1]);
        pck.components[i] = 2;
        assert_null(tcb_info_find_level(&info, &pck, NULL));
    }
    tcb_info_fini(&info);
}

static void finds_in_the_order_of_the_document(void **state)
{
    (void)state;
    struct tcb_info info;
    read_text(HEAD_SGX "\"tcbLevels\":[" LEVEL_SGX("3", "4", "OutOfDate") "," LEVEL_SGX(
                  "5", "10", "UpToDate") "]}",
              &info);
    struct pck pck = platform(5, 10);
    assert_ptr_equal(tcb_info_find_level(&info, &pck, NULL), &info.levels[0]);
    tcb_info_fini(&info);
}

static void finds_by_the_components_of_tdx_too(void **state)
{
    (void)state;
    struct tcb_info info;
    read_text(DOCUMENT_TDX, &info);
    const struct pck pck = platform(5, 10);
    const struct pck old = platform(4, 10);
    uint8_t tdx[TCB_COMPONENT_COUNT];
    memset(tdx, 7, sizeof tdx);
    tdx[1] = 0;
    assert_ptr_equal(tcb_info_find_level(&info, &pck, tdx), &info.levels[0]);
    assert_null(tcb_info_find_level(&info, &old, tdx));
    for (size_t i = 0; i < TCB_COMPONENT_COUNT; i++) {
        if (i == 1)
            continue;
        tdx[i] = 6;
        assert_ptr_equal(tcb_info_find_level(&info, &pck, tdx), &info.levels[1]);
        tdx[i] = 5;
        assert_null(tcb_info_find_level(&info, &pck, tdx));
        tdx[i] = 7;
    }
    tcb_info_fini(&info);
}

/* With a module of major version 1 or later its version is its own identity's matter. */
static void leaves_a_module_with_an_identity_to_it(void **state)
{
    (void)state;
    struct tcb_info info;
    read_text(DOCUMENT_TDX, &info);
    const struct pck pck = platform(5, 10);
    uint8_t tdx[TCB_COMPONENT_COUNT];
    memset(tdx, 7, sizeof tdx);
    tdx[0] = 0;
    tdx[1] = 1;
    assert_ptr_equal(tcb_info_find_level(&info, &pck, tdx), &info.levels[0]);
    for (size_t i = 2; i < TCB_COMPONENT_COUNT; i++) {
        tdx[i] = 5;
        assert_null(tcb_info_find_level(&info, &pck, tdx));
        tdx[i] = 7;
    }
    tdx[1] = 0;
    assert_null(tcb_info_find_level(&info, &pck, tdx));
    tcb_info_fini(&info);
}

static void refuses_every_member_missing_or_of_another_type(void **state)
{
    (void)state;
    static const char *const optional[] = {"advisoryIDs", "tdxModuleIdentities", NULL};
    static const char *const unread[] = {"category", "type", NULL};
    assert_true(mutate_every_member(DOCUMENT_2, parse, optional, unread) > 250);
    assert_true(mutate_every_member(DOCUMENT_SGX, parse, optional, unread) > 600);
    assert_true(mutate_every_member(DOCUMENT_TDX, parse, optional, unread) > 900);
}

static void refuses_every_shorter_text(void **state)
{
    (void)state;
    mutate_every_length(DOCUMENT_2, parse);
    mutate_every_length(DOCUMENT_SGX, parse);
    mutate_every_length(DOCUMENT_TDX, parse);
}

static void refuses_other_values(void **state)
{
    (void)state;
    static const struct mutate_refused refused[] = {
        {"\"id\":\"TDX\"", "\"id\":\"TDY\"", "TDY"},
        {"\"id\":\"TDX\"", "\"id\":\"SGX\"", "tdxModule"},
        {"\"id\":\"TDX\"", "\"id\":\"TDX\",\"id\":\"TDX\"", "id"},
        {"\"version\":3", "\"version\":1", "version 1"},
        {"\"version\":3", "\"version\":4", "version 4"},
        {"\"version\":3", "\"version\":2", "version 2"},
        {"\"version\":3", "\"version\":4294967299", "version"},
        {"2025-06-19T10:56:11Z", "2025-06-19T10:56:11.5Z", "issueDate"},
        {"2025-06-19T10:56:11Z", "2025-06-31T10:56:11Z", "issueDate"},
        {"2025-07-19T10:56:11Z", "2025-13-19T10:56:11Z", "nextUpdate"},
        {"2025-07-19T10:56:11Z", "0", "nextUpdate"},
        {"00A067110203", "00A0671102", "fmspc"},
        {"00A067110203", "00A06711020304", "fmspc"},
        {"00A067110203", "00A06711020g", "fmspc"},
        {"0a0B", "0a0", "pceId"},
        {"0a0B", "0a0B00", "pceId"},
        {"\"tcbType\":0", "\"tcbType\":1", "tcbType"},
        {"DataNumber\":17", "DataNumber\":4294967296", "tcbEvaluationDataNumber"},
        {"\"mrsigner\":\"00", "\"mrsigner\":\"", "mrsigner"},
        {"\"attributes\":\"00", "\"attributes\":\"0000", "attributes"},
        {"\"attributesMask\":\"00", "\"attributesMask\":\"-0", "attributesMask"},
        {"TDX_01", "TDX_1", "TDX_1"},
        {"TDX_01", "TDX_001", "TDX_001"},
        {"TDX_01", "TDX_0g", "TDX_0g"},
        {"TDX_01", "tdx_01", "tdx_01"},
        {"TDX_01", "TD", "module"},
        {"TDX_01", "TDX_1f", "twice"},
        {"\"isvsvn\":6", "\"isvsvn\":65536", "tdxModuleIdentities[0]"},
        {"\"isvsvn\":3", "\"isvsvn\":3,\"isvsvn\":3", "isvsvn"},
        {"Revoked", "revoked", "tdxModuleIdentities[1]"},
        {"\"pcesvn\":10", "\"pcesvn\":65536", "tcbLevels[0]"},
        {"\"pcesvn\":10", "\"pcesvn\":10,\"pcesvn\":10", "pcesvn"},
        {"{\"svn\":5}", "{\"svn\":256}", "sgxtcbcomponents[0]"},
        {"{\"svn\":5}", "{\"svn\":5,\"svn\":5}", "svn"},
        {"{\"svn\":5},", "", "15 components"},
        {"{\"svn\":5}", SVN_2("5"), "17 components"},
        {"{\"svn\":7}", "{\"svn\":256}", "tdxtcbcomponents[2]"},
        {"{\"svn\":7},", "", "15 components"},
        {"{\"svn\":7}", SVN_2("7"), "17 components"},
        {"[{\"tcb\"", "[[[[[[{\"tcb\"", "deep"},
    };
    mutate_each(DOCUMENT_TDX, parse, refused, sizeof refused / sizeof *refused);
    check_refused(parse(span_of_text(DOCUMENT_TDX "x"), &err), &err, "line");
}

static void refuses_what_another_version_has(void **state)
{
    (void)state;
    static const struct mutate_refused old[] = {
        {"\"version\":2", "\"version\":3", "id"},
        {"\"version\":2", "\"id\":\"SGX\",\"version\":2", "version 2"},
        {"\"version\":2", "\"id\":\"SGX\",\"version\":3", "sgxtcbcomp"},
        {"comp16svn\":5", "comp16svn\":256", "sgxtcbcomp16svn"},
        {"comp16svn", "comp17svn", "sgxtcbcomp16svn"},
        {"\"pcesvn\":10", "\"pcesvn\":10,\"sgxtcbcomp17svn\":0", "17"},
        {"\"tcbType\":0", "\"tcbType\":0,\"tdxModule\":{" MODULE "}", "tdxModule"},
    };
    static const struct mutate_refused sgx[] = {
        {"\"version\":3", "\"version\":2", "version 2"},
        {"\"id\":\"SGX\"", "\"id\":\"TDX\"", "tdxtcbcomponents"},
        {"\"tcbType\":0", "\"tcbType\":0,\"tdxModule\":{" MODULE "}", "tdxModule"},
        {"\"tcbType\":0", "\"tcbType\":0,\"tdxModuleIdentities\":[]", "tdxModuleIdentities"},
        {"\"pcesvn\":10", "\"pcesvn\":10," TDX_SVN("0"), "tdxtcbcomponents"},
    };
    mutate_each(DOCUMENT_2, parse, old, sizeof old / sizeof *old);
    mutate_each(DOCUMENT_SGX, parse, sgx, sizeof sgx / sizeof *sgx);
}

/* Appends a list of `count` items. */
static void repeat(struct buf *out, const char *head, const char *item, size_t count)
{
    check_ok(buf_append_text(out, head, &err), &err);
    for (size_t i = 0; i < count; i++) {
        check_ok(buf_append_text(out, i ? "," : "", &err), &err);
        check_ok(buf_append_text(out, item, &err), &err);
    }
}

static void has_bounds(void **state)
{
    (void)state;
    static const size_t counts[] = {0, TCB_LEVELS_MAX + 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TCB_INFO_SIZE_MAX);
        repeat(&text, HEAD_SGX "\"tcbLevels\":[", LEVEL_SGX("5", "10", "UpToDate"), counts[i]);
        check_ok(buf_append_text(&text, "]}", &err), &err);
        check_error(parse(buf_span(&text), &err), &err, ERROR_LIMIT);
    }
    BUF_AUTO text = BUF_WITH_LIMIT(2 * TCB_INFO_SIZE_MAX);
    repeat(&text, HEAD_SGX "\"tcbLevels\":[", LEVEL_SGX("5", "10", "UpToDate"), TCB_LEVELS_MAX);
    check_ok(buf_append_text(&text, "]}", &err), &err);
    while (text.size < TCB_INFO_SIZE_MAX)
        check_ok(buf_append_byte(&text, ' ', &err), &err);
    check_ok(parse(buf_span(&text), &err), &err);
    check_ok(buf_append_byte(&text, ' ', &err), &err);
    check_error(parse(buf_span(&text), &err), &err, ERROR_LIMIT);
}

static void modules_have_bounds(void **state)
{
    (void)state;
    static const char rest[] = "],\"tcbLevels\":[" LEVEL_TDX("5", "10", "7", "UpToDate") "]}";
    static const struct {
        size_t modules;
        int rc;
    } cases[] = {{0, 0}, {1, 0}, {TDX_MODULES_MAX, 0}, {TDX_MODULES_MAX + 1, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TCB_INFO_SIZE_MAX);
        check_ok(buf_append_text(
                     &text, HEAD_TDX "\"tdxModule\":{" MODULE "},\"tdxModuleIdentities\":[", &err),
                 &err);
        for (size_t j = 0; j < cases[i].modules; j++)
            check_ok(buf_printf(&text, &err,
                                "%s{\"id\":\"TDX_%02zx\"," MODULE
                                ",\"tcbLevels\":[" MODULE_LEVEL("6", "UpToDate") "]}",
                                j ? "," : "", j),
                     &err);
        check_ok(buf_append_text(&text, rest, &err), &err);
        err = (struct error){0};
        assert_int_equal(parse(buf_span(&text), &err), cases[i].rc);
        assert_int_equal(err.code == ERROR_LIMIT, cases[i].rc < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_version_2),
        cmocka_unit_test(reads_sgx),
        cmocka_unit_test(reads_tdx_and_its_modules),
        cmocka_unit_test(finds_the_first_level_that_is_reached),
        cmocka_unit_test(finds_in_the_order_of_the_document),
        cmocka_unit_test(finds_by_the_components_of_tdx_too),
        cmocka_unit_test(leaves_a_module_with_an_identity_to_it),
        cmocka_unit_test(refuses_every_member_missing_or_of_another_type),
        cmocka_unit_test(refuses_every_shorter_text),
        cmocka_unit_test(refuses_other_values),
        cmocka_unit_test(refuses_what_another_version_has),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(modules_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
