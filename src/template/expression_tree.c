/* Values with texts in them: evaluated, protected from evaluation, copy loops unrolled. */
#include "template/expression_parts.h"

static json_t *evaluate_array(struct expression_scope *scope, json_t *array, struct error *err)
{
    const struct call make = {.scope = scope};
    json_t *out = call_make(&make, json_array(), err);
    for (size_t i = 0; out && i < json_array_size(array); i++) {
        json_t *value = expression_evaluate_all(scope, json_array_get(array, i), err);
        if (!value || json_array_append(out, value) < 0)
            return value ? NOTHING(error_memory(err)) : NULL;
    }
    return out;
}

static json_t *evaluate_object(struct expression_scope *scope, json_t *object, struct error *err)
{
    const struct call make = {.scope = scope};
    json_t *out = call_make(&make, json_object(), err);
    const char *key;
    json_t *value;
    if (!out)
        return NULL;
    json_object_foreach (object, key, value) {
        json_t *made = expression_evaluate_all(scope, value, err);
        if (!made || json_object_set(out, key, made) < 0)
            return made ? NOTHING(error_memory(err)) : NULL;
    }
    return out;
}

json_t *expression_evaluate_all(struct expression_scope *scope, json_t *value, struct error *err)
{
    json_t *out = value;
    if (scope->depth >= 8 * EXPRESSION_DEPTH_MAX || scope->steps++ >= EXPRESSION_STEPS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "values that are too deep or too large");
        return NULL;
    }
    scope->depth++;
    if (json_is_string(value)) {
        out = expression_evaluate(scope, value, err);
    } else if (json_is_array(value)) {
        out = evaluate_array(scope, value, err);
    } else if (json_is_object(value)) {
        json_t *unrolled = expression_unroll(scope, value, err);
        out = unrolled ? evaluate_object(scope, unrolled, err) : NULL;
    }
    scope->depth--;
    return out;
}

static bool needs_protection(const char *text)
{
    size_t len = strlen(text);
    return len > 1 && text[0] == '[' && text[len - 1] == ']';
}

static json_t *protect_text(struct expression_scope *scope, json_t *text, struct error *err)
{
    const char *words = json_string_value(text);
    if (!needs_protection(words))
        return text;
    return expression_keep(scope, json_sprintf("[%s", words), err);
}

static json_t *protect_members(struct expression_scope *scope, json_t *value, struct error *err)
{
    json_t *out = expression_keep(scope, json_copy(value), err);
    const char *key;
    size_t index;
    json_t *element;
    if (!out)
        return NULL;
    json_array_foreach (value, index, element) {
        json_t *made = expression_protect(scope, element, err);
        if (!made || json_array_set(out, index, made) < 0)
            return NULL;
    }
    json_object_foreach (value, key, element) {
        json_t *made = expression_protect(scope, element, err);
        if (!made || json_object_set(out, key, made) < 0)
            return NULL;
    }
    return out;
}

json_t *expression_protect(struct expression_scope *scope, json_t *value, struct error *err)
{
    if (scope->depth >= 8 * EXPRESSION_DEPTH_MAX || scope->steps++ >= EXPRESSION_STEPS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "values that are too deep or too large");
        return NULL;
    }
    scope->depth++;
    json_t *out = value;
    if (json_is_string(value))
        out = protect_text(scope, value, err);
    else if (json_is_array(value) || json_is_object(value))
        out = protect_members(scope, value, err);
    scope->depth--;
    return out;
}

/* --- copy loops in objects --- */

static int loop_count(struct expression_scope *scope, json_t *loop, const char *name,
                      json_int_t *out, struct error *err)
{
    json_t *count = json_object_get(loop, "count");
    if (count)
        count = expression_evaluate(scope, count, err);
    if (json_object_get(loop, "count") && !count)
        return -1;
    if (!json_object_get(loop, "input") || !json_is_integer(count) ||
        json_integer_value(count) < 0 || json_integer_value(count) > EXPRESSION_LOOP_MAX)
        return error_set(err, ERROR_INVALID,
                         "copy loop \"%.64s\" needs an input, and a count from 0 to %d", name,
                         EXPRESSION_LOOP_MAX);
    *out = json_integer_value(count);
    return 0;
}

static json_t *run_loop(struct expression_scope *scope, json_t *loop, const char *name,
                        struct error *err)
{
    const struct call make = {.scope = scope};
    struct expression_loop round = {.outer = scope->loops, .name = name};
    json_int_t count = 0;
    if (loop_count(scope, loop, name, &count, err) < 0)
        return NULL;
    json_t *out = call_make(&make, json_array(), err);
    scope->loops = &round;
    for (; out && round.index < count; round.index++) {
        json_t *value = expression_evaluate_all(scope, json_object_get(loop, "input"), err);
        if (!value || json_array_append(out, value) < 0)
            out = NULL;
    }
    scope->loops = round.outer;
    return out;
}

static int run_loops(struct expression_scope *scope, json_t *loops, json_t *out, struct error *err)
{
    for (size_t i = 0; i < json_array_size(loops); i++) {
        json_t *loop = json_array_get(loops, i);
        const char *name = json_string_value(json_object_get(loop, "name"));
        if (!name || json_object_get(out, name))
            return error_set(err, ERROR_INVALID, "copy loop %zu has no name of its own", i);
        json_t *made = run_loop(scope, loop, name, err);
        if (!made)
            return error_context(err, "copy loop \"%.64s\"", name);
        made = expression_protect(scope, made, err);
        if (!made)
            return -1;
        if (json_object_set(out, name, made) < 0)
            return error_memory(err);
    }
    return 0;
}

json_t *expression_unroll(struct expression_scope *scope, json_t *value, struct error *err)
{
    json_t *loops = json_object_get(value, "copy");
    if (!json_is_array(loops))
        return value;
    json_t *out = expression_keep(scope, json_copy(value), err);
    if (!out || json_object_del(out, "copy") < 0 || run_loops(scope, loops, out, err) < 0)
        return NULL;
    return out;
}
