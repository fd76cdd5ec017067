#include "template/expression.h"

#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "template/expression_parts.h"

bool expression_is(const char *text)
{
    size_t len = strlen(text);
    return len > 2 && text[0] == '[' && text[1] != '[' && text[len - 1] == ']';
}

json_t *expression_keep(struct expression_scope *scope, json_t *value, struct error *err)
{
    if (!value || json_array_append_new(scope->kept, value) < 0) {
        (void)error_memory(err);
        return NULL;
    }
    return value;
}

/* --- calls --- */

int call_wrong(const struct call *call, size_t index, const char *expected, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s(): argument %zu: expected %s, found %s", call->name,
                     index + 1, expected, json_kind(call->items[index]));
}

int call_text(const struct call *call, size_t index, const char **out, struct error *err)
{
    if (!json_is_string(call->items[index]))
        return call_wrong(call, index, "a string", err);
    *out = json_string_value(call->items[index]);
    return 0;
}

int call_ascii(const struct call *call, size_t index, const char **out, struct error *err)
{
    if (call_text(call, index, out, err) < 0)
        return -1;
    for (const char *at = *out; *at; at++) {
        if (*at & 0x80)
            return error_set(err, ERROR_INVALID, "%s(): positions in text that is not ASCII",
                             call->name);
    }
    return 0;
}

int call_number(const struct call *call, size_t index, json_int_t *out, struct error *err)
{
    if (!json_is_integer(call->items[index]))
        return call_wrong(call, index, "a whole number", err);
    *out = json_integer_value(call->items[index]);
    return 0;
}

int call_bool(const struct call *call, size_t index, bool *out, struct error *err)
{
    if (!json_is_boolean(call->items[index]))
        return call_wrong(call, index, "true or false", err);
    *out = json_is_true(call->items[index]);
    return 0;
}

/* Arrays and objects share what is in them: only their own size counts. */
json_t *call_make(const struct call *call, json_t *value, struct error *err)
{
    struct expression_scope *scope = call->scope;
    scope->bytes += 64 + json_string_length(value) +
                    32 * (json_array_size(value) + json_object_size(value));
    if (scope->bytes > EXPRESSION_BYTES_MAX) {
        json_decref(value);
        (void)error_set(err, ERROR_LIMIT, "expressions make more than %u bytes",
                        EXPRESSION_BYTES_MAX);
        return NULL;
    }
    return expression_keep(scope, value, err);
}

json_t *call_make_text(const struct call *call, struct span text, struct error *err)
{
    return call_make(call, json_stringn((const char *)text.data, text.size), err);
}

json_t *call_make_bool(bool value)
{
    return value ? json_true() : json_false();
}

int call_append(const json_t *value, struct buf *out, struct error *err)
{
    if (json_is_string(value))
        return buf_append_text(out, json_string_value(value), err);
    if (json_is_boolean(value))
        return buf_append_text(out, json_is_true(value) ? "True" : "False", err);
    return json_append(value, out, err);
}

static const struct function *find_function(const char *name)
{
    const struct function *const tables[] = {expression_text_functions, expression_value_functions,
                                             expression_logic_functions,
                                             expression_deployment_functions};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (const struct function *function = tables[i]; function->name; function++) {
            if (strcasecmp(function->name, name) == 0)
                return function;
        }
    }
    return NULL;
}

static json_t *evaluate(struct expression_scope *scope, const struct node *node, struct error *err);

/* Only the branch that is taken is evaluated. */
static json_t *evaluate_if(struct expression_scope *scope, const struct node *node,
                           struct error *err)
{
    if (node->count != 3) {
        (void)error_set(err, ERROR_INVALID, "if() takes 3 arguments, not %zu", node->count);
        return NULL;
    }
    json_t *condition = evaluate(scope, node->items[0], err);
    if (!condition)
        return NULL;
    if (!json_is_boolean(condition)) {
        (void)error_set(err, ERROR_INVALID, "if(): expected true or false, found %s",
                        json_kind(condition));
        return NULL;
    }
    return evaluate(scope, node->items[json_is_true(condition) ? 1 : 2], err);
}

static json_t *evaluate_call(struct expression_scope *scope, const struct node *node,
                             struct error *err)
{
    json_t *items[EXPRESSION_ARGUMENTS_MAX];
    if (strcasecmp(node->text, "if") == 0)
        return evaluate_if(scope, node, err);
    const struct function *function = find_function(node->text);
    if (!function) {
        (void)error_set(err, ERROR_INVALID, "function %.64s() is not known", node->text);
        return NULL;
    }
    if (node->count < function->least || node->count > function->most) {
        (void)error_set(err, ERROR_INVALID, "%s() does not take %zu arguments", function->name,
                        node->count);
        return NULL;
    }
    for (size_t i = 0; i < node->count; i++) {
        items[i] = evaluate(scope, node->items[i], err);
        if (!items[i])
            return NULL;
    }
    const struct call call = {scope, function->name, items, node->count};
    return (*function->run)(&call, err); /* so written, cppcheck sees a call */
}

/* --- members --- */

static json_t *find_member(json_t *object, const char *name)
{
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        if (strcasecmp(key, name) == 0)
            return value;
    }
    return NULL;
}

static json_t *take_member(const struct node *node, json_t *base, const char *name,
                           struct error *err)
{
    json_t *value = find_member(base, name);
    if (value)
        return value;
    bool deployment = node->base->kind == NODE_CALL &&
                      (strcasecmp(node->base->text, "resourceGroup") == 0 ||
                       strcasecmp(node->base->text, "subscription") == 0);
    if (deployment)
        (void)error_set(err, ERROR_UNAVAILABLE,
                        "%s().%.64s is known to the deployment only; --subscription, "
                        "--resource-group and --location tell it",
                        node->base->text, name);
    else if (json_is_object(base))
        (void)error_set(err, ERROR_INVALID, "no member \"%.64s\"", name);
    else
        (void)error_set(err, ERROR_INVALID, "member \"%.64s\" of %s", name, json_kind(base));
    return NULL;
}

static json_t *take_element(const struct node *node, json_t *base, json_t *index, struct error *err)
{
    json_t *value = NULL;
    if (json_is_string(index))
        return take_member(node, base, json_string_value(index), err);
    if (json_is_array(base) && json_is_integer(index) && json_integer_value(index) >= 0)
        value = json_array_get(base, (size_t)json_integer_value(index));
    if (!value)
        (void)error_set(err, ERROR_INVALID, "%s has no such element", json_kind(base));
    return value;
}

static json_t *evaluate_node(struct expression_scope *scope, const struct node *node,
                             struct error *err)
{
    const struct call literal = {.scope = scope};
    json_t *base, *index;
    switch (node->kind) {
    case NODE_TEXT:
        return call_make_text(&literal, span_of_text(node->text), err);
    case NODE_NUMBER:
        return call_make(&literal, json_integer(node->number), err);
    case NODE_CALL:
        return evaluate_call(scope, node, err);
    case NODE_MEMBER:
        base = evaluate(scope, node->base, err);
        return base ? take_member(node, base, node->text, err) : NULL;
    case NODE_INDEX:
        base = evaluate(scope, node->base, err);
        index = base ? evaluate(scope, node->items[0], err) : NULL;
        return index ? take_element(node, base, index, err) : NULL;
    }
    return NULL;
}

/* Depth is the tree's, and that of values that are expressions themselves. */
static json_t *evaluate(struct expression_scope *scope, const struct node *node, struct error *err)
{
    if (scope->steps++ == EXPRESSION_STEPS_MAX || scope->depth >= 8 * EXPRESSION_DEPTH_MAX) {
        (void)error_set(err, ERROR_LIMIT,
                        "expressions of more than %d steps, or that refer to each other too often",
                        EXPRESSION_STEPS_MAX);
        scope->steps = EXPRESSION_STEPS_MAX;
        return NULL;
    }
    scope->depth++;
    json_t *value = evaluate_node(scope, node, err);
    scope->depth--;
    return value;
}

json_t *expression_evaluate(struct expression_scope *scope, json_t *text, struct error *err)
{
    const char *words = json_string_value(text);
    size_t len = json_string_length(text);
    if (!words || len < 2 || words[0] != '[' || words[len - 1] != ']')
        return text;
    if (words[1] == '[')
        return expression_keep(scope, json_stringn(words + 1, len - 1), err);
    if (scope->depth == 0)
        scope->told = false;
    struct node *node = expression_parse(words + 1, len - 2, &scope->arena, err);
    json_t *value = node ? evaluate(scope, node, err) : NULL;
    if (!value && !scope->told)
        (void)error_context(err, "\"%.160s\"", words);
    scope->told = scope->told || !value;
    return value;
}
