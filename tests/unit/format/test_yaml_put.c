/* One value is put into a text, and nothing else of it changes. Where that cannot be, it is
 * refused. */
#include "../check.h"

#include "format/yaml_put.h"

static const struct yaml_limits limits = {.size = 65536, .depth = 16, .nodes = 4096};

/* metadata.annotations.x/p, below these steps. */
static int put_below(const char *text, size_t document, const struct yaml_step *above, size_t count,
                     struct buf *out, struct error *err)
{
    struct yaml_step steps[8];
    memcpy(steps, above, count * sizeof *steps);
    steps[count] = (struct yaml_step){.key = "metadata"};
    steps[count + 1] = (struct yaml_step){.key = "annotations"};
    steps[count + 2] = (struct yaml_step){.key = "x/p"};
    const struct yaml_way way = {document, steps, count + 3};
    return yaml_put(span_of_text(text), &limits, &way, "UA==", out, err);
}

static int put(const char *text, size_t document, struct buf *out, struct error *err)
{
    static const struct yaml_step none[1];
    return put_below(text, document, none, 0, out, err);
}

static void check_put(const char *before, size_t document, const char *after)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    BUF_AUTO again = BUF_WITH_LIMIT(65536);
    check_ok(put(before, document, &out, &err), &err);
    assert_string_equal(buf_text(&out), after);
    /* The second time changes nothing any more. */
    check_ok(put(after, document, &again, &err), &err);
    assert_string_equal(buf_text(&again), after);
}

static void replaces_a_value_and_keeps_the_rest(void **state)
{
    static const char *const cases[][2] = {
        {"# top\nmetadata:   # here\n  annotations:\n    a: 1 # one\n    # about p\n    x/p: old   "
         "# "
         "kept\n    b: \"2\"\nspec: {}\n",
         "# top\nmetadata:   # here\n  annotations:\n    a: 1 # one\n    # about p\n    x/p: "
         "\"UA==\"   # kept\n    b: \"2\"\nspec: {}\n"},
        {"metadata: {annotations: {x/p: 'old', b: c}} # c\n",
         "metadata: {annotations: {x/p: \"UA==\", b: c}} # c\n"},
        {"metadata:\n  annotations:\n    \"x/p\": \"a\\\n      b\"\n",
         "metadata:\n  annotations:\n    \"x/p\": \"UA==\"\n"},
        {"metadata:\n  annotations:\n    x/p:\n    b: c\n",
         "metadata:\n  annotations:\n    x/p: \"UA==\"\n    b: c\n"},
        {"metadata:\n  annotations:\n    x/p: |\n      old\n      text\n\n\n    # next\n    b: c\n",
         "metadata:\n  annotations:\n    x/p: \"UA==\"\n\n\n    # next\n    b: c\n"},
        {"metadata:\n  annotations:\n    x/p: >-\n      old\n",
         "metadata:\n  annotations:\n    x/p: \"UA==\"\n"},
        {"metadata:\n  annotations:\n    x/p: several\n      plain words\nspec: 1",
         "metadata:\n  annotations:\n    x/p: \"UA==\"\nspec: 1"},
        {"metadata:\n  annotations:\n    x/p: 17\n",
         "metadata:\n  annotations:\n    x/p: \"UA==\"\n"},
        {"metadata:\n  annotations:\n    x/p: old", "metadata:\n  annotations:\n    x/p: \"UA==\""},
        {"{\"metadata\": {\"annotations\": {\"x/p\": \"old\"}}}\n",
         "{\"metadata\": {\"annotations\": {\"x/p\": \"UA==\"}}}\n"},
        /* What stands before it in characters is more in bytes. */
        {"a: \"\xc3\xa9\xe2\x82\xac\" # \xf0\x9f\x90\x8b\nmetadata: {annotations: {x/p: "
         "\xc3\xa9}}\n",
         "a: \"\xc3\xa9\xe2\x82\xac\" # \xf0\x9f\x90\x8b\nmetadata: {annotations: {x/p: "
         "\"UA==\"}}\n"},
        {"\xef\xbb\xbfmetadata: {annotations: {x/p: a}}\n",
         "\xef\xbb\xbfmetadata: {annotations: {x/p: \"UA==\"}}\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_put(cases[i][0], 0, cases[i][1]);
}

static void makes_what_is_missing(void **state)
{
    static const char *const cases[][2] = {
        /* Behind the key's line, so that a comment stays with what it is about. */
        {"metadata:\n  annotations: # ours\n    # about a\n    a: b\n",
         "metadata:\n  annotations: # ours\n    x/p: \"UA==\"\n    # about a\n    a: b\n"},
        {"metadata:\n  annotations:\n\n\n      a: b\n",
         "metadata:\n  annotations:\n      x/p: \"UA==\"\n\n\n      a: b\n"},
        {"metadata:\n    # which\n    name: n\nspec: {}\n",
         "metadata:\n    annotations:\n      x/p: \"UA==\"\n    # which\n    name: n\nspec: {}\n"},
        {"# licence\n\nkind: Pod # k\nspec: {}\n",
         "# licence\n\nmetadata:\n  annotations:\n    x/p: \"UA==\"\nkind: Pod # k\nspec: {}\n"},
        {"metadata: {}\n", "metadata: {\"annotations\": {\"x/p\": \"UA==\"}}\n"},
        {"metadata: {name: n, labels: {a: b}}\n",
         "metadata: {\"annotations\": {\"x/p\": \"UA==\"}, name: n, labels: {a: b}}\n"},
        {"metadata: { # open\n  name: n }\n",
         "metadata: {\"annotations\": {\"x/p\": \"UA==\"},  # open\n  name: n }\n"},
        {"metadata:\n  annotations: {a: b}\n",
         "metadata:\n  annotations: {\"x/p\": \"UA==\", a: b}\n"},
        {"metadata:\n  annotations:   # none yet\n  name: n\n",
         "metadata:\n  annotations: {\"x/p\": \"UA==\"}   # none yet\n  name: n\n"},
        {"metadata:\n  annotations: ~\n", "metadata:\n  annotations: {\"x/p\": \"UA==\"}\n"},
        {"metadata: null # n\nkind: Pod\n",
         "metadata: {\"annotations\": {\"x/p\": \"UA==\"}} # n\nkind: Pod\n"},
        {"{\n  \"kind\": \"Pod\"\n}\n",
         "{\"metadata\": {\"annotations\": {\"x/p\": \"UA==\"}}, \n  \"kind\": \"Pod\"\n}\n"},
        {"{}", "{\"metadata\": {\"annotations\": {\"x/p\": \"UA==\"}}}"},
        {"metadata: &m\n  name: &n x\nother: *n\n",
         "metadata: &m\n  annotations:\n    x/p: \"UA==\"\n  name: &n x\nother: *n\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_put(cases[i][0], 0, cases[i][1]);
}

static void keeps_line_ends(void **state)
{
    (void)state;
    check_put(
        "kind: Pod\r\nmetadata:\r\n  name: n\r\n\r\nspec: 1\r\n", 0,
        "kind: Pod\r\nmetadata:\r\n  annotations:\r\n    x/p: \"UA==\"\r\n  name: n\r\n\r\nspec: "
        "1\r\n");
    check_put("metadata:\r\n  annotations:\r\n    x/p: |\r\n      a\r\n    b: c\r\n", 0,
              "metadata:\r\n  annotations:\r\n    x/p: \"UA==\"\r\n    b: c\r\n");
}

static void finds_its_document(void **state)
{
    static const char text[] = "%YAML 1.1\n---\n# nothing here\n---\nmetadata: {}\n--- # second\n"
                               "metadata: {}\n...\n---\n~\n---\nmetadata: {}\n";
    (void)state;
    check_put(text, 0,
              "%YAML 1.1\n---\n# nothing here\n---\nmetadata: {\"annotations\": {\"x/p\": "
              "\"UA==\"}}\n--- # second\nmetadata: {}\n...\n---\n~\n---\nmetadata: {}\n");
    check_put(text, 1,
              "%YAML 1.1\n---\n# nothing here\n---\nmetadata: {}\n--- # second\nmetadata: "
              "{\"annotations\": {\"x/p\": \"UA==\"}}\n...\n---\n~\n---\nmetadata: {}\n");
    check_put(text, 2,
              "%YAML 1.1\n---\n# nothing here\n---\nmetadata: {}\n--- # second\nmetadata: {}\n...\n"
              "---\n~\n---\nmetadata: {\"annotations\": {\"x/p\": \"UA==\"}}\n");
}

static void goes_into_elements(void **state)
{
    static const struct yaml_step second[] = {{"items", 0}, {NULL, 1}};
    static const char *const cases[][2] = {
        {"items:\n- metadata: {}\n- kind: Pod # it\n  metadata:\n    name: n\n",
         "items:\n- metadata: {}\n- kind: Pod # it\n  metadata:\n    annotations:\n      x/p: "
         "\"UA==\"\n    name: n\n"},
        {"items:\n- a\n- metadata:\n    name: n\n",
         "items:\n- a\n- metadata:\n    annotations:\n      x/p: \"UA==\"\n    name: n\n"},
        {"items:\n  - a\n  - kind: Pod\n    spec: {}\n",
         "items:\n  - a\n  - kind: Pod\n    metadata:\n      annotations:\n        x/p: \"UA==\"\n "
         "  "
         " spec: {}\n"},
        {"{items: [{}, {}]}",
         "{items: [{}, {\"metadata\": {\"annotations\": {\"x/p\": \"UA==\"}}}]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        BUF_AUTO out = BUF_WITH_LIMIT(65536);
        check_ok(put_below(cases[i][0], 0, second, 2, &out, &err), &err);
        assert_string_equal(buf_text(&out), cases[i][1]);
    }
}

static void writes_any_text(void **state)
{
    static const struct yaml_step step[] = {{"a b", 0}};
    const struct yaml_way way = {0, step, 1};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    (void)state;
    check_ok(
        yaml_put(span_of_text("c: d\n"), &limits, &way, "\"quoted\"\n\t#: \xc3\xa9", &out, &err),
        &err);
    assert_string_equal(buf_text(&out), "\"a b\": \"\\\"quoted\\\"\\n\\t#: \xc3\xa9\"\nc: d\n");
}

static void refuses(const char *text, size_t document, enum error_code code)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    if (put(text, document, &out, &err) == 0)
        fail_msg("accepted: %s", text);
    if (err.code != code)
        fail_msg("%s: code %d: %s", text, (int)err.code, err.text);
}

static void refuses_where_something_else_would_change(void **state)
{
    static const char *const cases[] = {
        /* what others repeat */
        "metadata: &m\n  name: n\nother: *m\n",
        "base: &b {name: n}\nmetadata: *b\n",
        "base: &b {annotations: {a: b}}\nmetadata:\n  <<: *b\n  name: n\n",
        "metadata:\n  annotations: &a\n    b: c\nother:\n  annotations: *a\n",
        "metadata:\n  annotations:\n    x/p: &v old\nother: *v\n",
        "metadata:\n  annotations:\n    x/p: &v old\n",
        "v: &v old\nmetadata:\n  annotations:\n    x/p: *v\n",
        /* what is something else */
        "metadata: text\n",
        "metadata: 0\n",
        "metadata: [a]\n",
        "metadata:\n  annotations: \"\"\n",
        "metadata:\n  annotations:\n    x/p: {}\n",
        "metadata:\n  annotations:\n    x/p: [old]\n",
        "text\n",
        "[a]\n",
        /* layouts */
        "? metadata\n: name: n\n",
        "metadata:\n  &m\n  name: n\n",
        "metadata: {annotations}\n",
        "metadata: {? annotations}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i], 0, ERROR_REFUSED);
}

static void refuses_to_lose_a_comment(void **state)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    (void)state;
    check_refused(put("metadata:\n  annotations:\n    x/p: | # why\n      old\n", 0, &out, &err),
                  &err, "line 3: a comment");
}

static void refuses_what_is_not_there(void **state)
{
    static const struct yaml_step second[] = {{"items", 0}, {NULL, 1}};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    (void)state;
    refuses("", 0, ERROR_REFUSED);
    refuses("# nothing\n", 0, ERROR_REFUSED);
    refuses("a: b\n", 1, ERROR_REFUSED);
    refuses("a: b\n---\n~\n", 1, ERROR_REFUSED);
    check_refused(put_below("items: [{}]\n", 0, second, 2, &out, &err), &err, "no such element");
    check_refused(put_below("other: 1\n", 0, second, 2, &out, &err), &err, "no such element");
    check_error(put_below("items: {}\n", 0, second, 2, &out, &err), &err, ERROR_REFUSED);
    check_error(put_below("items:\n- 1\n- x: y\n", 0, second, 2, &out, &err), &err, ERROR_REFUSED);
}

static void refuses_what_cannot_be_read(void **state)
{
    (void)state;
    refuses("a: [\n", 0, ERROR_INVALID);
    refuses("a: 1\na: 2\n", 0, ERROR_INVALID);
    refuses("a: !!str b\n", 0, ERROR_INVALID);
    refuses("a: *none\n", 0, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_a_value_and_keeps_the_rest),
        cmocka_unit_test(makes_what_is_missing),
        cmocka_unit_test(keeps_line_ends),
        cmocka_unit_test(finds_its_document),
        cmocka_unit_test(goes_into_elements),
        cmocka_unit_test(writes_any_text),
        cmocka_unit_test(refuses_where_something_else_would_change),
        cmocka_unit_test(refuses_to_lose_a_comment),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(refuses_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
