#include "format/jcs.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/json.h"

#define DIGITS_MAX 17 /* that any double needs to be read back as itself */

static int append_value(const json_t *value, size_t depth, struct buf *out, struct error *err);

/* --- numbers ---------------------------------------------------------------------------------- */

/* A positive number: digits without trailing zeros, and how many stand before the point. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int point;
};

/* The fewest digits that are read back as this number (ECMA-262, Number::toString). */
static void shortest(double number, struct decimal *out)
{
    char text[DIGITS_MAX + 16];
    int precision = 0;
    do {
        (void)snprintf(text, sizeof text, "%.*e", precision, number);
    } while (strtod(text, NULL) != number && ++precision < DIGITS_MAX);
    const char *exponent = strchr(text, 'e');
    out->count = 0;
    for (const char *at = text; at < exponent; at++) {
        if (*at != '.')
            out->digits[out->count++] = *at;
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0')
        out->count--;
    out->digits[out->count] = '\0';
    out->point = (int)strtol(exponent + 1, NULL, 10) + 1;
}

static int append_exponential(const struct decimal *number, struct buf *out, struct error *err)
{
    int exponent = number->point - 1;
    return buf_printf(out, err, "%c%s%se%c%d", number->digits[0], number->count > 1 ? "." : "",
                      number->digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
}

static int append_real(double number, struct buf *out, struct error *err)
{
    struct decimal decimal;
    if (number == 0)
        return buf_append_byte(out, '0', err);
    if (number < 0 && buf_append_byte(out, '-', err) < 0)
        return -1;
    shortest(number < 0 ? -number : number, &decimal);
    if (decimal.point > 21 || decimal.point <= -6)
        return append_exponential(&decimal, out, err);
    if (decimal.point <= 0)
        return buf_printf(out, err, "0.%.*s%s", -decimal.point, "000000", decimal.digits);
    if (decimal.point < decimal.count)
        return buf_printf(out, err, "%.*s.%s", decimal.point, decimal.digits,
                          decimal.digits + decimal.point);
    return buf_printf(out, err, "%s%.*s", decimal.digits, decimal.point - decimal.count,
                      "000000000000000000000");
}

static int append_integer(json_int_t number, struct buf *out, struct error *err)
{
    if (number > JCS_INTEGER_MAX || number < -JCS_INTEGER_MAX)
        return error_set(
            err, ERROR_INVALID,
            "%" JSON_INTEGER_FORMAT " is beyond the integers that JSON is sure to keep", number);
    return buf_printf(out, err, "%" JSON_INTEGER_FORMAT, number);
}

/* --- arrays and objects ----------------------------------------------------------------------- */

/* UTF-8's bytes are in the order of UTF-16's units but for one thing: what is beyond the first
 * plane (F0 to F4) has surrogates, which come before U+E000 to U+FFFF (EE and EF). */
static int rank(uint8_t byte)
{
    return byte >= 0xF0 ? byte - 2 : byte >= 0xEE ? byte + 5 : byte;
}

static int compare_names(const void *a, const void *b)
{
    const uint8_t *left = *(const uint8_t *const *)a;
    const uint8_t *right = *(const uint8_t *const *)b;
    while (*left && *left == *right) {
        left++;
        right++;
    }
    return rank(*left) - rank(*right);
}

static int append_members(const json_t *object, const char **names, size_t depth, struct buf *out,
                          struct error *err)
{
    size_t count = 0;
    /* jansson iterates over what it takes as mutable, and leaves it alone. */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at))
        names[count++] = json_object_iter_key(at);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && buf_append_byte(out, ',', err) < 0) ||
            json_append_string(out, span_of_text(names[i]), err) < 0 ||
            buf_append_byte(out, ':', err) < 0 ||
            append_value(json_object_get(object, names[i]), depth, out, err) < 0)
            return -1;
    }
    return 0;
}

static int append_object(const json_t *object, size_t depth, struct buf *out, struct error *err)
{
    const char **names = calloc(json_object_size(object) + 1, sizeof *names);
    if (!names)
        return error_memory(err);
    int result = buf_append_byte(out, '{', err);
    if (result == 0)
        result = append_members(object, names, depth, out, err);
    free(names);
    return result < 0 ? -1 : buf_append_byte(out, '}', err);
}

static int append_array(const json_t *array, size_t depth, struct buf *out, struct error *err)
{
    if (buf_append_byte(out, '[', err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        if ((i > 0 && buf_append_byte(out, ',', err) < 0) ||
            append_value(json_array_get(array, i), depth, out, err) < 0)
            return -1;
    }
    return buf_append_byte(out, ']', err);
}

static int append_value(const json_t *value, size_t depth, struct buf *out, struct error *err)
{
    if (depth == JSON_DEPTH_MAX && (json_is_object(value) || json_is_array(value)))
        return error_set(err, ERROR_LIMIT, "JSON is nested more than %d deep", JSON_DEPTH_MAX);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return append_object(value, depth + 1, out, err);
    case JSON_ARRAY:
        return append_array(value, depth + 1, out, err);
    case JSON_STRING:
        return json_append_string(out, span_of(json_string_value(value), json_string_length(value)),
                                  err);
    case JSON_INTEGER:
        return append_integer(json_integer_value(value), out, err);
    case JSON_REAL:
        return append_real(json_real_value(value), out, err);
    case JSON_NULL:
        return buf_append_text(out, "null", err);
    default:
        return buf_append_text(out, json_is_true(value) ? "true" : "false", err);
    }
}

int jcs_append(const json_t *value, struct buf *out, struct error *err)
{
    size_t start = out->size;
    if (append_value(value, 0, out, err) == 0)
        return 0;
    buf_truncate(out, start);
    return -1;
}
