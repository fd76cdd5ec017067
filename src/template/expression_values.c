/* Functions of arrays and objects. */
#include <strings.h>

#include "template/expression_parts.h"

#define ANY EXPRESSION_ARGUMENTS_MAX

static json_t *run_create_array(const struct call *call, struct error *err)
{
    json_t *out = call_make(call, json_array(), err);
    for (size_t i = 0; out && i < call->count; i++) {
        if (json_array_append(out, call->items[i]) < 0)
            return NOTHING(error_memory(err));
    }
    return out;
}

static json_t *run_create_object(const struct call *call, struct error *err)
{
    json_t *out = call_make(call, json_object(), err);
    if (call->count % 2 != 0)
        return NOTHING(error_set(err, ERROR_INVALID, "createObject(): a key without a value"));
    for (size_t i = 0; out && i < call->count; i += 2) {
        const char *key;
        if (call_text(call, i, &key, err) < 0)
            return NULL;
        if (json_object_set(out, key, call->items[i + 1]) < 0)
            return NOTHING(error_memory(err));
    }
    return out;
}

static json_t *run_array(const struct call *call, struct error *err)
{
    return json_is_array(call->items[0]) ? call->items[0] : run_create_array(call, err);
}

static bool holds(const json_t *array, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (json_equal(json_array_get(array, i), value))
            return true;
    }
    return false;
}

static int add_new(const struct call *call, json_t *out, const json_t *more, struct error *err)
{
    for (size_t i = 0; i < json_array_size(more); i++) {
        json_t *value = json_array_get(more, i);
        call->scope->steps += json_array_size(out) / 64;
        if (call->scope->steps > EXPRESSION_STEPS_MAX)
            return error_set(err, ERROR_LIMIT, "union() of too many elements");
        if (!holds(out, value) && json_array_append(out, value) < 0)
            return error_memory(err);
    }
    return 0;
}

/* Objects are merged member by member, at every depth; the last one wins. */
static int merge(json_t *out, const json_t *more, struct error *err)
{
    json_t *members = (json_t *)(uintptr_t)more; /* jansson's iterators leave it alone */
    const char *key;
    json_t *value;
    json_object_foreach (members, key, value) {
        const json_t *own = json_object_get(out, key);
        json_t *both = json_is_object(own) && json_is_object(value)
                           ? json_copy((json_t *)(uintptr_t)own)
                           : json_incref(value);
        if (!both || (both != value && merge(both, value, err) < 0) ||
            json_object_set(out, key, both) < 0) {
            json_decref(both);
            return error_memory(err);
        }
        json_decref(both);
    }
    return 0;
}

static json_t *run_union(const struct call *call, struct error *err)
{
    bool arrays = json_is_array(call->items[0]);
    json_t *out = call_make(call, arrays ? json_array() : json_object(), err);
    for (size_t i = 0; out && i < call->count; i++) {
        const json_t *more = call->items[i];
        if (arrays ? !json_is_array(more) : !json_is_object(more))
            return NOTHING(call_wrong(call, i, arrays ? "an array" : "an object or an array", err));
        if ((arrays ? add_new(call, out, more, err) : merge(out, more, err)) < 0)
            return NULL;
    }
    return out;
}

static json_t *run_empty(const struct call *call, struct error *err)
{
    const json_t *value = call->items[0];
    if (json_is_string(value))
        return call_make_bool(json_string_length(value) == 0);
    if (json_is_array(value) || json_is_object(value))
        return call_make_bool(json_array_size(value) + json_object_size(value) == 0);
    if (json_is_null(value))
        return call_make_bool(true);
    return NOTHING(call_wrong(call, 0, "a string, an array or an object", err));
}

/* Characters, not bytes. */
static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xC0) != 0x80;
    return count;
}

static json_t *run_length(const struct call *call, struct error *err)
{
    const json_t *value = call->items[0];
    size_t size = json_array_size(value) + json_object_size(value);
    if (json_is_string(value))
        size = count_characters(json_string_value(value));
    else if (!json_is_array(value) && !json_is_object(value))
        return NOTHING(call_wrong(call, 0, "a string, an array or an object", err));
    return call_make(call, json_integer((json_int_t)size), err);
}

static size_t character_size(const char *text)
{
    size_t size = *text != '\0';
    while (size > 0 && (text[size] & 0xC0) == 0x80)
        size++;
    return size;
}

static json_t *end_of_text(const struct call *call, bool last, struct error *err)
{
    const char *text = json_string_value(call->items[0]);
    size_t size = strlen(text);
    size_t start = 0;
    if (last && size > 0) {
        for (start = size - 1; start > 0 && (text[start] & 0xC0) == 0x80;)
            start--;
    }
    return call_make_text(call, span_of(text + start, last ? size - start : character_size(text)),
                          err);
}

static json_t *end_of(const struct call *call, bool last, struct error *err)
{
    const json_t *value = call->items[0];
    size_t size = json_array_size(value);
    if (json_is_string(value))
        return end_of_text(call, last, err);
    if (!json_is_array(value))
        return NOTHING(call_wrong(call, 0, "a string or an array", err));
    if (size == 0)
        return NOTHING(error_set(err, ERROR_INVALID, "%s() of an empty array", call->name));
    return json_array_get(value, last ? size - 1 : 0);
}

static json_t *run_first(const struct call *call, struct error *err)
{
    return end_of(call, false, err);
}

static json_t *run_last(const struct call *call, struct error *err)
{
    return end_of(call, true, err);
}

static json_t *run_contains(const struct call *call, struct error *err)
{
    json_t *value = call->items[0];
    const char *part;
    if (json_is_array(value))
        return call_make_bool(holds(value, call->items[1]));
    if (!json_is_string(value) && !json_is_object(value))
        return NOTHING(call_wrong(call, 0, "a string, an array or an object", err));
    if (call_text(call, 1, &part, err) < 0)
        return NULL;
    if (json_is_string(value))
        return call_make_bool(strstr(json_string_value(value), part) != NULL);
    const char *key;
    json_t *member;
    json_object_foreach (value, key, member) {
        if (strcasecmp(key, part) == 0)
            return call_make_bool(true);
    }
    return call_make_bool(false);
}

/* How many elements or characters are there, and how many of them are meant: 0 to all. */
static int take_count(const struct call *call, size_t *size, size_t *out, struct error *err)
{
    json_int_t count;
    const char *text;
    if (!json_is_string(call->items[0]) && !json_is_array(call->items[0]))
        return call_wrong(call, 0, "a string or an array", err);
    *size = json_array_size(call->items[0]);
    if (json_is_string(call->items[0])) {
        if (call_ascii(call, 0, &text, err) < 0)
            return -1;
        *size = strlen(text);
    }
    if (call_number(call, 1, &count, err) < 0)
        return -1;
    *out = count < 0 ? 0 : (size_t)count < *size ? (size_t)count : *size;
    return 0;
}

static json_t *slice(const struct call *call, size_t from, size_t to, struct error *err)
{
    const char *text = json_string_value(call->items[0]);
    if (text)
        return call_make_text(call, span_of(text + from, to - from), err);
    json_t *out = call_make(call, json_array(), err);
    for (size_t i = from; out && i < to; i++) {
        if (json_array_append(out, json_array_get(call->items[0], i)) < 0)
            return NOTHING(error_memory(err));
    }
    return out;
}

static json_t *run_take(const struct call *call, struct error *err)
{
    size_t size = 0;
    size_t count = 0;
    return take_count(call, &size, &count, err) < 0 ? NULL : slice(call, 0, count, err);
}

static json_t *run_skip(const struct call *call, struct error *err)
{
    size_t size = 0;
    size_t count = 0;
    return take_count(call, &size, &count, err) < 0 ? NULL : slice(call, count, size, err);
}

static json_t *run_range(const struct call *call, struct error *err)
{
    json_int_t start, count;
    json_t *out = call_make(call, json_array(), err);
    if (!out || call_number(call, 0, &start, err) < 0 || call_number(call, 1, &count, err) < 0)
        return NULL;
    if (count < 0 || count > EXPRESSION_LOOP_MAX || start > INT32_MAX || start < INT32_MIN)
        return NOTHING(
            error_set(err, ERROR_INVALID, "range(): a count from 0 to %d", EXPRESSION_LOOP_MAX));
    for (json_int_t i = 0; i < count; i++) {
        if (json_array_append_new(out, json_integer(start + i)) < 0)
            return NOTHING(error_memory(err));
    }
    return out;
}

const struct function expression_value_functions[] = {
    {"createArray", 0, ANY, run_create_array},
    {"createObject", 0, ANY, run_create_object},
    {"array", 1, 1, run_array},
    {"union", 2, ANY, run_union},
    {"empty", 1, 1, run_empty},
    {"length", 1, 1, run_length},
    {"first", 1, 1, run_first},
    {"last", 1, 1, run_last},
    {"contains", 2, 2, run_contains},
    {"take", 2, 2, run_take},
    {"skip", 2, 2, run_skip},
    {"range", 2, 2, run_range},
    {0},
};
