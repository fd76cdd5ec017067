#include "template/read.h"

#include <stdio.h>
#include <strings.h>

static int resolve(const struct template_reader *reader, json_t *value, const char *key,
                   json_t **out, struct error *err)
{
    *out = value;
    if (value && reader->resolve) {
        *out = reader->resolve(reader->context, value, err);
        if (!*out)
            return error_context(err, "%s", key);
    }
    if (json_is_null(*out))
        *out = NULL;
    return 0;
}

int template_find(const struct template_reader *reader, json_t *object, const char *key,
                  json_t **out, struct error *err)
{
    const char *name;
    json_t *value;
    json_t *found = NULL;
    *out = NULL;
    if (!object)
        return 0;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "expected an object with \"%s\", found %s", key,
                         json_kind(object));
    json_object_foreach (object, name, value) {
        if (strcasecmp(name, key) != 0)
            continue;
        if (found)
            return error_set(err, ERROR_INVALID, "\"%s\" is there twice, in two spellings", key);
        found = value;
    }
    return resolve(reader, found, key, out, err);
}

static int wrong(const json_t *value, const char *key, const char *expected, struct error *err)
{
    return error_set(err, ERROR_INVALID, "\"%s\": expected %s, found %s", key, expected,
                     json_kind(value));
}

int template_find_object(const struct template_reader *reader, json_t *object, const char *key,
                         json_t **out, struct error *err)
{
    if (template_find(reader, object, key, out, err) < 0)
        return -1;
    return *out && !json_is_object(*out) ? wrong(*out, key, "an object", err) : 0;
}

int template_find_array(const struct template_reader *reader, json_t *object, const char *key,
                        json_t **out, struct error *err)
{
    if (template_find(reader, object, key, out, err) < 0)
        return -1;
    if (*out && !json_is_array(*out))
        return wrong(*out, key, "an array", err);
    if (json_array_size(*out) > TEMPLATE_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "\"%s\": %zu elements; at most %d are accepted", key,
                         json_array_size(*out), TEMPLATE_LIST_MAX);
    return 0;
}

int template_find_bool(const struct template_reader *reader, json_t *object, const char *key,
                       bool *out, struct error *err)
{
    json_t *value;
    if (template_find(reader, object, key, &value, err) < 0)
        return -1;
    if (!value)
        return 0;
    const char *text = json_string_value(value);
    bool is_true = json_is_true(value) || (text && strcasecmp(text, "true") == 0);
    if (!is_true && !json_is_false(value) && !(text && strcasecmp(text, "false") == 0))
        return wrong(value, key, "true or false", err);
    *out = is_true;
    return 0;
}

static int to_text(const struct template_reader *reader, const json_t *value, const char *key,
                   const char **out, struct error *err)
{
    *out = NULL;
    if (!json_is_string(value))
        return wrong(value, key, "a string", err);
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value))
        return error_set(err, ERROR_INVALID, "\"%s\": a string with a zero byte", key);
    *out = reader->replace ? reader->replace(reader->context, text, err) : text;
    return *out ? 0 : error_context(err, "\"%s\"", key);
}

int template_find_text(const struct template_reader *reader, json_t *object, const char *key,
                       const char **out, struct error *err)
{
    json_t *value;
    *out = NULL;
    if (template_find(reader, object, key, &value, err) < 0)
        return -1;
    return value ? to_text(reader, value, key, out, err) : 0;
}

int template_get_text(const struct template_reader *reader, json_t *object, const char *key,
                      const char **out, struct error *err)
{
    if (template_find_text(reader, object, key, out, err) < 0)
        return -1;
    if (!*out || !**out)
        return error_set(err, ERROR_INVALID, "\"%s\" is missing or empty", key);
    return 0;
}

int template_find_texts(const struct template_reader *reader, json_t *object, const char *key,
                        struct policy_list *out, struct error *err)
{
    json_t *array;
    *out = (struct policy_list){0};
    if (template_find_array(reader, object, key, &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    const char **items = arena_take(&reader->groups->arena, count, sizeof *items);
    if (!items)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        json_t *element;
        if (resolve(reader, json_array_get(array, i), key, &element, err) < 0 ||
            to_text(reader, element, key, &items[i], err) < 0)
            return -1;
    }
    *out = (struct policy_list){items, count};
    return 0;
}

int template_object_at(const struct template_reader *reader, json_t *array, size_t index,
                       const char *name, json_t **out, struct error *err)
{
    if (resolve(reader, json_array_get(array, index), name, out, err) < 0)
        return -1;
    if (!json_is_object(*out))
        return error_set(err, ERROR_INVALID, "%s[%zu]: expected an object, found %s", name, index,
                         json_kind(*out));
    return 0;
}

const char *template_format(struct template_groups *groups, struct error *err, const char *format,
                            ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : arena_take(&groups->arena, (size_t)size + 1, 1);
    if (!text) {
        (void)error_memory(err);
        return NULL;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
