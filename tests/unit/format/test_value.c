#include "../check.h"

#include <stdio.h>

#include "format/fields.h"
#include "format/value.h"

#define DEPTH 4

static int read_text(struct arena *arena, const char *text, struct value *out, struct error *err)
{
    *arena = (struct arena){.limit = 1 << 20};
    return value_read_object(span_of_text(text), DEPTH, arena, out, err);
}

/* Reads `text` and expects it to be written as `written`. */
static void reads(const char *text, const char *written)
{
    struct error err = {0};
    struct arena arena;
    struct value value;
    BUF_AUTO out = BUF_WITH_LIMIT(4096);
    check_ok(read_text(&arena, text, &value, &err), &err);
    check_ok(value_append(&value, &out, &err), &err);
    assert_string_equal(buf_text(&out), written);
    arena_fini(&arena);
}

static void refuses(const char *text, const char *because)
{
    struct error err = {0};
    struct arena arena;
    struct value value;
    if (read_text(&arena, text, &value, &err) == 0)
        fail_msg("was read: %s", text);
    if (!strstr(err.text, because))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, err.text, because);
    arena_fini(&arena);
}

static void reads_values_of_each_kind(void **state)
{
    (void)state;
    reads("{}", "{}");
    reads(" {\t\"a\" :\r\n[ 1 , -2,0 , null ] } ", "{\"a\":[1,-2,0,null]}");
    reads("{\"t\":true,\"f\":false,\"o\":{\"b\":{},\"a\":[]}}",
          "{\"t\":true,\"f\":false,\"o\":{\"b\":{},\"a\":[]}}");
    reads("{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
          "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
}

static void unescapes_texts(void **state)
{
    (void)state;
    reads("{\"\\u0061\\/\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"}",
          "{\"a/\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"}");
    reads("{\"a\":\"\\u00e9\\u20AC\\ud83d\\uDE00\\uffff\"}",
          "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\"}");
}

/* What is special is found wherever it stands. */
static void finds_what_is_special_in_long_texts(void **state)
{
    (void)state;
    for (int before = 0; before < 20; before++) {
        for (int after = 0; after < 20; after++) {
            char text[80];
            (void)snprintf(text, sizeof text, "{\"%.*s\\\\%.*s\":0}", before, "xxxxxxxxxxxxxxxxxxx",
                           after, "[]{}~z!\x7fyyyyyyyyyyy");
            reads(text, text);
            (void)snprintf(text, sizeof text, "{\"%.*s\\\"%.*s\":0}", before, "xxxxxxxxxxxxxxxxxxx",
                           after, "yyyyyyyyyyyyyyyyyyy");
            reads(text, text);
            for (char control = 1; control < ' '; control++) {
                (void)snprintf(text, sizeof text, "{\"%.*s%c%.*s\":0}", before,
                               "xxxxxxxxxxxxxxxxxxx", control, after, "yyyyyyyyyyyyyyyyyyy");
                refuses(text, "does not end on its line");
            }
        }
    }
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *because;
    } bad[] = {
        {"", "does not end"},
        {"[]", "expected an object, found an array"},
        {"7", "expected an object, found an integer"},
        {"{} {}", "more than one value"},
        {"{\"a\":1", "does not end"},
        {"{\"a\"", "a colon"},
        {"{\"a\" 1}", "a colon"},
        {"{a:1}", "a key in quotes"},
        {"{\"a\":}", "a JSON value"},
        {"{,}", "a key"},
        {"{\"a\":1,}", "after the comma"},
        {"{\"a\":[1,]}", "after the comma"},
        {"{\"a\":[,1]}", "a JSON value"},
        {"{\"a\":[1 2]}", "a comma"},
        {"{\"a\":[1}", "a comma"},
        {"{\"a\":\n[1},\n2", "line 2"},
        {"{\"a\":tru}", "a JSON value"},
        {"{\"a\":truer}", "a comma"},
        {"{\"a\":NaN}", "a JSON value"},
        {"{\"a\":1}#", "more than one value"},
        {"{\"a\":`x`}", "a JSON value"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "duplicate key \"a\""},
        {"{\"a\":\"\n\"}", "does not end on its line"},
        {"{\"a\":\"x", "does not end on its line"},
        {"{\"a\":\"\\x\"}", "an escape"},
        {"{\"a\":\"\\", "an escape"},
        {"{\"a\":\"\\u12", "an escape"},
        {"{\"a\":\"\\u00g0\"}", "an escape"},
        {"{\"a\":\"\\u0000\"}", "an escape"},
        {"{\"a\":\"\\ud800\"}", "an escape"},
        {"{\"a\":\"\\ud800\\u0061\"}", "an escape"},
        {"{\"a\":\"\\udc00\"}", "an escape"},
        {"{\"a\":\"\xff\"}", "UTF-8"},
        {"{\"a\":-}", "not a number"},
        {"{\"a\":01}", "not a number"},
        {"{\"a\":1.5}", "no integer"},
        {"{\"a\":2E+3}", "no integer"},
        {"{\"a\":-0.0}", "no integer"},
        {"{\"a\":1.}", "no integer"},
        {"{\"a\":1e}", "no integer"},
        {"{\"a\":+1}", "a JSON value"},
        {"{\"a\":.5}", "a JSON value"},
        {"{\"a\":9223372036854775808}", "64 bits"},
        {"{\"a\":[[[[]]]]}", "nested too deep"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(bad[i].text, bad[i].because);
}

static void refuses_a_zero_byte(void **state)
{
    (void)state;
    struct error err = {0};
    struct arena arena = {.limit = 1 << 20};
    struct value value;
    static const char text[] = "{}\0";
    check_refused(value_read_object(span_of(text, 3), DEPTH, &arena, &value, &err), &err, "zero");
    arena_fini(&arena);
}

static void refuses_more_than_it_has_room_for(void **state)
{
    (void)state;
    struct error err = {0};
    struct value value;
    struct arena small = {.limit = 1 << 15};
    struct arena arena = {.limit = 1 << 20};
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
    for (int i = 0; i <= VALUE_MEMBERS_MAX; i++)
        check_ok(buf_printf(&text, &err, "%s\"%d\":1", i ? "," : "{", i), &err);
    check_ok(buf_append_text(&text, "}", &err), &err);
    check_refused(value_read_object(buf_span(&text), DEPTH, &arena, &value, &err), &err,
                  "more than 1024 members");
    assert_int_equal(err.code, ERROR_LIMIT);
    check_refused(value_read_object(buf_span(&text), DEPTH, &small, &value, &err), &err,
                  "too much memory");
    arena_fini(&small);
    arena_fini(&arena);
}

static void reads_regos_own_where_asked(void **state)
{
    (void)state;
    struct error err = {0};
    struct value value = {0};
    struct arena arena = {.limit = 1 << 20};
    char text[] = "[1, # one\n  `a\\n\nb`, ] rest";
    struct value_reader reader = {.at = text, .line = 1, .depth = 1, .rego = true, .arena = &arena};
    check_ok(value_read(&reader, &value, &err), &err);
    assert_int_equal(value.count, 2);
    assert_string_equal(value.first->next->text, "a\\n\nb");
    assert_int_equal(reader.line, 3);
    assert_string_equal(reader.at, " rest");
    arena_fini(&arena);
}

/* --- fields ----------------------------------------------------------------------------------- */

struct row {
    unsigned int number;
};

struct sample {
    const char *text;
    bool flag;
    uint64_t size;
    const struct row *rows;
    size_t row_count;
};

static const struct field row_fields[] = {
    {"number", field_uint, offsetof(struct row, number), .min = 1, .max = 9}, {0}};

static int read_row(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, row_fields, row);
}

static const struct field sample_fields[] = {
    {"text", field_text, offsetof(struct sample, text)},
    {"flag", field_bool, offsetof(struct sample, flag), .optional = true},
    {"size", field_u64, offsetof(struct sample, size), .max = UINT32_MAX, .since = 7},
    {"rows", field_rows, FIELD_ROWS(struct sample, rows, row_count, read_row, struct row),
     .optional = true, .max = 2},
    {0}};

static int read_sample(const char *text, unsigned int version, struct arena *arena,
                       struct sample *out, struct error *err)
{
    struct decoder decoder = {.arena = arena, .version = version, .err = err};
    struct value value;
    *out = (struct sample){0};
    check_ok(read_text(arena, text, &value, err), err);
    return fields_read(&decoder, &value, sample_fields, out);
}

static void fills_a_struct_by_its_table(void **state)
{
    (void)state;
    struct error err = {0};
    struct arena arena;
    struct sample sample;
    check_ok(read_sample("{\"rows\":[{\"number\":1},{\"number\":9}],\"size\":4294967295,\"flag\":"
                         "true,\"text\":\"x\"}",
                         7, &arena, &sample, &err),
             &err);
    assert_string_equal(sample.text, "x");
    assert_true(sample.flag);
    assert_int_equal(sample.size, 4294967295);
    assert_int_equal(sample.row_count, 2);
    assert_int_equal(sample.rows[1].number, 9);
    arena_fini(&arena);
}

static void passes_over_what_came_later(void **state)
{
    (void)state;
    struct error err = {0};
    struct arena arena;
    struct sample sample;
    check_ok(read_sample("{\"text\":\"\",\"size\":null}", 6, &arena, &sample, &err), &err);
    assert_int_equal(sample.size, 0);
    arena_fini(&arena);
}

static void refuses_fields_that_are_not_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *text, *because;
    } bad[] = {
        {"{\"size\":1}", "key \"text\" is missing"},
        {"{\"text\":\"\"}", "key \"size\" is missing"},
        {"{\"txt\":\"\",\"size\":1}", "key \"txt\" is unknown"},
        {"{\"text\":\"\",\"size\":1,\"more\":1}", "key \"more\" is unknown"},
        {"{\"text\":null,\"size\":1}", "key \"text\": expected a string, found null"},
        {"{\"text\":\"\",\"size\":1,\"flag\":0}", "key \"flag\": expected true or false"},
        {"{\"text\":\"\",\"size\":true}", "key \"size\": expected an integer"},
        {"{\"text\":\"\",\"size\":-1}", "key \"size\": -1 is not between 0 and 4294967295"},
        {"{\"text\":\"\",\"size\":4294967296}", "is not between"},
        {"{\"text\":\"\",\"size\":1,\"rows\":{}}", "key \"rows\": expected an array"},
        {"{\"text\":\"\",\"size\":1,\"rows\":[7]}", "rows[0]: expected an object"},
        {"{\"text\":\"\",\"size\":1,\"rows\":[{\"number\":1},{\"number\":0}]}",
         "rows[1]: key \"number\": 0 is not between 1 and 9"},
        {"{\"text\":\"\",\"size\":1,\"rows\":[{\"number\":1},{\"number\":1},{\"number\":1}]}",
         "3 elements; at most 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct arena arena;
        struct sample sample;
        check_refused(read_sample(bad[i].text, 7, &arena, &sample, &err), &err, bad[i].because);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_of_each_kind),
        cmocka_unit_test(unescapes_texts),
        cmocka_unit_test(finds_what_is_special_in_long_texts),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_a_zero_byte),
        cmocka_unit_test(refuses_more_than_it_has_room_for),
        cmocka_unit_test(reads_regos_own_where_asked),
        cmocka_unit_test(fills_a_struct_by_its_table),
        cmocka_unit_test(passes_over_what_came_later),
        cmocka_unit_test(refuses_fields_that_are_not_as_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
