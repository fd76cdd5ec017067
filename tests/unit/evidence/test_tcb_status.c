#include "../check.h"

#include <stdio.h>

#include "evidence/tcb_status.h"

static struct error err;

static const char *const names[TCB_STATUS_COUNT] = {"NotSupported",
                                                    "UpToDate",
                                                    "SWHardeningNeeded",
                                                    "ConfigurationNeeded",
                                                    "ConfigurationAndSWHardeningNeeded",
                                                    "OutOfDate",
                                                    "OutOfDateConfigurationNeeded",
                                                    "Revoked"};

static void each_status_has_its_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TCB_STATUS_COUNT; i++) {
        assert_string_equal(tcb_status_name(i), names[i]);
        assert_int_equal(tcb_status_by_name(names[i]), i);
    }
    static const char *const others[] = {"",        "uptodate", "UpToDate ",
                                         "UpToDat", "REVOKED",  "OutOfDateSWHardeningNeeded"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(tcb_status_by_name(others[i]), TCB_UNKNOWN);
}

#define UNKNOWN TCB_UNKNOWN
#define CURRENT TCB_UP_TO_DATE
#define SW      TCB_SW_HARDENING_NEEDED
#define CONFIG  TCB_CONFIGURATION_NEEDED
#define BOTH    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
#define OLD     TCB_OUT_OF_DATE
#define OLD_CFG TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
#define REVOKED TCB_REVOKED

static void merges_every_pair(void **state)
{
    (void)state;
    static const enum tcb_status want[TCB_STATUS_COUNT][TCB_STATUS_COUNT] = {
        {UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN},
        {UNKNOWN, CURRENT, SW, CONFIG, BOTH, OLD, OLD_CFG, REVOKED},
        {UNKNOWN, SW, SW, BOTH, BOTH, OLD, OLD_CFG, REVOKED},
        {UNKNOWN, CONFIG, BOTH, CONFIG, BOTH, OLD_CFG, OLD_CFG, REVOKED},
        {UNKNOWN, BOTH, BOTH, BOTH, BOTH, OLD_CFG, OLD_CFG, REVOKED},
        {UNKNOWN, OLD, OLD, OLD_CFG, OLD_CFG, OLD, OLD_CFG, REVOKED},
        {UNKNOWN, OLD_CFG, OLD_CFG, OLD_CFG, OLD_CFG, OLD_CFG, OLD_CFG, REVOKED},
        {UNKNOWN, REVOKED, REVOKED, REVOKED, REVOKED, REVOKED, REVOKED, REVOKED},
    };
    for (unsigned a = 0; a < TCB_STATUS_COUNT; a++) {
        for (unsigned b = 0; b < TCB_STATUS_COUNT; b++)
            assert_int_equal(tcb_status_merge(a, b), want[a][b]);
    }
}

/* The statuses are listed from best to worst: no merge is better than either part. */
static void no_merge_is_better_than_a_part(void **state)
{
    (void)state;
    for (unsigned a = TCB_UP_TO_DATE; a < TCB_STATUS_COUNT; a++) {
        for (unsigned b = TCB_UP_TO_DATE; b < TCB_STATUS_COUNT; b++) {
            assert_true(tcb_status_merge(a, b) >= a && tcb_status_merge(a, b) >= b);
            for (unsigned c = TCB_UP_TO_DATE; c < TCB_STATUS_COUNT; c++)
                assert_int_equal(tcb_status_merge(tcb_status_merge(a, b), c),
                                 tcb_status_merge(a, tcb_status_merge(b, c)));
        }
    }
}

static void the_first_level_that_holds_is_found(void **state)
{
    (void)state;
    struct isvsvn_level items[] = {
        {.isvsvn = 8, .verdict.status = TCB_UP_TO_DATE},
        {.isvsvn = 6, .verdict.status = TCB_SW_HARDENING_NEEDED},
        {.isvsvn = 7, .verdict.status = TCB_REVOKED}, /* out of order: the one before it holds */
        {.isvsvn = 2, .verdict.status = TCB_OUT_OF_DATE},
    };
    const struct isvsvn_levels levels = {.items = items, .count = 4};
    const struct isvsvn_levels none = {0};
    assert_ptr_equal(isvsvn_levels_find(&levels, 0xFFFF), &items[0].verdict);
    assert_ptr_equal(isvsvn_levels_find(&levels, 8), &items[0].verdict);
    assert_ptr_equal(isvsvn_levels_find(&levels, 7), &items[1].verdict);
    assert_ptr_equal(isvsvn_levels_find(&levels, 6), &items[1].verdict);
    assert_ptr_equal(isvsvn_levels_find(&levels, 5), &items[3].verdict);
    assert_ptr_equal(isvsvn_levels_find(&levels, 2), &items[3].verdict);
    assert_null(isvsvn_levels_find(&levels, 1));
    assert_null(isvsvn_levels_find(&levels, 0));
    assert_null(isvsvn_levels_find(&none, 0xFFFF));
}

static int read_levels(const char *text)
{
    static const struct json_limits limits = {.size = 4096, .depth = 8};
    struct isvsvn_levels levels = {0};
    json_auto_t *object = json_parse_object(span_of_text(text), &limits, &err);
    assert_non_null(object);
    int rc = isvsvn_levels_read(object, &levels, &err);
    isvsvn_levels_fini(&levels);
    assert_null(levels.items);
    return rc;
}

#define LEVEL(members)                                                                             \
    "{\"tcbLevels\":[{\"tcb\":{\"isvsvn\":1},\"tcbDate\":\"2024-03-13T00:00:00Z\"," members "}]}"

static void refuses_levels_of_another_form(void **state)
{
    (void)state;
    check_ok(read_levels(LEVEL("\"tcbStatus\":\"UpToDate\"")), &err);
    check_ok(read_levels(LEVEL("\"tcbStatus\":\"Revoked\",\"advisoryIDs\":[]")), &err);
    static const char *const refused[] = {
        "{}",
        "{\"tcbLevels\":[]}",
        "{\"tcbLevels\":[[]]}",
        "{\"tcbLevels\":{}}",
        LEVEL("\"tcbStatus\":\"NotSupported\""),
        LEVEL("\"tcbStatus\":\"\""),
        LEVEL("\"tcbStatus\":\"OK\""),
        LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"\"]"),
        LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"INTEL-SA-012345678901234567890123\"]"),
        LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[1]"),
        LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":null"),
        LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIds\":[]"),
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        err = (struct error){0};
        assert_int_equal(read_levels(refused[i]), -1);
        assert_true(err.text[0] != '\0');
    }
    check_ok(read_levels(LEVEL("\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":"
                               "[\"INTEL-SA-0123456789012345678901\"]")),
             &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_name),
        cmocka_unit_test(merges_every_pair),
        cmocka_unit_test(no_merge_is_better_than_a_part),
        cmocka_unit_test(the_first_level_that_holds_is_found),
        cmocka_unit_test(refuses_levels_of_another_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
