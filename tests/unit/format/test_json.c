#include "../check.h"

#include <stdlib.h>

#include "format/json.h"

static const struct json_limits limits = {.size = 256, .depth = 4};

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *value = json_parse_object(span_of_text(text), &limits, &err);
    if (!value)
        fail_msg("%s: %s", text, err.text);
    return value;
}

static int refuse(struct span text, struct error *err)
{
    json_auto_t *value = json_parse_object(text, &limits, err);
    return value ? 0 : -1;
}

static void reads_members_of_each_type(void **state)
{
    (void)state;
    struct error err = {0};
    json_auto_t *object = parse("{\"t\":\"x\",\"n\":7,\"b\":true,\"a\":[\"y\"],\"o\":{},\"i\":-3}");
    const char *text;
    uint64_t number;
    int64_t integer;
    bool flag;
    json_t *value;
    check_ok(json_get_text(object, "t", &text, &err), &err);
    assert_string_equal(text, "x");
    check_ok(json_get_u64(object, "n", 7, &number, &err), &err);
    assert_int_equal(number, 7);
    check_ok(json_get_i64(object, "i", &integer, &err), &err);
    assert_int_equal(integer, -3);
    check_ok(json_get_bool(object, "b", &flag, &err), &err);
    assert_true(flag);
    check_ok(json_get_array(object, "a", &value, &err), &err);
    check_ok(json_text_at(value, 0, "a", &text, &err), &err);
    assert_string_equal(text, "y");
    check_ok(json_get_object(object, "o", &value, &err), &err);
}

static void finds_what_may_be_absent(void **state)
{
    (void)state;
    struct error err = {0};
    json_auto_t *object = parse("{}");
    const char *text = "old";
    uint64_t number = 5;
    bool flag = true;
    json_t *value = object;
    check_ok(json_find_text(object, "k", &text, &err), &err);
    assert_null(text);
    check_ok(json_find_u64(object, "k", 9, &number, &err), &err);
    check_ok(json_find_bool(object, "k", &flag, &err), &err);
    assert_true(number == 5 && flag);
    check_ok(json_find_array(object, "k", &value, &err), &err);
    assert_null(value);
    check_ok(json_find_object(object, "k", &value, &err), &err);
    assert_null(value);
}

static void refuses_text_that_is_not_one_strict_object(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "it is empty"},
        {"{", "line 1"},
        {"[]", "expected an object, found an array"},
        {"7", "line 1"},
        {"null", "line 1"},
        {"{\"a\":1,\"a\":1}", "duplicate"},
        {"{\"x\":{\"a\":1,\"\\u0061\":2}}", "duplicate"},
        {"{}{}", "end of file"},
        {"{} x", "end of file"},
        {"{\"a\":1,}", "line 1"},
        {"{'a':1}", "line 1"},
        {"{\"a\":01}", "line 1"},
        {"{\"a\":NaN}", "line 1"},
        {"{\"a\":1e999}", "overflow"},
        {"{\"a\":9223372036854775808}", "too big"},
        {"{\"a\":\"\xff\"}", "unable to decode"},
        {"{\"a\":\"\xc0\xaf\"}", "unable to decode"},
        {"{\"a\":\"\\ud800\"}", "invalid Unicode"},
        {"{\"a\":\"\\u0000\"}", "\\u0000"},
        {"{\"a\\u0000b\":1}", "\\u0000"},
        {"{\"a\":\"\n\"}", "unexpected newline"},
        {"\xef\xbb\xbf{}", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        check_refused(refuse(span_of_text(cases[i].text), &err), &err, cases[i].words);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    struct error err;
    check_error(refuse(span_of("{\"a\":1}\0", 8), &err), &err, ERROR_INVALID);
}

static void refuses_too_deep_and_too_long(void **state)
{
    (void)state;
    struct error err;
    json_decref(parse("{\"a\":[[[]]]}"));
    check_error(refuse(span_of_text("{\"a\":[[[[]]]]}"), &err), &err, ERROR_LIMIT);
    json_decref(parse("{\"a\":\"[[[[[[[[[[\\\"[[[[[[\"}"));
    check_error(refuse((struct span){0}, &err), &err, ERROR_INVALID);
    assert_non_null(strstr(err.text, "it is empty"));
    char text[257];
    memset(text, ' ', sizeof text);
    memcpy(text, "{}", 2);
    assert_int_equal(refuse(span_of(text, 256), &err), 0);
    check_error(refuse(span_of(text, 257), &err), &err, ERROR_LIMIT);
    /* Whatever a caller asks for, the recursion stays bounded. */
    char deep[1000];
    memset(deep, '[', sizeof deep);
    const struct json_limits wide = {.size = sizeof deep, .depth = SIZE_MAX};
    assert_null(json_parse(span_of(deep, sizeof deep), &wide, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void refuses_members_of_another_type(void **state)
{
    (void)state;
    struct error err;
    json_auto_t *object = parse("{\"s\":\"x\",\"n\":null,\"r\":1.5,\"m\":-1,\"big\":11,\"a\":[1]}");
    const char *text;
    uint64_t number;
    int64_t integer;
    bool flag;
    json_t *value;
    check_refused(json_get_text(object, "a", &text, &err), &err,
                  "key \"a\": expected a string, found an array");
    check_refused(json_get_text(object, "k", &text, &err), &err, "key \"k\" is missing");
    check_refused(json_find_text(object, "n", &text, &err), &err, "found null");
    check_refused(json_get_u64(object, "r", 10, &number, &err), &err, "found a real number");
    check_refused(json_get_u64(object, "m", 10, &number, &err), &err, "-1 is not between");
    check_error(json_find_u64(object, "big", 10, &number, &err), &err, ERROR_LIMIT);
    check_refused(json_get_i64(object, "s", &integer, &err), &err, "expected an integer");
    check_refused(json_get_bool(object, "s", &flag, &err), &err, "expected true or false");
    check_refused(json_find_bool(object, "n", &flag, &err), &err, "found null");
    check_refused(json_get_array(object, "s", &value, &err), &err, "expected an array");
    assert_null(value);
    check_refused(json_find_object(object, "a", &value, &err), &err, "expected an object");
    assert_null(value);
    check_refused(json_text_at(json_object_get(object, "a"), 0, "a", &text, &err), &err, "a[0]");
    check_refused(json_text_at(json_object_get(object, "a"), 1, "a", &text, &err), &err, "a[1]");
}

static void refuses_unknown_keys(void **state)
{
    (void)state;
    struct error err = {0};
    static const char *const known[] = {"op", "id", NULL};
    json_auto_t *good = parse("{\"id\":1}");
    check_ok(json_check_keys(good, known, &err), &err);
    json_auto_t *bad = parse("{\"id\":1,\"extra\":2}");
    check_refused(json_check_keys(bad, known, &err), &err, "\"extra\"");
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(64);
    json_auto_t *object = parse("{ \"b\": [1, \"\xc3\xa9\"], \"a\": {} }");
    check_ok(json_append(object, &out, &err), &err);
    assert_string_equal(buf_text(&out), "{\"b\":[1,\"\xc3\xa9\"],\"a\":{}}");
    buf_fini(&out);
    check_ok(json_append_string(&out, span_of_text("a\"\\\n\x01/\xc3\xa9"), &err), &err);
    assert_string_equal(buf_text(&out), "\"a\\\"\\\\\\n\\u0001/\xc3\xa9\"");
    BUF_AUTO small = BUF_WITH_LIMIT(4);
    check_error(json_append(object, &small, &err), &err, ERROR_LIMIT);
    check_error(json_append_string(&out, span_of_text("\xff"), &err), &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members_of_each_type),
        cmocka_unit_test(finds_what_may_be_absent),
        cmocka_unit_test(refuses_text_that_is_not_one_strict_object),
        cmocka_unit_test(refuses_too_deep_and_too_long),
        cmocka_unit_test(refuses_members_of_another_type),
        cmocka_unit_test(refuses_unknown_keys),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
