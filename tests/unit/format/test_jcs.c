/* RFC 8785's own examples, and what is refused. */
#include "../check.h"

#include <string.h>

#include "format/jcs.h"
#include "format/json.h"

static int canonical(const char *text, struct buf *out, struct error *err)
{
    static const struct json_limits limits = {.size = 65536, .depth = JSON_DEPTH_MAX};
    json_auto_t *value = json_parse(span_of_text(text), &limits, err);
    if (!value)
        fail_msg("%s: %s", text, err->text);
    return jcs_append(value, out, err);
}

static void becomes(const char *text, const char *wanted)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    check_ok(canonical(text, &out, &err), &err);
    assert_string_equal(buf_text(&out), wanted);
}

/* RFC 8785, section 3.2.3: the whole example. */
static void writes_the_standards_example(void **state)
{
    (void)state;
    becomes("{\"numbers\": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],"
            "\"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\","
            "\"literals\": [null, true, false]}",
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* The same section: names in the order of UTF-16's units, an emoji before a Hebrew letter. */
static void sorts_names_by_utf16(void **state)
{
    (void)state;
    becomes("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,"
            "\"\\u00f6\":7,\"\":8,\"11\":9}",
            "{\"\":8,\"\\r\":2,\"1\":4,\"11\":9,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
            "\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
}

/* Appendix B, and the borders of each form. */
static void writes_numbers_as_ecmascript_does(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"0.0", "0"},
        {"-0.0", "0"},
        {"-0", "0"},
        {"5e-324", "5e-324"},
        {"-5e-324", "-5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"-1.7976931348623157e+308", "-1.7976931348623157e+308"},
        {"9007199254740992.0", "9007199254740992"},
        {"295147905179352830000.0", "295147905179352830000"},
        {"9.999999999999997e22", "9.999999999999997e+22"},
        {"1e23", "1e+23"},
        {"1.0000000000000001e23", "1.0000000000000001e+23"},
        {"999999999999999700000.0", "999999999999999700000"},
        {"999999999999999900000.0", "999999999999999900000"},
        {"1e21", "1e+21"},
        {"9.999999999999997e-7", "9.999999999999997e-7"},
        {"0.000001", "0.000001"},
        {"333333333.3333332", "333333333.3333332"},
        {"333333333.33333325", "333333333.33333325"},
        {"333333333.3333334", "333333333.3333334"},
        {"-0.0000033333333333333333", "-0.0000033333333333333333"},
        {"1424953923781206.25", "1424953923781206.2"},
        {"1.0", "1"},
        {"-12.5", "-12.5"},
        {"100.0", "100"},
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"7", "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64], wanted[64];
        (void)snprintf(text, sizeof text, "[ %s ]", cases[i].text);
        (void)snprintf(wanted, sizeof wanted, "[%s]", cases[i].wanted);
        becomes(text, wanted);
    }
}

static void keeps_the_order_of_arrays(void **state)
{
    (void)state;
    becomes("[ 3, 1, {\"b\": [], \"a\": {}}, \"\\u007f\\b\\t\\f\\r\" ]",
            "[3,1,{\"a\":{},\"b\":[]},\"\x7f\\b\\t\\f\\r\"]");
}

static void refuses_integers_that_readers_round(void **state)
{
    (void)state;
    static const char *const texts[] = {"[9007199254740992]", "[-9007199254740992]",
                                        "{\"a\":[9223372036854775807]}"};
    for (size_t i = 0; i < 3; i++) {
        struct error err;
        BUF_AUTO out = BUF_WITH_LIMIT(65536);
        check_error(canonical(texts[i], &out, &err), &err, ERROR_INVALID);
        assert_int_equal(out.size, 0);
    }
}

static void refuses_what_is_too_deep_or_too_long(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    BUF_AUTO small = BUF_WITH_LIMIT(4);
    json_t *deep = json_array();
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, deep), 0);
        deep = outer;
    }
    check_error(jcs_append(deep, &out, &err), &err, ERROR_LIMIT);
    assert_int_equal(jcs_append(json_array_get(deep, 0), &out, &err), 0);
    json_decref(deep);
    check_error(canonical("[\"abcd\"]", &small, &err), &err, ERROR_LIMIT);
    assert_int_equal(small.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_standards_example),
        cmocka_unit_test(sorts_names_by_utf16),
        cmocka_unit_test(writes_numbers_as_ecmascript_does),
        cmocka_unit_test(keeps_the_order_of_arrays),
        cmocka_unit_test(refuses_integers_that_readers_round),
        cmocka_unit_test(refuses_what_is_too_deep_or_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
