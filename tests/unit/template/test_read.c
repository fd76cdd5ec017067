/* How values are taken out of documents: keys in any case, kinds, limits, references. */
#include "../check.h"

#include "format/json.h"
#include "template/read.h"

static const struct json_limits limits = {4096, 8};

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *value = json_parse_object(span_of_text(text), &limits, &err);
    if (!value)
        fail_msg("%s: %s", text, err.text);
    return value;
}

static void finds_keys_in_any_case(void **state)
{
    const struct template_reader plain = {0};
    struct error err = {0};
    json_auto_t *object = parse(
        "{\"Key\": \"v\", \"none\": null, \"yes\": \"TRUE\", \"no\": false}");
    const char *text;
    json_t *value;
    bool flag = true;
    (void)state;
    check_ok(template_find_text(&plain, object, "kEY", &text, &err), &err);
    assert_string_equal(text, "v");
    check_ok(template_find(&plain, object, "none", &value, &err), &err);
    assert_null(value);
    check_ok(template_find(&plain, object, "absent", &value, &err), &err);
    assert_null(value);
    check_ok(template_find(&plain, NULL, "key", &value, &err), &err);
    assert_null(value);
    check_ok(template_find_bool(&plain, object, "no", &flag, &err), &err);
    assert_false(flag);
    check_ok(template_find_bool(&plain, object, "yes", &flag, &err), &err);
    assert_true(flag);
    check_ok(template_find_bool(&plain, object, "absent", &flag, &err), &err);
    assert_true(flag);
}

static void refuses_other_kinds(void **state)
{
    const struct template_reader plain = {0};
    struct error err;
    json_auto_t *object = parse(
        "{\"a\": 1, \"A\": 2, \"n\": 1, \"o\": {}, \"l\": [\"x\", 1], \"e\": "
        "\"\", \"y\": \"yes\"}");
    const char *text;
    json_t *value;
    bool flag;
    (void)state;
    check_refused(template_find(&plain, object, "a", &value, &err), &err, "two spellings");
    check_refused(template_find(&plain, json_object_get(object, "n"), "a", &value, &err), &err,
                  "expected an object");
    check_refused(template_find_text(&plain, object, "n", &text, &err), &err, "a string");
    assert_int_equal(json_object_set_new(object, "z", json_stringn("a\0b", 3)), 0);
    check_refused(template_find_text(&plain, object, "z", &text, &err), &err, "zero byte");
    check_refused(template_get_text(&plain, object, "e", &text, &err), &err, "missing or empty");
    check_refused(template_get_text(&plain, object, "absent", &text, &err), &err, "missing or");
    check_refused(template_find_object(&plain, object, "l", &value, &err), &err, "an object");
    check_refused(template_find_array(&plain, object, "o", &value, &err), &err, "an array");
    check_refused(template_find_bool(&plain, object, "y", &flag, &err), &err, "true or false");
    check_refused(template_find_bool(&plain, object, "n", &flag, &err), &err, "true or false");
    check_refused(template_object_at(&plain, json_object_get(object, "l"), 0, "l", &value, &err),
                  &err, "l[0]: expected an object");
    check_refused(template_object_at(&plain, json_object_get(object, "l"), 2, "l", &value, &err),
                  &err, "l[2]: expected an object");
}

static void lists_texts_up_to_a_limit(void **state)
{
    TEMPLATE_GROUPS_AUTO groups = {0};
    struct error err = {0};
    struct policy_list list;
    (void)state;
    check_ok(template_groups_init(&groups, &err), &err);
    const struct template_reader reader = {.groups = &groups};
    json_auto_t *object = parse("{\"l\": [\"x\", \"y\"], \"m\": [\"x\", 1]}");
    check_ok(template_find_texts(&reader, object, "l", &list, &err), &err);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[1], "y");
    check_ok(template_find_texts(&reader, object, "absent", &list, &err), &err);
    assert_int_equal(list.count, 0);
    check_error(template_find_texts(&reader, object, "m", &list, &err), &err, ERROR_INVALID);
    json_t *many = json_array();
    for (size_t i = 0; i <= TEMPLATE_LIST_MAX; i++)
        assert_int_equal(json_array_append_new(many, json_string("")), 0);
    assert_int_equal(json_object_set_new(object, "many", many), 0);
    check_error(template_find_texts(&reader, object, "many", &list, &err), &err, ERROR_LIMIT);
    assert_int_equal(json_array_remove(many, 0), 0);
    check_ok(template_find_texts(&reader, object, "many", &list, &err), &err);
    assert_int_equal(list.count, TEMPLATE_LIST_MAX);
}

static json_t *resolve_ref(void *context, json_t *value, struct error *err)
{
    const char *text = json_string_value(value);
    if (text && strcmp(text, "[gone]") == 0)
        return (void)error_set(err, ERROR_UNAVAILABLE, "not known"), NULL;
    return text && strcmp(text, "[ref]") == 0 ? context : value;
}

static const char *replace_ref(void *context, const char *text, struct error *err)
{
    (void)context;
    if (*text != '!')
        return text;
    (void)error_set(err, ERROR_INVALID, "not replaced");
    return NULL;
}

static void follows_references(void **state)
{
    json_auto_t *object = parse(
        "{\"a\": \"[ref]\", \"b\": \"[gone]\", \"c\": \"!\", \"l\": [\"[ref]\"]}");
    json_auto_t *made = json_string("made");
    const struct template_reader reader = {
        .resolve = resolve_ref, .replace = replace_ref, .context = made};
    struct error err = {0};
    const char *text;
    json_t *value;
    (void)state;
    check_ok(template_find_text(&reader, object, "a", &text, &err), &err);
    assert_string_equal(text, "made");
    check_error(template_find_text(&reader, object, "b", &text, &err), &err, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "b"));
    check_error(template_find_text(&reader, object, "c", &text, &err), &err, ERROR_INVALID);
    check_refused(template_object_at(&reader, json_object_get(object, "l"), 0, "l", &value, &err),
                  &err, "expected an object, found a string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_keys_in_any_case),
        cmocka_unit_test(refuses_other_kinds),
        cmocka_unit_test(lists_texts_up_to_a_limit),
        cmocka_unit_test(follows_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
