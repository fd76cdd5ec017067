#include "format/json.h"

#include "base/text.h"

/* Depth is counted on the text, before jansson recurses into it. Brackets in strings don't count.
 */
static size_t text_depth(struct span text)
{
    size_t depth = 0;
    size_t deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

json_t *json_parse(struct span text, const struct json_limits *limits, struct error *err)
{
    size_t depth_limit = limits->depth < JSON_DEPTH_MAX ? limits->depth : JSON_DEPTH_MAX;
    if (text.size > limits->size) {
        (void)error_set(err, ERROR_LIMIT, "JSON of %zu bytes; at most %zu are accepted", text.size,
                        limits->size);
        return NULL;
    }
    if (text.size == 0) {
        (void)error_set(err, ERROR_INVALID, "not accepted as JSON: it is empty");
        return NULL;
    }
    size_t depth = text_depth(text);
    if (depth > depth_limit) {
        (void)error_set(err, ERROR_LIMIT, "JSON is nested %zu deep; at most %zu is accepted", depth,
                        depth_limit);
        return NULL;
    }
    json_error_t problem;
    json_t *value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES,
                               &problem);
    if (!value)
        (void)error_set(err, ERROR_INVALID, "not accepted as JSON: line %d, column %d: %s",
                        problem.line, problem.column, problem.text);
    return value;
}

json_t *json_parse_object(struct span text, const struct json_limits *limits, struct error *err)
{
    json_t *value = json_parse(text, limits, err);
    if (value && !json_is_object(value)) {
        (void)error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(value));
        json_decref(value);
        return NULL;
    }
    return value;
}

const char *json_kind(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return value ? names[json_typeof(value)] : "nothing";
}

static bool is_known(const char *key, const char *const known[])
{
    for (size_t i = 0; known[i]; i++) {
        if (strcmp(key, known[i]) == 0)
            return true;
    }
    return false;
}

int json_check_keys(const json_t *object, const char *const known[], struct error *err)
{
    /* jansson's iterators take a mutable object and leave it alone. */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        const char *key = json_object_iter_key(at);
        if (!is_known(key, known))
            return error_set(err, ERROR_INVALID, "key \"%.64s\" is unknown", key);
    }
    return 0;
}

static int wrong(const json_t *value, const char *key, const char *expected, struct error *err)
{
    if (!value)
        return error_set(err, ERROR_INVALID, "key \"%s\" is missing: expected %s", key, expected);
    return error_set(err, ERROR_INVALID, "key \"%s\": expected %s, found %s", key, expected,
                     json_kind(value));
}

static int to_text(const json_t *value, const char *key, const char **out, struct error *err)
{
    *out = NULL;
    if (!json_is_string(value))
        return wrong(value, key, "a string", err);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return error_set(err, ERROR_INVALID, "key \"%s\": a string with a zero byte", key);
    *out = json_string_value(value);
    return 0;
}

static int to_u64(const json_t *value, const char *key, uint64_t max, uint64_t *out,
                  struct error *err)
{
    if (!json_is_integer(value))
        return wrong(value, key, "an integer", err);
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number > max)
        return error_set(err, number < 0 ? ERROR_INVALID : ERROR_LIMIT,
                         "key \"%s\": %" JSON_INTEGER_FORMAT " is not between 0 and %llu", key,
                         number, (unsigned long long)max);
    *out = (uint64_t)number;
    return 0;
}

int json_get_text(const json_t *object, const char *key, const char **out, struct error *err)
{
    return to_text(json_object_get(object, key), key, out, err);
}

int json_get_bool(const json_t *object, const char *key, bool *out, struct error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value))
        return wrong(value, key, "true or false", err);
    *out = json_is_true(value);
    return 0;
}

int json_get_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                 struct error *err)
{
    return to_u64(json_object_get(object, key), key, max, out, err);
}

int json_get_i64(const json_t *object, const char *key, int64_t *out, struct error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        return wrong(value, key, "an integer", err);
    *out = json_integer_value(value);
    return 0;
}

int json_get_array(const json_t *object, const char *key, json_t **out, struct error *err)
{
    *out = json_object_get(object, key);
    if (json_is_array(*out))
        return 0;
    (void)wrong(*out, key, "an array", err);
    *out = NULL;
    return -1;
}

int json_get_object(const json_t *object, const char *key, json_t **out, struct error *err)
{
    *out = json_object_get(object, key);
    if (json_is_object(*out))
        return 0;
    (void)wrong(*out, key, "an object", err);
    *out = NULL;
    return -1;
}

int json_find_text(const json_t *object, const char *key, const char **out, struct error *err)
{
    *out = NULL;
    return json_object_get(object, key) ? json_get_text(object, key, out, err) : 0;
}

int json_copy_text(const json_t *object, const char *key, char **out, struct error *err)
{
    const char *text;
    if (json_find_text(object, key, &text, err) < 0)
        return -1;
    if (!text)
        return 0;
    if (!*text)
        return error_set(err, ERROR_INVALID, "%s is empty", key);
    *out = text_format("%s", text);
    return *out ? 0 : error_memory(err);
}

int json_find_bool(const json_t *object, const char *key, bool *out, struct error *err)
{
    return json_object_get(object, key) ? json_get_bool(object, key, out, err) : 0;
}

int json_find_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                  struct error *err)
{
    return json_object_get(object, key) ? json_get_u64(object, key, max, out, err) : 0;
}

int json_find_array(const json_t *object, const char *key, json_t **out, struct error *err)
{
    *out = NULL;
    return json_object_get(object, key) ? json_get_array(object, key, out, err) : 0;
}

int json_find_object(const json_t *object, const char *key, json_t **out, struct error *err)
{
    *out = NULL;
    return json_object_get(object, key) ? json_get_object(object, key, out, err) : 0;
}

int json_text_at(const json_t *array, size_t index, const char *name, const char **out,
                 struct error *err)
{
    char key[96];
    (void)snprintf(key, sizeof key, "%.64s[%zu]", name, index);
    return to_text(json_array_get(array, index), key, out, err);
}

struct sink {
    struct buf *out;
    struct error *err;
};

static int take(const char *text, size_t size, void *context)
{
    const struct sink *sink = context;
    return buf_append(sink->out, span_of(text, size), sink->err);
}

static int dump(const json_t *value, size_t flags, struct buf *out, struct error *err)
{
    struct error problem = {0};
    struct sink sink = {.out = out, .err = &problem};
    if (json_dump_callback(value, take, &sink, flags) == 0)
        return 0;
    if (problem.code == ERROR_NONE)
        return error_set(err, ERROR_INVALID, "cannot be written as JSON");
    return error_set(err, problem.code, "%s", problem.text);
}

int json_append(const json_t *value, struct buf *out, struct error *err)
{
    return dump(value, JSON_COMPACT | JSON_ENCODE_ANY, out, err);
}

int json_append_pretty(const json_t *value, struct buf *out, struct error *err)
{
    if (dump(value, JSON_INDENT(2) | JSON_ENCODE_ANY, out, err) < 0)
        return -1;
    return buf_append_byte(out, '\n', err);
}
