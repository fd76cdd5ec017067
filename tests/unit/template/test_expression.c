#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/json.h"
#include "template/expression.h"

/* What the tests' templates have: {"p": …} and {"v": …}. */
static json_t *parameters;
static json_t *variables;

static json_t *find(json_t *values, const char *name, struct error *err)
{
    json_t *value = json_object_get(values, name);
    if (!value)
        (void)error_set(err, ERROR_INVALID, "\"%s\" is not in the template", name);
    return value;
}

static json_t *find_parameter(void *context, const char *name, struct error *err)
{
    (void)context;
    return find(parameters, name, err);
}

static json_t *find_variable(void *context, const char *name, struct error *err)
{
    return expression_evaluate_all(context, find(variables, name, err), err);
}

static struct expression_scope make_scope(void)
{
    return (struct expression_scope){
        .parameter = find_parameter,
        .variable = find_variable,
        .arena = {.limit = 1 << 20},
        .kept = json_array(),
    };
}

static void end_scope(struct expression_scope *scope)
{
    json_decref(scope->kept);
    arena_fini(&scope->arena);
}

static int set_up(void **state)
{
    (void)state;
    parameters = json_loads(
        "{\"s\": \"Text\", \"n\": 7, \"a\": [\"x\", \"y\"], \"b\": true, \"z\": null,"
        " \"o\": {\"k\": {\"Deep\": [1, {\"e\": \"end\"}]}}, \"tricky\": \"[x]\"}",
        0, NULL);
    variables = json_loads(
        "{\"plain\": \"v\", \"made\": \"[concat(parameters('s'), '!')]\","
        " \"list\": [\"[parameters('n')]\", \"[[x]\"], \"loop\": \"[variables('loop')]\","
        " \"twice\": \"[concat(variables('made'), variables('made'))]\"}",
        0, NULL);
    return parameters && variables ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(parameters);
    json_decref(variables);
    return 0;
}

/* The value as JSON. */
static void check_value(const char *words, const char *expected)
{
    struct error err = {0};
    struct expression_scope scope = make_scope();
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    json_auto_t *text = json_string(words);
    scope.context = &scope;
    json_t *value = expression_evaluate(&scope, text, &err);
    if (!value)
        fail_msg("%s: %s", words, err.text);
    check_ok(json_append(value, &out, &err), &err);
    if (strcmp(buf_text(&out), expected) != 0)
        fail_msg("%s gives %s, not %s", words, buf_text(&out), expected);
    end_scope(&scope);
}

static void evaluates_functions(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"[", "\"[\""},
        {"[]x", "\"[]x\""},
        {"[[x]", "\"[x]\""},
        {"[[x", "\"[[x\""},
        {"['it''s']", "\"it's\""},
        {"[ 'a' ]", "\"a\""},
        {"[-12]", "-12"},
        {"[CONCAT('a', 1, true(), 'b')]", "\"a1Trueb\""},
        {"[concat(parameters('a'), createArray(3))]", "[\"x\",\"y\",3]"},
        {"[format('{0}-{1}-{0}{{}}', 'a', 5)]", "\"a-5-a{}\""},
        {"[parameters('s')]", "\"Text\""},
        {"[variables('made')]", "\"Text!\""},
        {"[variables('twice')]", "\"Text!Text!\""},
        {"[variables('list')[0]]", "7"},
        {"[variables('list')[1]]", "\"[x]\""},
        {"[parameters('o').k.deep[1].E]", "\"end\""},
        {"[parameters('o')['K']['deep'][0]]", "1"},
        {"[toLower('\xc3\x84"
         "AbC')]",
         "\"\xc3\x84"
         "abc\""},
        {"[toUpper('AbC')]", "\"ABC\""},
        {"[replace('a.b.c', '.', '--')]", "\"a--b--c\""},
        {"[split('a,b;c', createArray(',', ';'))]", "[\"a\",\"b\",\"c\"]"},
        {"[split('abc', ',')]", "[\"abc\"]"},
        {"[join(createArray('a', 1), '/')]", "\"a/1\""},
        {"[string(parameters('o').k.deep[1])]", "\"{\\\"e\\\":\\\"end\\\"}\""},
        {"[string(12)]", "\"12\""},
        {"[int('-12')]", "-12"},
        {"[bool('True')]", "true"},
        {"[bool(0)]", "false"},
        {"[if(parameters('b'), 'yes', reference('never'))]", "\"yes\""},
        {"[if(false(), reference('never'), 'no')]", "\"no\""},
        {"[and(true(), parameters('b'))]", "true"},
        {"[and(true(), false())]", "false"},
        {"[or(false(), false())]", "false"},
        {"[or(false(), true())]", "true"},
        {"[not(false())]", "true"},
        {"[equals(parameters('a'), createArray('x', 'y'))]", "true"},
        {"[equals('a', 'A')]", "false"},
        {"[greater(2, 1)]", "true"},
        {"[greaterOrEquals('b', 'b')]", "true"},
        {"[less(2, 1)]", "false"},
        {"[lessOrEquals(1, 1)]", "true"},
        {"[empty('')]", "true"},
        {"[empty(parameters('a'))]", "false"},
        {"[empty(parameters('z'))]", "true"},
        {"[length('h\xc3\xa9')]", "2"},
        {"[length(parameters('o'))]", "1"},
        {"[first('\xc3\xa9"
         "a')]",
         "\"\xc3\xa9\""},
        {"[last('a\xc3\xa9')]", "\"\xc3\xa9\""},
        {"[first(parameters('a'))]", "\"x\""},
        {"[last(parameters('a'))]", "\"y\""},
        {"[contains('abc', 'bc')]", "true"},
        {"[contains(parameters('a'), 'z')]", "false"},
        {"[contains(parameters('o'), 'K')]", "true"},
        {"[startsWith('abc', 'AB')]", "true"},
        {"[endsWith('abc', 'xabc')]", "false"},
        {"[indexOf('abcb', 'B')]", "1"},
        {"[lastIndexOf('abcb', 'b')]", "3"},
        {"[substring('abcd', 1, 2)]", "\"bc\""},
        {"[substring('abcd', 4)]", "\"\""},
        {"[trim('  a b ')]", "\"a b\""},
        {"[padLeft(7, 3, '0')]", "\"007\""},
        {"[union(parameters('a'), createArray('y', 'z'))]", "[\"x\",\"y\",\"z\"]"},
        {"[union(createObject('a', createObject('b', 1)), createObject('a', createObject('c', "
         "2)))]",
         "{\"a\":{\"b\":1,\"c\":2}}"},
        {"[createArray()]", "[]"},
        {"[array('a')]", "[\"a\"]"},
        {"[json('{\"a\": [1]}').a[0]]", "1"},
        {"[json('null')]", "null"},
        {"[base64('a b')]", "\"YSBi\""},
        {"[base64ToString('YSBi')]", "\"a b\""},
        {"[base64ToJson('eyJhIjoxfQ==').a]", "1"},
        {"[uriComponent('a b/\xc3\xa9')]", "\"a%20b%2F%C3%A9\""},
        {"[uri('https://h.example/a/b.json', 'c/d')]", "\"https://h.example/a/c/d\""},
        {"[uri('https://h.example/a/', '/c')]", "\"https://h.example/c\""},
        {"[uri('https://h.example', 'c')]", "\"https://h.example/c\""},
        {"[coalesce(null(), parameters('z'), 'c')]", "\"c\""},
        {"[take(parameters('a'), 1)]", "[\"x\"]"},
        {"[skip(parameters('a'), 1)]", "[\"y\"]"},
        {"[take('abc', 2)]", "\"ab\""},
        {"[take('abc', 9)]", "\"abc\""},
        {"[take('abc', -1)]", "\"\""},
        {"[skip('abc', 2)]", "\"c\""},
        {"[skip('abc', 9)]", "\"\""},
        {"[range(3, 2)]", "[3,4]"},
        {"[add(mul(2, 3), sub(mod(7, 4), div(9, 2)))]", "5"},
        {"[min(3, 1, 2)]", "1"},
        {"[max(createArray(3, 1))]", "3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_value(cases[i][0], cases[i][1]);
}

static void check_fails(const char *words, enum error_code code, const char *why)
{
    struct error err = {0};
    struct expression_scope scope = make_scope();
    json_auto_t *text = json_string(words);
    scope.context = &scope;
    if (expression_evaluate(&scope, text, &err))
        fail_msg("%s has a value", words);
    if (err.code != code || !strstr(err.text, why))
        fail_msg("%s: %d, %s", words, (int)err.code, err.text);
    end_scope(&scope);
}

static void refuses_what_is_no_expression(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "expected a value"},
        {"[ ]", "expected a value"},
        {"['a]", "closing quote"},
        {"['a' 'b']", "expected the end"},
        {"[concat('a']", "comma or a parenthesis"},
        {"[concat('a',)]", "expected a name"},
        {"[concat]", "parenthesis after"},
        {"[concat('a'))]", "expected the end"},
        {"['a'.b]", "expected the end"},
        {"[1a]", "expected the end"},
        {"[007]", "not a number"},
        {"[-]", "not a number"},
        {"[99999999999999999999]", "not a number"},
        {"[parameters('a')[0]", "expected a bracket"},
        {"[parameters('o').]", "expected a name"},
        {"[nothing()]", "nothing() is not known"},
        {"[contoso.own('a')]", "contoso.own() is not known"},
        {"[concat()]", "does not take 0"},
        {"[toLower('a', 'b')]", "does not take 2"},
        {"[if(true(), 1)]", "3 arguments"},
        {"[if('true', 1, 2)]", "true or false"},
        {"[parameters('missing')]", "not in the template"},
        {"[parameters(1)]", "expected a string"},
        {"[parameters('a')[2]]", "no such element"},
        {"[parameters('a')[-1]]", "no such element"},
        {"[parameters('s').x]", "member \"x\" of a string"},
        {"[parameters('o').x]", "no member \"x\""},
        {"[concat('a', createArray())]", "expected a string"},
        {"[concat(createArray(), 'a')]", "expected an array"},
        {"[format('{1}', 'a')]", "no argument for {1}"},
        {"[format('{0:N2}', 1)]", "only {N}"},
        {"[format('}', 1)]", "closes nothing"},
        {"[replace('a', '', 'b')]", "nothing to look for"},
        {"[split(1, ',')]", "expected a string"},
        {"[int('1x')]", "no whole number"},
        {"[int('9999999999999999999')]", "no whole number"},
        {"[bool('yes')]", "argument 1"},
        {"[and(true(), 1)]", "argument 2"},
        {"[greater('a', 1)]", "argument 2"},
        {"[first(createArray())]", "empty array"},
        {"[length(1)]", "argument 1"},
        {"[substring('abc', 2, 2)]", "these characters"},
        {"[substring('abc', -1)]", "these characters"},
        {"[substring('\xc3\xa9', 1)]", "not ASCII"},
        {"[take('\xc3\xa9', 1)]", "not ASCII"},
        {"[skip(1, 1)]", "a string or an array"},
        {"[union(createArray(), createObject())]", "expected an array"},
        {"[createObject('a')]", "without a value"},
        {"[json('{')]", "json()"},
        {"[json('1, 2')]", "not one value"},
        {"[base64ToString('!')]", "base64ToString()"},
        {"[base64ToString('/w==')]", "no text"},
        {"[base64ToString('AA==')]", "no text"},
        {"[uri('h', 'x')]", "a scheme"},
        {"[uri('https://h/', '../x')]", "plain path"},
        {"[div(1, 0)]", "no such number"},
        {"[mod(1, 0)]", "no such number"},
        {"[mul(9223372036854775807, 2)]", "no such number"},
        {"[range(0, 801)]", "0 to 800"},
        {"[copyIndex()]", "no such copy loop"},
        {"[min(createArray())]", "of nothing"},
        {"[padLeft('a', 999999)]", "at most"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_fails(cases[i][0], ERROR_INVALID, cases[i][1]);
}

static void says_what_only_the_deployment_knows(void **state)
{
    static const char *const cases[][2] = {
        {"[guid('a')]", "make it a parameter"},
        {"[uniqueString(resourceGroup().id)]", "resourceGroup().id"},
        {"[uniqueString('a')]", "make it a parameter"},
        {"[utcNow()]", "utcNow()"},
        {"[reference('x').y]", "reference()"},
        {"[listKeys('x', '2023-05-01').keys[0].value]", "listKeys()"},
        {"[resourceGroup().location]", "--location"},
        {"[subscription().subscriptionId]", "--subscription"},
        {"[resourceId('A/b', 'c')]", "--resource-group"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_fails(cases[i][0], ERROR_UNAVAILABLE, cases[i][1]);
}

static void knows_the_deployment_it_is_told(void **state)
{
    static const char *const cases[][2] = {
        {"[resourceGroup().location]", "westeurope"},
        {"[resourceGroup().name]", "g"},
        {"[resourceGroup().id]", "/subscriptions/s/resourceGroups/g"},
        {"[subscription().id]", "/subscriptions/s"},
        {"[resourceId('A.B/c', 'n')]", "/subscriptions/s/resourceGroups/g/providers/A.B/c/n"},
        {"[resourceId('other', 'A.B/c/d', 'n', 'm')]",
         "/subscriptions/s/resourceGroups/other/providers/A.B/c/n/d/m"},
        {"[resourceId('t', 'other', 'A.B/c', 'n')]",
         "/subscriptions/t/resourceGroups/other/providers/A.B/c/n"},
    };
    static const char *const bad[] = {"[resourceId('A', 'c')]", "[resourceId('A/b/c', 'n')]",
                                      "[resourceId('A/b', 'n', 'm')]",
                                      "[resourceId('a', 'b', 'c', 'A/b', 'n')]"};
    struct expression_scope scope = make_scope();
    (void)state;
    scope.context = &scope;
    scope.facts = (struct expression_facts){"s", "g", "westeurope"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        json_auto_t *text = json_string(cases[i][0]);
        json_t *value = expression_evaluate(&scope, text, &err);
        if (!value)
            fail_msg("%s: %s", cases[i][0], err.text);
        assert_string_equal(json_string_value(value), cases[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        json_auto_t *text = json_string(bad[i]);
        assert_null(expression_evaluate(&scope, text, &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
    end_scope(&scope);
}

static void bounds_depth_size_and_steps(void **state)
{
    struct error err = {0};
    BUF_AUTO deep = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO large = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    check_ok(buf_append_text(&deep, "[", &err), &err);
    for (int i = 0; i < EXPRESSION_DEPTH_MAX; i++)
        check_ok(buf_append_text(&deep, "not(", &err), &err);
    check_ok(buf_append_text(&deep, "true()", &err), &err);
    for (int i = 0; i < EXPRESSION_DEPTH_MAX; i++)
        check_ok(buf_append_text(&deep, ")", &err), &err);
    check_ok(buf_append_text(&deep, "]", &err), &err);
    check_fails(buf_text(&deep), ERROR_INVALID, "32 deep");
    check_ok(buf_append_text(&large, "['", &err), &err);
    for (int i = 0; i < EXPRESSION_SIZE_MAX; i++)
        check_ok(buf_append_text(&large, "a", &err), &err);
    check_ok(buf_append_text(&large, "']", &err), &err);
    check_fails(buf_text(&large), ERROR_LIMIT, "at most 24576");
    check_fails("[variables('loop')]", ERROR_LIMIT, "refer to each other");
}

static void bounds_what_is_made(void **state)
{
    struct error err = {0};
    struct expression_scope scope = make_scope();
    json_auto_t *text = json_string("[concat(parameters('s'), parameters('s'))]");
    json_t *kept = json_object_get(parameters, "s");
    (void)state;
    scope.context = &scope;
    json_incref(kept);
    json_t *value = kept;
    for (int i = 0; value && i < 40; i++) { /* doubles each time */
        (void)json_object_set(parameters, "s", value);
        value = expression_evaluate(&scope, text, &err);
    }
    assert_null(value);
    assert_int_equal(err.code, ERROR_LIMIT);
    (void)json_object_set_new(parameters, "s", kept);
    end_scope(&scope);
}

static void unrolls_copy_loops(void **state)
{
    static const char template[] =
        "{\"a\": 1, \"copy\": [{\"name\": \"list\", \"count\": \"[length(parameters('a'))]\", "
        "\"input\":"
        " {\"n\": \"[concat(parameters('a')[copyIndex('list')], copyIndex('LIST', 5))]\"}}]}";
    struct error err = {0};
    struct expression_scope scope = make_scope();
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    json_auto_t *value = json_loads(template, 0, NULL);
    (void)state;
    scope.context = &scope;
    json_t *made = expression_evaluate_all(&scope, value, &err);
    assert_non_null(made);
    check_ok(json_append(made, &out, &err), &err);
    assert_string_equal(buf_text(&out), "{\"a\":1,\"list\":[{\"n\":\"x5\"},{\"n\":\"y6\"}]}");
    assert_null(scope.loops);
    end_scope(&scope);
}

static void refuses_bad_copy_loops(void **state)
{
    static const char *const bad[] = {
        "{\"copy\": [{\"count\": 1, \"input\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"input\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"count\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"count\": -1, \"input\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"count\": 801, \"input\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"count\": \"2\", \"input\": 1}]}",
        "{\"copy\": [{\"name\": \"x\", \"count\": 1, \"input\": \"[copyIndex('y')]\"}]}",
        "{\"x\": 1, \"copy\": [{\"name\": \"x\", \"count\": 1, \"input\": 1}]}",
        "{\"copy\": [1]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct expression_scope scope = make_scope();
        json_auto_t *value = json_loads(bad[i], 0, NULL);
        scope.context = &scope;
        if (expression_evaluate_all(&scope, value, &err))
            fail_msg("%s has a value", bad[i]);
        assert_int_equal(err.code, ERROR_INVALID);
        end_scope(&scope);
    }
}

static void protects_texts_from_a_second_evaluation(void **state)
{
    struct error err = {0};
    struct expression_scope scope = make_scope();
    json_auto_t *value = json_loads("{\"a\": [\"[x]\", \"[[x]\", \"x\", \"[\"]}", 0, NULL);
    (void)state;
    scope.context = &scope;
    json_t *protected = expression_protect(&scope, value, &err);
    assert_non_null(protected);
    assert_true(json_equal(expression_evaluate_all(&scope, protected, &err), value));
    end_scope(&scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluates_functions),
        cmocka_unit_test(refuses_what_is_no_expression),
        cmocka_unit_test(says_what_only_the_deployment_knows),
        cmocka_unit_test(knows_the_deployment_it_is_told),
        cmocka_unit_test(bounds_depth_size_and_steps),
        cmocka_unit_test(bounds_what_is_made),
        cmocka_unit_test(unrolls_copy_loops),
        cmocka_unit_test(refuses_bad_copy_loops),
        cmocka_unit_test(protects_texts_from_a_second_evaluation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
