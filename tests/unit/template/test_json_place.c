/* Where values lie in a text, and that nothing is found in what has none. */
#include <stdlib.h>

#include "../check.h"

#include "template/json_place.h"

/* Follows a path from the root: "/key" a member, "#2" an element. False where it leads nowhere. */
static bool follow(struct span text, const char *path, struct json_place *out)
{
    bool found = json_place_root(text, out);
    while (found && *path) {
        char step[32] = "";
        size_t len = strcspn(path + 1, "/#");
        assert_true(len < sizeof step);
        memcpy(step, path + 1, len);
        struct json_place whole = *out;
        found = *path == '/' ? json_place_member(text, whole, step, out)
                             : json_place_element(text, whole, (size_t)(step[0] - '0'), out);
        path += 1 + len;
    }
    return found;
}

static void check_place(const char *json, const char *path, const char *expected)
{
    struct json_place place;
    struct span text = span_of_text(json);
    if (!follow(text, path, &place))
        fail_msg("%s is not found in %s", path, json);
    assert_int_equal(place.end - place.start, strlen(expected));
    assert_memory_equal(text.data + place.start, expected, strlen(expected));
}

static void finds_members_and_elements(void **state)
{
    static const char json[] =
        " {\"a\" : [ 1, \"two\",{\"b\":\ttrue},[],-3.5e1 ],\r\n \"c\\\"}\": {}, \"d\":null} ";
    (void)state;
    check_place(json, "/a", "[ 1, \"two\",{\"b\":\ttrue},[],-3.5e1 ]");
    check_place(json, "/a#0", "1");
    check_place(json, "/a#1", "\"two\"");
    check_place(json, "/a#2", "{\"b\":\ttrue}");
    check_place(json, "/a#2/b", "true");
    check_place(json, "/a#3", "[]");
    check_place(json, "/a#4", "-3.5e1");
    check_place(json, "#1", "{}");
    check_place(json, "/d", "null");
    check_place(json, "/D", "null");
    check_place("[\"\\\\\",\"]\",0]", "#1", "\"]\"");
    check_place("[\"\\\\\",\"]\",0]", "#2", "0");
    check_place("{\"a\":{\"x\":\"}\\\"\"},\"x\":1}", "/x", "1");
    check_place("\"text\"", "", "\"text\"");
}

static void finds_nothing_where_nothing_is(void **state)
{
    static const struct {
        const char *json, *path;
    } cases[] = {
        {"", ""},
        {"  ", ""},
        {"{}", "/a"},
        {"[]", "#0"},
        {"[1]", "#1"},
        {"[1]", "/a"},
        {"{\"a\":1}", "/b"},
        {"{\"a\":1}", "#1"},
        {"1", "/a"},
        {"\"a\"", "#0"},
        {"{\"b\":\"a\"}", "/a"},
        {"{\"a\":{\"b\":1}}", "/b"},
        {"{\"aa\":1}", "/a"},
        {"{\"\\u0061\":1}", "/a"},
    };
    struct json_place place;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (follow(span_of_text(cases[i].json), cases[i].path, &place))
            fail_msg("%s is found in %s", cases[i].path, cases[i].json);
    }
}

/* Never asked of such texts; it must end and stay inside all the same. */
static void stays_inside_of_what_is_cut(void **state)
{
    static const char json[] = "{\"a\":[1,{\"b\":\"x\\\"y\"},[[]]],\"c\":\"\\\\\"}";
    static const char *const paths[] = {"/a", "/a#0", "/a#1/b", "/a#2#0", "/c"};
    (void)state;
    for (size_t size = 0; size < sizeof json - 1; size++) {
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
            struct json_place place;
            uint8_t *copy = malloc(size ? size : 1);
            assert_non_null(copy);
            memcpy(copy, json, size);
            if (follow(span_of(copy, size), paths[i], &place))
                assert_true(place.start < place.end && place.end <= size);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members_and_elements),
        cmocka_unit_test(finds_nothing_where_nothing_is),
        cmocka_unit_test(stays_inside_of_what_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
