#include "../check.h"

#include <stdlib.h>

#include "base/buf.h"
#include "format/json.h"
#include "format/yaml.h"

static const struct yaml_limits limits = {.size = 2048, .depth = 5, .nodes = 120};

/* Reads the text and compares it with JSON. */
static void check_reads(const char *text, const char *expected)
{
    struct error err = {0};
    json_auto_t *documents = yaml_read(span_of_text(text), &limits, &err);
    if (!documents)
        fail_msg("%s: %s", text, err.text);
    BUF_AUTO json = BUF_WITH_LIMIT(1 << 16);
    check_ok(json_append(documents, &json, &err), &err);
    assert_string_equal(buf_text(&json), expected);
}

static int refuse(struct span text, struct error *err)
{
    json_auto_t *value = yaml_read(text, &limits, err);
    return value ? 0 : -1;
}

static void check_refuses(const char *text, enum error_code code, const char *words)
{
    struct error err;
    check_error(refuse(span_of_text(text), &err), &err, code);
    if (!strstr(err.text, words))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, err.text, words);
}

static void reads_collections(void **state)
{
    (void)state;
    check_reads("a: 1\nb: [x, {c: d}]\nc:\n- w\n- - z\n",
                "[{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}],\"c\":[\"w\",[\"z\"]]}]");
    check_reads("a: |\n  one\n  two\nb: >-\n  one\n  two\n",
                "[{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}]");
}

static void reads_documents_and_leaves_out_empty_ones(void **state)
{
    (void)state;
    check_reads("", "[]");
    json_auto_t *nothing = yaml_read(span_of(NULL, 0), &limits, NULL);
    assert_int_equal(json_array_size(nothing), 0);
    assert_non_null(nothing);
    check_reads("---\n---\n# nothing\n--- ~\n", "[]");
    check_reads("--- {a: 1}\n---\n--- [b]\n...\n", "[{\"a\":1},[\"b\"]]");
}

static void resolves_plain_scalars_as_kubernetes_does(void **state)
{
    (void)state;
    check_reads("[true, True, TRUE, yes, Yes, YES, on, On, ON, y, Y]",
                "[[true,true,true,true,true,true,true,true,true,true,true]]");
    check_reads("[false, no, off, n, N, ~, null, Null, ]", "[[false,false,false,false,false,null,"
                                                           "null,null]]");
    check_reads("[tRue, yEs, nULL, none, o]", "[[\"tRue\",\"yEs\",\"nULL\",\"none\",\"o\"]]");
    check_reads("[0, -0, 12, +5, -7, 0644, 0o17, 0x1f, -0X1F, 0b101, 1_000]",
                "[[0,0,12,5,-7,420,15,31,-31,5,1000]]");
    check_reads("[9223372036854775807, -9223372036854775808]",
                "[[9223372036854775807,-9223372036854775808]]");
    check_reads("[1.5, .5, 5., 1e3, -2.5E-1, 08, 1.0]", "[[1.5,0.5,5,1000,-0.25,8,1]]");
}

static void keeps_as_text_what_only_looks_like_a_number(void **state)
{
    (void)state;
    check_reads("[1:30, 2001-12-14, 10.0.0.1, 1Gi, 0x, 0xg, -, +, ., .e3, 1e, 0b2, 1e999]",
                "[[\"1:30\",\"2001-12-14\",\"10.0.0.1\",\"1Gi\",\"0x\",\"0xg\",\"-\",\"+\",\".\","
                "\".e3\",\"1e\",\"0b2\",\"1e999\"]]");
    check_reads("[\"1\", 'true', \"\", '~', '0x1f']", "[[\"1\",\"true\",\"\",\"~\",\"0x1f\"]]");
}

static void writes_keys_as_text(void **state)
{
    (void)state;
    check_reads("{8080: a, yes: b, 1.5: c, '': d}",
                "[{\"8080\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"\":\"d\"}]");
    check_refuses("{~: a}", ERROR_INVALID, "a key must be");
    check_refuses("? [a]\n: b\n", ERROR_INVALID, "a key must be");
    check_refuses("? {a: b}\n: b\n", ERROR_INVALID, "a key must be");
}

static void repeats_what_aliases_name(void **state)
{
    (void)state;
    check_reads("a: &x [1, &y z]\nb: *x\nc: *y\n",
                "[{\"a\":[1,\"z\"],\"b\":[1,\"z\"],\"c\":\"z\"}]");
    check_reads("[&x 1, *x , &x 2, *x ]", "[[1,1,2,2]]");
    check_refuses("a: *x\nb: &x 1\n", ERROR_INVALID, "line 1, column 4");
    check_refuses("&x [*x ]", ERROR_INVALID, "not complete");
    check_refuses("--- &x 1\n--- *x\n", ERROR_INVALID, "not there");
}

static void merges_mappings(void **state)
{
    (void)state;
    check_reads("[&x {a: 1, b: 2}, {<<: *x, b: 3}]", "[[{\"a\":1,\"b\":2},{\"b\":3,\"a\":1}]]");
    check_reads("[&x {a: 1}, {<<: [*x , {a: 2, b: 3}]}]", "[[{\"a\":1},{\"a\":1,\"b\":3}]]");
    check_reads("{'<<': 1}", "[{\"<<\":1}]");
    check_refuses("[&x {a: 1}, {a: 2, <<: *x}]", ERROR_INVALID, "write << first");
    check_refuses("{<<: 1}", ERROR_INVALID, "mappings only");
    check_refuses("{<<: [1]}", ERROR_INVALID, "mappings only");
}

static void refuses_duplicate_keys(void **state)
{
    (void)state;
    check_refuses("a: 1\nb: 2\na: 3\n", ERROR_INVALID, "line 3, column 1");
    check_refuses("{\"1\": a, 1: b}", ERROR_INVALID, "already");
    check_refuses("{yes: a, true: b}", ERROR_INVALID, "already");
}

static void refuses_tags(void **state)
{
    (void)state;
    static const char *const texts[] = {"!!str 1",      "! 1",           "!x [1]",
                                        "!!map {a: 1}", "[!!int \"1\"]", "!!binary aGk=\n",
                                        "{!!str a: b}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refuses(texts[i], ERROR_INVALID, "tags are not accepted");
}

static void refuses_values_that_json_has_not(void **state)
{
    (void)state;
    static const char *const texts[] = {"[.inf]", "[-.INF]", "[.nan]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_refuses(texts[i], ERROR_INVALID, "quote it");
    check_refuses("[9223372036854775808]", ERROR_INVALID, "64 bits");
    check_refuses("[-9223372036854775809]", ERROR_INVALID, "64 bits");
    check_refuses("[0xffffffffffffffffff]", ERROR_INVALID, "64 bits");
    check_refuses("a: \"x\\0y\"", ERROR_INVALID, "zero byte");
    check_refuses("\"x\\0y\": a", ERROR_INVALID, "zero byte");
}

static void refuses_malformed_text_with_its_place(void **state)
{
    (void)state;
    check_refuses("a: [1\nb: 2\n", ERROR_INVALID, "line 2");
    check_refuses("a:\n\t- b\n", ERROR_INVALID, "line 2, column 1");
    check_refuses("a: 'b\n", ERROR_INVALID, "line");
    check_refuses("a: \xff\n", ERROR_INVALID, "byte 3");
    check_refuses("a: \x01\n", ERROR_INVALID, "not accepted as YAML");
    check_refuses("\xff\xfe"
                  "a",
                  ERROR_INVALID, "byte 0");
    check_refuses("%YAML 2.0\n--- a\n", ERROR_INVALID, "line 1");
    check_refuses("a: \"\\ud800\"", ERROR_INVALID, "line 1");
}

static void refuses_what_exceeds_its_limits(void **state)
{
    (void)state;
    check_reads("[[[[[1]]]]]", "[[[[[[1]]]]]]");
    check_refuses("[[[[[[1]]]]]]", ERROR_LIMIT, "nested too deep");
    check_refuses("a: {b: {c: {d: {e: {f: 1}}}}}", ERROR_LIMIT, "line 1, column 20");
    char text[3000];
    memset(text, ' ', sizeof text);
    struct error err;
    check_error(refuse(span_of(text, 2049), &err), &err, ERROR_LIMIT);
    memset(text, ',', sizeof text);
    text[0] = '[';
    for (size_t i = 1; i < 300; i += 2)
        text[i] = 'a';
    text[299] = ']';
    check_error(refuse(span_of(text, 300), &err), &err, ERROR_LIMIT);
}

static void refuses_a_billion_laughs(void **state)
{
    (void)state;
    check_refuses("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
                  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n",
                  ERROR_LIMIT, "too many values");
    char text[1200];
    memset(text, 'x', sizeof text);
    memcpy(text, "[&a ", 4);
    memcpy(text + sizeof text - 8, ",*a,*a ]", 8);
    struct error err;
    check_refused(refuse(span_of(text, sizeof text), &err), &err, "too much text");
}

static void refuses_many_anchors(void **state)
{
    (void)state;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
    struct error err = {0};
    for (int i = 0; i <= YAML_ANCHORS_MAX; i++)
        check_ok(buf_append_text(&text, "- &a x\n", &err), &err);
    const struct yaml_limits wide = {.size = 1 << 16, .depth = 5, .nodes = 1000};
    assert_null(yaml_read(buf_span(&text), &wide, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

/* Whatever is cut off, the rest is read or refused, never more. */
static void survives_truncation(void **state)
{
    (void)state;
    static const char text[] =
        "%YAML 1.1\n--- &a\na: [\"x\\u0041\", 'y', *b]\nb: |\n  t\n? c\n: d\n";
    for (size_t size = 0; size < sizeof text; size++) {
        struct error err = {0};
        json_auto_t *value = yaml_read(span_of(text, size), &limits, &err);
        assert_true(value || err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_collections),
        cmocka_unit_test(reads_documents_and_leaves_out_empty_ones),
        cmocka_unit_test(resolves_plain_scalars_as_kubernetes_does),
        cmocka_unit_test(keeps_as_text_what_only_looks_like_a_number),
        cmocka_unit_test(writes_keys_as_text),
        cmocka_unit_test(repeats_what_aliases_name),
        cmocka_unit_test(merges_mappings),
        cmocka_unit_test(refuses_duplicate_keys),
        cmocka_unit_test(refuses_tags),
        cmocka_unit_test(refuses_values_that_json_has_not),
        cmocka_unit_test(refuses_malformed_text_with_its_place),
        cmocka_unit_test(refuses_what_exceeds_its_limits),
        cmocka_unit_test(refuses_a_billion_laughs),
        cmocka_unit_test(refuses_many_anchors),
        cmocka_unit_test(survives_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
