#include "../check.h"
#include "../vectors.h"

#include <dirent.h>

#include "base/text.h"
#include "rules/jmespath.h"

#define STEPS 1000000

static struct error err;

static json_t *search(const char *expression, json_t *document, uint64_t steps)
{
    JMESPATH_AUTO *compiled = jmespath_new(span_of_text(expression), &err);
    return compiled ? jmespath_search(compiled, document, &steps, &err) : NULL;
}

/* Numbers are equal as numbers, which is JMESPath's own rule. */
static bool same(json_t *a, json_t *b)
{
    json_auto_t *both = json_pack("{s:O, s:O}", "a", a, "b", b);
    json_auto_t *equal = search("a == b", both, STEPS);
    return json_is_true(equal);
}

struct example {
    const char *expression;
    const char *result; /* JSON; NULL: refused */
};

static void check_examples(const char *document_text, const struct example *examples, size_t count)
{
    json_auto_t *document = json_loads(document_text, JSON_DECODE_ANY, NULL);
    assert_non_null(document);
    json_auto_t *before = json_deep_copy(document);
    for (size_t i = 0; i < count; i++) {
        err = (struct error){0};
        json_auto_t *result = search(examples[i].expression, document, STEPS);
        if (!examples[i].result) {
            if (result)
                fail_msg("%s is accepted", examples[i].expression);
            assert_int_equal(err.code, ERROR_INVALID);
            assert_non_null(strstr(err.text, "JMESPath"));
            continue;
        }
        json_auto_t *expected = json_loads(examples[i].result, JSON_DECODE_ANY, NULL);
        assert_non_null(expected);
        if (!result)
            fail_msg("%s: %s", examples[i].expression, err.text);
        if (!same(result, expected))
            fail_msg("%s is %s", examples[i].expression, json_dumps(result, JSON_ENCODE_ANY));
    }
    assert_true(json_equal(document, before));
}
#define CHECK(document, examples)                                                                  \
    check_examples(document, examples, sizeof examples / sizeof *examples)

static void finds_names_and_elements(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"foo", "{\"bar\":[0,1,2,3,4,5],\"b\":{\"c\":7}}"},
        {"foo.b.c", "7"},
        {"\"foo\".\"b\"", "{\"c\":7}"},
        {"foo . b . c", "7"},
        {"nothing.at.all", "null"},
        {"foo.bar[0]", "0"},
        {"foo.bar[-1]", "5"},
        {"foo.bar[6]", "null"},
        {"foo.bar[-7]", "null"},
        {"foo.bar[1:3]", "[1,2]"},
        {"foo.bar[::2]", "[0,2,4]"},
        {"foo.bar[::-1]", "[5,4,3,2,1,0]"},
        {"foo.bar[-2:]", "[4,5]"},
        {"foo.bar[10:0:-2]", "[5,3,1]"},
        {"foo.bar[:9223372036854775807:9223372036854775807]", "[0]"},
        {"foo.bar[-9223372036854775807::-9223372036854775807]", "[]"},
        {"foo.b[0]", "null"},
        {"foo.b[:]", "null"},
        {"@.foo.b.c", "7"},
        {"\"with space\"", "1"},
        {"\"\\u0061\"", "2"},
        {"with space", NULL},
        {"foo.bar[::0]", NULL},
        {"foo.bar[1:2:3:4]", NULL},
        {"foo.bar[9223372036854775808]", NULL},
        {"foo.bar[a]", NULL},
        {"foo.bar[", NULL},
        {"foo.", NULL},
        {".foo", NULL},
        {"foo..bar", NULL},
        {"foo]", NULL},
        {"\"foo", NULL},
        {"\"\\x\"", NULL},
        {"", NULL},
    };
    CHECK("{\"foo\":{\"bar\":[0,1,2,3,4,5],\"b\":{\"c\":7}},\"with space\":1,\"a\":2}", examples);
}

static void projects_and_filters(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"list[*].n", "[1,2,3]"},
        {"list[*].m", "[\"x\"]"},
        {"list[].n", "[1,2,3]"},
        {"*.a", "[1]"},
        {"o.*", "[1]"},
        {"deep[]", "[1,[2],3]"},
        {"deep[][]", "[1,2,3]"},
        {"list[?n > `1`].n", "[2,3]"},
        {"list[?n >= `1` && n < `3`].n", "[1,2]"},
        {"list[?n == `1` || m == 'x'].n", "[1,3]"},
        {"list[?!m].n", "[1,2]"},
        {"list[?(n == `1`)].n", "[1]"},
        {"list[?m]", "[{\"n\":3,\"m\":\"x\"}]"},
        {"list[?n > 'a']", "[]"},
        {"list[*].n | [0]", "1"},
        {"list[*].n[0]", "[]"},
        {"list[0].[n, m]", "[1,null]"},
        {"list[2].{a: n, \"b\": m}", "{\"a\":3,\"b\":\"x\"}"},
        {"nothing.{a: n}", "null"},
        {"nothing.[n]", "null"},
        {"list[?n]|length(@)", "3"},
        {"o && list[0].n", "1"},
        {"nothing || list[0].n", "1"},
        {"nothing && list[0].n", "null"},
        {"!nothing", "true"},
        {"!`0`", "false"},
        {"nothing[*]", "null"},
        {"o[*]", "null"},
        {"list.*", "null"},
        {"list[?]", NULL},
        {"list[?n", NULL},
        {"list[?n = `1`]", NULL},
        {"list[*", NULL},
        {"[a b]", NULL},
        {"[a,]", NULL},
        {"{a}", NULL},
        {"{a: b", NULL},
        {"{`a`: b}", NULL},
        {"list[*]n", NULL},
        {"a &&", NULL},
        {"&a", NULL},
        {"a == &b", NULL},
        {"(a", NULL},
        {"a)", NULL},
        {"a # b", NULL},
    };
    CHECK("{\"list\":[{\"n\":1},{\"n\":2},{\"n\":3,\"m\":\"x\"}],\"o\":{\"a\":1,\"b\":null},"
          "\"deep\":[1,[[2],3]]}",
          examples);
}

static void literals_are_json_and_raw_text(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"`1`", "1"},
        {"` [1, {\"a\": null}] `", "[1,{\"a\":null}]"},
        {"`\"a\\`b\"`", "\"a`b\""},
        {"'raw'", "\"raw\""},
        {"'it\\'s'", "\"it's\""},
        {"'back\\slash \\\\'", "\"back\\\\slash \\\\\\\\\""},
        {"''", "\"\""},
        {"`1` == `1.0`", "true"},
        {"`1` == `true`", "false"},
        {"`[1, {\"a\": 2}]` == `[1.0, {\"a\": 2.0}]`", "true"},
        {"`{\"a\": 1, \"b\": 2}` == `{\"b\": 2, \"a\": 1}`", "true"},
        {"`[1]` != `[1, 2]`", "true"},
        {"`{\"a\": 1}` == `{\"b\": 1}`", "false"},
        {"`1` < `1.5`", "true"},
        {"`9223372036854775807` > `9223372036854775806`", "true"},
        {"'a' < 'b'", "null"},
        {"`foo`", NULL},
        {"``", NULL},
        {"`1, 2`", NULL},
        {"`1] | [1`", NULL},
        {"`1],[1`", NULL},
        {"`{\"a\": 1, \"a\": 2}`", NULL},
        {"`1", NULL},
        {"'a", NULL},
        {"'a\\'", NULL},
        {"`\"\\ud800\"`", NULL},
        {"'\xff'", NULL},
    };
    CHECK("{}", examples);
}

static void functions_answer(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"abs(`-3`)", "3"},
        {"abs(`-9223372036854775808`)", "9223372036854775808.0"},
        {"avg(n)", "2.5"},
        {"avg(`[]`)", "null"},
        {"ceil(`1.2`)", "2"},
        {"floor(`-1.2`)", "-2"},
        {"ceil(`1e300`)", "1e300"},
        {"contains('foobar', 'oba')", "true"},
        {"contains('foobar', `1`)", "false"},
        {"contains(n, `4.0`)", "true"},
        {"contains(s, 'z')", "false"},
        {"ends_with('foobar', 'bar')", "true"},
        {"ends_with('a', 'aa')", "false"},
        {"starts_with('foobar', 'foo')", "true"},
        {"join('-', s)", "\"c-a-b\""},
        {"join('-', `[]`)", "\"\""},
        {"sort(keys(o))", "[\"x\",\"y\"]"},
        {"sort(values(o))", "[1,2]"},
        {"length('\xc3\xa9t\xc3\xa9')", "3"},
        {"length(o)", "2"},
        {"length(n)", "4"},
        {"map(&x, [o, o])", "[1,1]"},
        {"map(&z, [o])", "[null]"},
        {"max(n)", "4"},
        {"min(s)", "\"a\""},
        {"max(`[]`)", "null"},
        {"max_by(r, &k).v", "\"two\""},
        {"min_by(r, &k).v", "\"one\""},
        {"merge(o, {y: `3`, z: `4`})", "{\"x\":1,\"y\":3,\"z\":4}"},
        {"not_null(nothing, `null`, o.x)", "1"},
        {"not_null(nothing)", "null"},
        {"reverse(n)", "[2,1,4,3]"},
        {"reverse('a\xc3\xa9')", "\"\xc3\xa9"
                                 "a\""},
        {"sort(n)", "[1,2,3,4]"},
        {"sort(s)", "[\"a\",\"b\",\"c\"]"},
        {"sort_by(r, &k)[*].v", "[\"one\",\"uno\",\"two\"]"},
        {"sort_by(r, &v)[*].k", "[1,2,1]"},
        {"sum(n)", "10"},
        {"sum(`[]`)", "0"},
        {"sum(`[9223372036854775807, 1]`)", "9223372036854775808.0"},
        {"to_array('a')", "[\"a\"]"},
        {"to_array(n)", "[3,4,1,2]"},
        {"to_number('-1.5e1')", "-15"},
        {"to_number('true')", "null"},
        {"to_number(' 1')", "null"},
        {"to_number(n)", "null"},
        {"to_string(o)", "\"{\\\"x\\\":1,\\\"y\\\":2}\""},
        {"to_string('a')", "\"a\""},
        {"type(n)", "\"array\""},
        {"type(`1.5`)", "\"number\""},
        {"type(`null`)", "\"null\""},
        {"equals_ignore_case('AbC', 'aBc')", "true"},
        {"equals_ignore_case('AbC', 'aB')", "false"},
        {"equals_ignore_case(nothing, 'a')", "false"},
        {"abs('a')", NULL},
        {"abs()", NULL},
        {"abs(`1`, `2`)", NULL},
        {"avg(`[1, \"a\"]`)", NULL},
        {"contains(`1`, `1`)", NULL},
        {"join(`1`, s)", NULL},
        {"join('-', n)", NULL},
        {"keys(n)", NULL},
        {"length(`1`)", NULL},
        {"map(x, n)", NULL},
        {"map(&x, o)", NULL},
        {"max(`[1, \"a\"]`)", NULL},
        {"max_by(r, k)", NULL},
        {"max_by(r, &nothing)", NULL},
        {"sort_by(`[{\"k\": 1}, {\"k\": \"a\"}]`, &k)", NULL},
        {"sort(`[[1]]`)", NULL},
        {"merge()", NULL},
        {"merge(n)", NULL},
        {"not_null()", NULL},
        {"length(&x)", NULL},
        {"unknown(n)", NULL},
        {"Length(n)", NULL},
        {"\"length\"(n)", NULL},
        {"o.length(x)(n)", NULL},
        {"@(n)", NULL},
        {"length(n", NULL},
        {"length(n,)", NULL},
        {"contains(n `1`)", NULL},
    };
    CHECK(
        "{\"n\":[3,4,1,2],\"s\":[\"c\",\"a\",\"b\"],\"o\":{\"x\":1,\"y\":2},\"r\":[{\"k\":2,\"v\":"
        "\"two\"},{\"k\":1,\"v\":\"one\"},{\"k\":1,\"v\":\"uno\"}]}",
        examples);
}

/* Queries of the kind that policies ask of a boot log. */
static void boot_logs_are_searched(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"Events[?Type == 'CONFIG' && Data.Guid == '8BE4'] | [?Data.Name == 'SecureBoot'] | "
         "length(@) == `1` && @[0].Data.Value == 'AQ'",
         "true"},
        {"Events[? Type == 'TAG' && (Pcr == `12` || Pcr == `13`)].Data.Inner | [*].Flag",
         "[false]"},
        {"Events[? Type == 'TAG'].Data.Inner.Modules[] | [? Ok == `true` && "
         "(equals_ignore_case(Path, '\\windows\\wdboot.sys'))] | @ != `null`",
         "true"},
        {"Events[? Seq < `2`].Seq | @[0]", "1"},
        {"Events[? Type == 'NONE'] | @[0].Seq", "null"},
        {"Events[?Data.Inner.Flag != null] | length(@) == `1` && @[0] | @.{S: Seq}", "{\"S\":2}"},
        {"Pcrs[? Index == `0`].Digest | @[0] == `\"KCk\"`", "true"},
        {"Pcrs[? Index == `0`].Digest | @[0] ='KCk'", NULL},
    };
    CHECK(
        "{\"Events\":[{\"Seq\":1,\"Type\":\"CONFIG\",\"Data\":{\"Guid\":\"8BE4\",\"Name\":"
        "\"SecureBoot\",\"Value\":\"AQ\"}},{\"Seq\":2,\"Type\":\"TAG\",\"Pcr\":12,\"Data\":{"
        "\"Inner\":{\"Flag\":false,\"Modules\":[{\"Ok\":true,\"Path\":\"\\\\Windows\\\\WDBOOT.SYS\""
        "}]}}}],\"Pcrs\":[{\"Index\":0,\"Digest\":\"KCk\"}]}",
        examples);
}

static void says_where_an_expression_is_wrong(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"foo.bar[?a = 'b']", "column 12: \"=\" compares nothing: write \"==\""},
        {"foo bar", "column 5: expected the end"},
        {"foo[*", "column 6: expected \"]\""},
        {"foo.'a'", "column 5: expected a name"},
        {"foo == 12", "column 8: expected an expression"},
        {"'abc", "column 1: the quote that begins here does not end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct error){0};
        assert_null(jmespath_new(span_of_text(cases[i][0]), &err));
        if (!strstr(err.text, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], err.text);
    }
}

static void repeat(struct buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_ok(buf_append_text(out, text, &err), &err);
}

static void refuses_too_long_too_deep_and_too_many(void **state)
{
    (void)state;
    static const struct {
        const char *before, *repeated, *after;
        size_t count;
    } cases[] = {
        {"", " ", "a", JMESPATH_SIZE_MAX},
        {"", "(", "a", JMESPATH_DEPTH_MAX + 1},
        {"", "[", "a", 5000},
        {"", "{a:", "b", 5000},
        {"", "!", "a", 5000},
        {"", "& ", "a", 5000},
        {"a", "[*]", "", 5000},
        {"a", "[?a", "", 4000},
        {"a", ".a", "", JMESPATH_NODES_MAX},
        {"a", "|a", "", JMESPATH_NODES_MAX},
        {"f(", "a,", "a)", JMESPATH_NODES_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
        repeat(&text, cases[i].before, 1);
        repeat(&text, cases[i].repeated, cases[i].count);
        repeat(&text, cases[i].after, 1);
        err = (struct error){0};
        assert_null(jmespath_new(buf_span(&text), &err));
        assert_int_equal(err.code, ERROR_LIMIT);
    }
    BUF_AUTO deep = BUF_WITH_LIMIT(JMESPATH_SIZE_MAX);
    repeat(&deep, "`", 1);
    repeat(&deep, "[", JSON_DEPTH_MAX + 1);
    repeat(&deep, "]", JSON_DEPTH_MAX + 1);
    repeat(&deep, "`", 1);
    assert_null(jmespath_new(buf_span(&deep), &err));
}

static void a_search_stops_when_its_steps_are_used_up(void **state)
{
    (void)state;
    /* Each of these squares the list, or the text, again and again. */
    static const char *const hostile[] = {
        "[l,l,l,l,l,l,l,l,l,l][] | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | "
        "[@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][]",
        "l[*].[@,@,@,@] | [][] | [*].[@,@,@,@][] | [][] | [*].[@,@,@,@][] | map(&sort_by([@,@,@], "
        "&@), @) | [*] | to_string([@,@,@,@,@,@]) | [@,@,@,@,@,@] | join(@[0], @) | [@,@,@] | "
        "join(@[0], @)",
        "[l,l,l,l,l,l,l,l,l,l,l,l,l,l,l,l][?contains(to_string(@), 'x') || contains(to_string(@), "
        "'y')]",
        "[l,l,l][*].sort_by(@, &@)",
        /* Small in memory, and endless when it is written. */
        "[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]",
        "{a:@,b:@}|{a:@,b:@}|{a:@,b:@}|{a:@,b:@}|{a:@,b:@}|{a:@,b:@}|{a:@,b:@}|{a:@,b:@}",
        "[l,l,l,l,l,l,l,l,l,l,l,l,l,l,l,l][?@ == @ && @ == @]",
    };
    json_auto_t *document = json_object();
    json_t *list = json_array();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(json_array_append_new(list, json_integer(i)), 0);
    assert_int_equal(json_object_set_new(document, "l", list), 0);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        err = (struct error){0};
        json_t *none = search(hostile[i], document, 30000);
        if (none)
            fail_msg("%s came to an end", hostile[i]);
        assert_int_equal(err.code, ERROR_LIMIT);
    }
}

static void steps_are_taken_off(void **state)
{
    (void)state;
    json_auto_t *document = json_pack("{s:i}", "a", 1);
    JMESPATH_AUTO *compiled = jmespath_new(span_of_text("a"), &err);
    uint64_t steps = 3;
    json_auto_t *one = jmespath_search(compiled, document, &steps, &err);
    assert_int_equal(json_integer_value(one), 1);
    assert_int_equal(steps, 1); /* one to find it, one to write it */
    steps = 0;
    assert_null(jmespath_search(compiled, document, &steps, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

/* --- the published compliance tests, where they are at hand ----------------------------------- */

static void check_published_case(const char *file, const json_t *test, json_t *given)
{
    const char *expression = json_string_value(json_object_get(test, "expression"));
    json_t *expected = json_object_get(test, "result");
    json_auto_t *result = search(expression, given, STEPS);
    if (json_object_get(test, "error")) {
        if (result)
            fail_msg("%s: %s is accepted", file, expression);
        return;
    }
    if (!result || (expected && !same(result, expected)))
        fail_msg("%s: %s is wrong: %s", file, expression, err.text);
}

static void check_published_file(const char *file)
{
    json_auto_t *suite = json_load_file(file, JSON_ALLOW_NUL, NULL);
    size_t i;
    size_t k;
    json_t *group;
    json_t *test;
    assert_true(json_is_array(suite));
    json_array_foreach (suite, i, group) {
        json_array_foreach (json_object_get(group, "cases"), k, test) {
            if (!json_object_get(test, "bench"))
                check_published_case(file, test, json_object_get(group, "given"));
        }
    }
}

static void published_compliance_tests_pass(void **state)
{
    (void)state;
    vectors_need("jmespath");
    DIR *folder = opendir(vectors_path("jmespath"));
    assert_non_null(folder);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[512];
        if (!text_ends_with(entry->d_name, ".json"))
            continue;
        (void)snprintf(name, sizeof name, "jmespath/%s", entry->d_name);
        check_published_file(vectors_path(name));
        count++;
    }
    (void)closedir(folder);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_and_elements),
        cmocka_unit_test(projects_and_filters),
        cmocka_unit_test(literals_are_json_and_raw_text),
        cmocka_unit_test(functions_answer),
        cmocka_unit_test(boot_logs_are_searched),
        cmocka_unit_test(says_where_an_expression_is_wrong),
        cmocka_unit_test(refuses_too_long_too_deep_and_too_many),
        cmocka_unit_test(a_search_stops_when_its_steps_are_used_up),
        cmocka_unit_test(steps_are_taken_off),
        cmocka_unit_test(published_compliance_tests_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
