/* The functions of JMESPath: the table of them, and those on numbers, lists and objects. */
#include "rules/jmespath_functions.h"

#include <math.h>
#include <stdlib.h>

json_t *jmespath_fail(struct jmespath_search *search, const char *function, const char *problem)
{
    (void)error_set(search->err, ERROR_INVALID, "JMESPath: %.64s(): %s", function, problem);
    return NULL;
}

json_t *jmespath_made(struct jmespath_search *search, json_t *value)
{
    if (!value)
        (void)error_memory(search->err);
    return value;
}

#define TWO_TO_63 9223372036854775808.0 /* the first double that is no int64_t */

/* --- numbers ---------------------------------------------------------------------------------- */

static json_t *whole(struct jmespath_search *search, double value)
{
    if (value >= -TWO_TO_63 && value < TWO_TO_63)
        return jmespath_made(search, json_integer((json_int_t)value));
    return jmespath_made(search, json_real(value));
}

static json_t *call_abs(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    const json_t *value = arguments[0].value;
    (void)count;
    if (json_is_integer(value) && json_integer_value(value) != INT64_MIN)
        return jmespath_made(search, json_integer(llabs(json_integer_value(value))));
    return jmespath_made(search, json_real(fabs(json_number_value(value))));
}

static json_t *call_ceil(struct jmespath_search *search, const struct jmespath_argument *arguments,
                         size_t count)
{
    (void)count;
    return json_is_integer(arguments[0].value)
               ? json_incref(arguments[0].value)
               : whole(search, ceil(json_real_value(arguments[0].value)));
}

static json_t *call_floor(struct jmespath_search *search, const struct jmespath_argument *arguments,
                          size_t count)
{
    (void)count;
    return json_is_integer(arguments[0].value)
               ? json_incref(arguments[0].value)
               : whole(search, floor(json_real_value(arguments[0].value)));
}

/* An integer where all are and their sum is one; else a real number. */
static json_t *call_sum(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    const json_t *list = arguments[0].value;
    json_int_t total = 0;
    double real = 0;
    bool exact = true;
    (void)count;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        real += json_number_value(value);
        exact = exact && json_is_integer(value) &&
                !__builtin_add_overflow(total, json_integer_value(value), &total);
    }
    if (exact)
        return jmespath_made(search, json_integer(total));
    json_t *sum = json_real(real); /* NULL where it is infinite */
    return sum ? sum : jmespath_fail(search, "sum", "the numbers are too large");
}

static json_t *call_avg(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    const json_t *list = arguments[0].value;
    double total = 0;
    (void)count;
    for (size_t i = 0; i < json_array_size(list); i++)
        total += json_number_value(json_array_get(list, i));
    if (json_array_size(list) == 0)
        return json_null();
    json_t *average = json_real(total / (double)json_array_size(list));
    return average ? average : jmespath_fail(search, "avg", "the numbers are too large");
}

/* --- lists and objects ------------------------------------------------------------------------ */

/* What copying an object's keys costs. */
static bool spend_on_keys(struct jmespath_search *search, json_t *object)
{
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (!jmespath_spend(search, 1 + strlen(json_object_iter_key(at)) / JMESPATH_TEXT_STEP))
            return false;
    }
    return true;
}

static json_t *call_keys(struct jmespath_search *search, const struct jmespath_argument *arguments,
                         size_t count)
{
    json_t *object = arguments[0].value;
    json_t *out = spend_on_keys(search, object) ? json_array() : NULL;
    (void)count;
    if (!out)
        return NULL;
    for (void *at = json_object_iter(object); out && at; at = json_object_iter_next(object, at)) {
        if (json_array_append_new(out, json_string(json_object_iter_key(at))) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return jmespath_made(search, out);
}

static json_t *call_values(struct jmespath_search *search,
                           const struct jmespath_argument *arguments, size_t count)
{
    json_t *object = arguments[0].value;
    json_t *out = json_array();
    (void)count;
    for (void *at = json_object_iter(object); out && at; at = json_object_iter_next(object, at)) {
        if (json_array_append(out, json_object_iter_value(at)) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return jmespath_made(search, out);
}

static json_t *call_merge(struct jmespath_search *search, const struct jmespath_argument *arguments,
                          size_t count)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < count; i++) {
        if (!spend_on_keys(search, arguments[i].value)) {
            json_decref(out);
            return NULL;
        }
        if (json_object_update(out, arguments[i].value) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return jmespath_made(search, out);
}

static json_t *call_map(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    const json_t *list = arguments[1].value;
    json_t *out = json_array();
    (void)count;
    for (size_t i = 0; out && i < json_array_size(list); i++) {
        json_t *result = jmespath_visit(search, arguments[0].expression, json_array_get(list, i));
        if (!result) {
            json_decref(out);
            return NULL;
        }
        if (json_array_append_new(out, result) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return jmespath_made(search, out);
}

static json_t *call_not_null(struct jmespath_search *search,
                             const struct jmespath_argument *arguments, size_t count)
{
    (void)search;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_null(arguments[i].value))
            return json_incref(arguments[i].value);
    }
    return json_null();
}

static json_t *call_to_array(struct jmespath_search *search,
                             const struct jmespath_argument *arguments, size_t count)
{
    (void)count;
    if (json_is_array(arguments[0].value))
        return json_incref(arguments[0].value);
    json_t *out = json_array();
    if (out && json_array_append(out, arguments[0].value) < 0) {
        json_decref(out);
        out = NULL;
    }
    return jmespath_made(search, out);
}

static json_t *call_type(struct jmespath_search *search, const struct jmespath_argument *arguments,
                         size_t count)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",  [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "number", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",  [JSON_NULL] = "null",
    };
    (void)count;
    return jmespath_made(search, json_string(names[json_typeof(arguments[0].value)]));
}

/* --- the table -------------------------------------------------------------------------------- */

/* What an argument may be, one bit each. */
enum {
    IS_NUMBER = 1U << 0,
    IS_STRING = 1U << 1,
    IS_BOOLEAN = 1U << 2,
    IS_ARRAY = 1U << 3,
    IS_OBJECT = 1U << 4,
    IS_NULL = 1U << 5,
    IS_VALUE = (1U << 6) - 1, /* any of these */
    IS_NUMBERS = 1U << 6,     /* an array of numbers alone */
    IS_STRINGS = 1U << 7,     /* an array of strings alone */
    IS_EXPRESSION = 1U << 8,
};

static const struct function {
    const char *name;
    jmespath_function *call;
    size_t least, most;  /* arguments; most 0: any number */
    unsigned accepts[2]; /* by argument; further ones are as the last */
} functions[] = {
    {"abs", call_abs, 1, 1, {IS_NUMBER}},
    {"avg", call_avg, 1, 1, {IS_NUMBERS}},
    {"ceil", call_ceil, 1, 1, {IS_NUMBER}},
    {"contains", jmespath_contains, 2, 2, {IS_ARRAY | IS_STRING, IS_VALUE}},
    {"ends_with", jmespath_ends_with, 2, 2, {IS_STRING, IS_STRING}},
    {"equals_ignore_case", jmespath_equals_ignore_case, 2, 2, {IS_VALUE, IS_VALUE}},
    {"floor", call_floor, 1, 1, {IS_NUMBER}},
    {"join", jmespath_join, 2, 2, {IS_STRING, IS_STRINGS}},
    {"keys", call_keys, 1, 1, {IS_OBJECT}},
    {"length", jmespath_length, 1, 1, {IS_STRING | IS_ARRAY | IS_OBJECT}},
    {"map", call_map, 2, 2, {IS_EXPRESSION, IS_ARRAY}},
    {"max", jmespath_max, 1, 1, {IS_NUMBERS | IS_STRINGS}},
    {"max_by", jmespath_max_by, 2, 2, {IS_ARRAY, IS_EXPRESSION}},
    {"merge", call_merge, 1, 0, {IS_OBJECT, IS_OBJECT}},
    {"min", jmespath_min, 1, 1, {IS_NUMBERS | IS_STRINGS}},
    {"min_by", jmespath_min_by, 2, 2, {IS_ARRAY, IS_EXPRESSION}},
    {"not_null", call_not_null, 1, 0, {IS_VALUE, IS_VALUE}},
    {"reverse", jmespath_reverse, 1, 1, {IS_STRING | IS_ARRAY}},
    {"sort", jmespath_sort, 1, 1, {IS_NUMBERS | IS_STRINGS}},
    {"sort_by", jmespath_sort_by, 2, 2, {IS_ARRAY, IS_EXPRESSION}},
    {"starts_with", jmespath_starts_with, 2, 2, {IS_STRING, IS_STRING}},
    {"sum", call_sum, 1, 1, {IS_NUMBERS}},
    {"to_array", call_to_array, 1, 1, {IS_VALUE}},
    {"to_number", jmespath_to_number, 1, 1, {IS_VALUE}},
    {"to_string", jmespath_to_string, 1, 1, {IS_VALUE}},
    {"type", call_type, 1, 1, {IS_VALUE}},
    {"values", call_values, 1, 1, {IS_OBJECT}},
};

static bool all_are(const json_t *list, bool numbers)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        if (numbers ? !json_is_number(value) : !json_is_string(value))
            return false;
    }
    return true;
}

static bool fits(const struct jmespath_argument *argument, unsigned accepted)
{
    static const unsigned kinds[] = {
        [JSON_OBJECT] = IS_OBJECT,  [JSON_ARRAY] = IS_ARRAY, [JSON_STRING] = IS_STRING,
        [JSON_INTEGER] = IS_NUMBER, [JSON_REAL] = IS_NUMBER, [JSON_TRUE] = IS_BOOLEAN,
        [JSON_FALSE] = IS_BOOLEAN,  [JSON_NULL] = IS_NULL,
    };
    if (!argument->value)
        return accepted & IS_EXPRESSION;
    if (accepted & kinds[json_typeof(argument->value)])
        return true;
    return json_is_array(argument->value) &&
           (((accepted & IS_NUMBERS) && all_are(argument->value, true)) ||
            ((accepted & IS_STRINGS) && all_are(argument->value, false)));
}

/* What calling costs by itself: the elements and the text of the arguments are looked at. */
static size_t cost(const struct jmespath_argument *arguments, size_t count)
{
    size_t total = 1;
    for (size_t i = 0; i < count; i++)
        total += json_array_size(arguments[i].value) + json_object_size(arguments[i].value) +
                 json_string_length(arguments[i].value) / JMESPATH_TEXT_STEP;
    return total;
}

static json_t *check_and_call(struct jmespath_search *search, const struct function *function,
                              const struct jmespath_argument *arguments, size_t count)
{
    if (count < function->least || (function->most > 0 && count > function->most))
        return jmespath_fail(search, function->name, "too few or too many arguments");
    for (size_t i = 0; i < count; i++) {
        if (fits(&arguments[i], function->accepts[i > 0]))
            continue;
        (void)error_set(search->err, ERROR_INVALID,
                        "JMESPath: %s() does not take %s as argument %zu", function->name,
                        arguments[i].value ? json_kind(arguments[i].value) : "an expression",
                        i + 1);
        return NULL;
    }
    return jmespath_spend(search, cost(arguments, count)) ? function->call(search, arguments, count)
                                                          : NULL;
}

json_t *jmespath_call(struct jmespath_search *search, const char *name,
                      const struct jmespath_argument *arguments, size_t count)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0)
            return check_and_call(search, &functions[i], arguments, count);
    }
    return jmespath_fail(search, name, "there is no such function");
}
