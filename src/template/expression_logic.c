/* Functions of truth and numbers. */
#include <stdlib.h>
#include <strings.h>

#include "template/expression_parts.h"

#define ANY EXPRESSION_ARGUMENTS_MAX

static json_t *run_true(const struct call *call, struct error *err)
{
    (void)call, (void)err;
    return json_true();
}

static json_t *run_false(const struct call *call, struct error *err)
{
    (void)call, (void)err;
    return json_false();
}

static json_t *run_null(const struct call *call, struct error *err)
{
    (void)call, (void)err;
    return json_null();
}

static json_t *all_are(const struct call *call, bool wanted, struct error *err)
{
    bool all = true;
    for (size_t i = 0; i < call->count; i++) {
        bool value;
        if (call_bool(call, i, &value, err) < 0)
            return NULL;
        all = all && value == wanted;
    }
    return call_make_bool(all == wanted);
}

static json_t *run_and(const struct call *call, struct error *err)
{
    return all_are(call, true, err);
}

static json_t *run_or(const struct call *call, struct error *err)
{
    return all_are(call, false, err);
}

static json_t *run_not(const struct call *call, struct error *err)
{
    bool value;
    return call_bool(call, 0, &value, err) < 0 ? NULL : call_make_bool(!value);
}

static json_t *run_equals(const struct call *call, struct error *err)
{
    (void)err;
    return call_make_bool(json_equal(call->items[0], call->items[1]));
}

/* Numbers by value, texts by their bytes. */
static int compare(const struct call *call, int *out, struct error *err)
{
    json_int_t a, b;
    const char *s, *t;
    if (json_is_string(call->items[0])) {
        if (call_text(call, 0, &s, err) < 0 || call_text(call, 1, &t, err) < 0)
            return -1;
        *out = strcmp(s, t);
        return 0;
    }
    if (call_number(call, 0, &a, err) < 0 || call_number(call, 1, &b, err) < 0)
        return -1;
    *out = (a > b) - (a < b);
    return 0;
}

static json_t *run_greater(const struct call *call, struct error *err)
{
    int order;
    return compare(call, &order, err) < 0 ? NULL : call_make_bool(order > 0);
}

static json_t *run_greater_equal(const struct call *call, struct error *err)
{
    int order;
    return compare(call, &order, err) < 0 ? NULL : call_make_bool(order >= 0);
}

static json_t *run_less(const struct call *call, struct error *err)
{
    int order;
    return compare(call, &order, err) < 0 ? NULL : call_make_bool(order < 0);
}

static json_t *run_less_equal(const struct call *call, struct error *err)
{
    int order;
    return compare(call, &order, err) < 0 ? NULL : call_make_bool(order <= 0);
}

static json_t *run_coalesce(const struct call *call, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < call->count; i++) {
        if (!json_is_null(call->items[i]))
            return call->items[i];
    }
    return json_null();
}

static json_t *run_bool(const struct call *call, struct error *err)
{
    const json_t *value = call->items[0];
    const char *text = json_string_value(value);
    if (json_is_boolean(value))
        return call->items[0];
    if (json_is_integer(value))
        return call_make_bool(json_integer_value(value) != 0);
    if (text && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0))
        return json_true();
    if (text && (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0))
        return json_false();
    return NOTHING(call_wrong(call, 0, "true, false, or text or number of it", err));
}

static json_t *run_int(const struct call *call, struct error *err)
{
    const char *text;
    char *end;
    if (json_is_integer(call->items[0]))
        return call->items[0];
    if (call_text(call, 0, &text, err) < 0)
        return NULL;
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    long long number = strtoll(text, &end, 10);
    if (digits == 0 || digits > 18 || *end)
        return NOTHING(error_set(err, ERROR_INVALID, "int(): the text is no whole number"));
    return call_make(call, json_integer(number), err);
}

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER };

static json_t *calculate(const struct call *call, enum operation operation, struct error *err)
{
    json_int_t a, b;
    json_int_t out = 0;
    bool bad = false;
    if (call_number(call, 0, &a, err) < 0 || call_number(call, 1, &b, err) < 0)
        return NULL;
    if (operation == ADD)
        bad = __builtin_add_overflow(a, b, &out);
    else if (operation == SUBTRACT)
        bad = __builtin_sub_overflow(a, b, &out);
    else if (operation == MULTIPLY)
        bad = __builtin_mul_overflow(a, b, &out);
    else if (b == 0 || b == -1)
        bad = b == 0 || (operation == DIVIDE && __builtin_sub_overflow(0, a, &out));
    else
        out = operation == DIVIDE ? a / b : a % b;
    if (bad)
        return NOTHING(error_set(err, ERROR_INVALID, "%s(): no such number", call->name));
    return call_make(call, json_integer(out), err);
}

static json_t *run_add(const struct call *call, struct error *err)
{
    return calculate(call, ADD, err);
}

static json_t *run_sub(const struct call *call, struct error *err)
{
    return calculate(call, SUBTRACT, err);
}

static json_t *run_mul(const struct call *call, struct error *err)
{
    return calculate(call, MULTIPLY, err);
}

static json_t *run_div(const struct call *call, struct error *err)
{
    return calculate(call, DIVIDE, err);
}

static json_t *run_mod(const struct call *call, struct error *err)
{
    return calculate(call, REMAINDER, err);
}

/* The least or greatest of numbers, given one by one or as an array. */
static json_t *extreme(const struct call *call, int sign, struct error *err)
{
    bool array = json_is_array(call->items[0]);
    size_t count = array ? json_array_size(call->items[0]) : call->count;
    json_t *best = NULL;
    for (size_t i = 0; i < count; i++) {
        json_t *value = array ? json_array_get(call->items[0], i) : call->items[i];
        if (!json_is_integer(value))
            return NOTHING(error_set(err, ERROR_INVALID, "%s(): expected whole numbers, found %s",
                                     call->name, json_kind(value)));
        bool better = best && (sign > 0 ? json_integer_value(value) > json_integer_value(best)
                                        : json_integer_value(value) < json_integer_value(best));
        best = !best || better ? value : best;
    }
    if (!best)
        (void)error_set(err, ERROR_INVALID, "%s() of nothing", call->name);
    return best;
}

static json_t *run_min(const struct call *call, struct error *err)
{
    return extreme(call, -1, err);
}

static json_t *run_max(const struct call *call, struct error *err)
{
    return extreme(call, 1, err);
}

const struct function expression_logic_functions[] = {
    {"true", 0, 0, run_true},
    {"false", 0, 0, run_false},
    {"null", 0, 0, run_null},
    {"and", 2, ANY, run_and},
    {"or", 2, ANY, run_or},
    {"not", 1, 1, run_not},
    {"equals", 2, 2, run_equals},
    {"greater", 2, 2, run_greater},
    {"greaterOrEquals", 2, 2, run_greater_equal},
    {"less", 2, 2, run_less},
    {"lessOrEquals", 2, 2, run_less_equal},
    {"coalesce", 1, ANY, run_coalesce},
    {"bool", 1, 1, run_bool},
    {"int", 1, 1, run_int},
    {"add", 2, 2, run_add},
    {"sub", 2, 2, run_sub},
    {"mul", 2, 2, run_mul},
    {"div", 2, 2, run_div},
    {"mod", 2, 2, run_mod},
    {"min", 1, ANY, run_min},
    {"max", 1, ANY, run_max},
    {0},
};
