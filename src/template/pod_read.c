#include "template/pod_read.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_empty(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_false(value) || (text && !*text) ||
           ((json_is_object(value) || json_is_array(value)) && json_object_size(value) == 0 &&
            json_array_size(value) == 0);
}

static const struct pod_field *find_field(const struct pod_field *fields, const char *name)
{
    for (; fields->name; fields++) {
        if (strcmp(fields->name, name) == 0)
            return fields;
    }
    return NULL;
}

int pod_check_fields(const struct pod_reader *reader, const json_t *object,
                     const struct pod_field *fields, struct error *err)
{
    /* jansson's iterators take a mutable object and leave it alone. */
    json_t *members = (json_t *)(uintptr_t)object;
    const char *key;
    json_t *value;
    if (reader->reading != POD_STRICT)
        return 0;
    json_object_foreach (members, key, value) {
        const struct pod_field *field = find_field(fields, key);
        if (!field)
            return error_set(err, ERROR_INVALID, "field \"%.64s\" is unknown", key);
        if (field->refusal && !is_empty(value))
            return error_set(err, ERROR_REFUSED, "%s: %s", key, field->refusal);
    }
    return 0;
}

void *pod_room(const struct pod_reader *reader, size_t count, size_t size, struct error *err)
{
    void *room = arena_take(&reader->pods->arena, count, size);
    if (!room)
        (void)error_set(err, ERROR_LIMIT, "the manifest needs more than %zu MiB of memory",
                        POD_ARENA_MAX >> 20);
    return room;
}

const char *pod_format(const struct pod_reader *reader, struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : pod_room(reader, (size_t)size + 1, 1, err);
    if (!text)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}

int pod_find_list(const json_t *object, const char *key, json_t **out, size_t *count,
                  struct error *err)
{
    if (json_find_array(object, key, out, err) < 0)
        return -1;
    *count = json_array_size(*out);
    if (*count > POD_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "%s has %zu elements; at most %d are accepted", key,
                         *count, POD_LIST_MAX);
    return 0;
}

int pod_object_at(const json_t *array, size_t index, json_t **out, struct error *err)
{
    *out = json_array_get(array, index);
    if (!json_is_object(*out))
        return error_set(err, ERROR_INVALID, "[%zu]: expected an object, found %s", index,
                         json_kind(*out));
    return 0;
}

int pod_find_text(const json_t *object, const char *key, const char **out, struct error *err)
{
    if (json_find_text(object, key, out, err) < 0)
        return -1;
    *out = *out ? *out : "";
    return 0;
}

int pod_get_text(const json_t *object, const char *key, const char **out, struct error *err)
{
    if (json_get_text(object, key, out, err) < 0)
        return -1;
    return **out ? 0 : error_set(err, ERROR_INVALID, "key \"%s\" is empty", key);
}

int pod_find_texts(const struct pod_reader *reader, const json_t *object, const char *key,
                   struct policy_list *out, struct error *err)
{
    json_t *array;
    size_t count;
    *out = (struct policy_list){0};
    if (pod_find_list(object, key, &array, &count, err) < 0)
        return -1;
    const char **items = pod_room(reader, count, sizeof *items, err);
    if (!items)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (json_text_at(array, i, key, &items[i], err) < 0)
            return -1;
        if (strlen(items[i]) > POD_VALUE_MAX)
            return error_set(err, ERROR_LIMIT, "%s[%zu] is longer than %d bytes", key, i,
                             POD_VALUE_MAX);
    }
    *out = (struct policy_list){items, count};
    return 0;
}

int pod_find_pairs(const struct pod_reader *reader, const json_t *object, const char *key,
                   const struct pod_pair **out, size_t *count, struct error *err)
{
    json_t *members;
    const char *name;
    json_t *value;
    *out = NULL;
    *count = 0;
    if (json_find_object(object, key, &members, err) < 0)
        return -1;
    if (json_object_size(members) > POD_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "%s has more than %d members", key, POD_LIST_MAX);
    struct pod_pair *pairs = pod_room(reader, json_object_size(members), sizeof *pairs, err);
    if (!pairs)
        return -1;
    json_object_foreach (members, name, value) {
        struct pod_pair *pair = &pairs[(*count)++];
        pair->key = name;
        if (json_get_text(members, name, &pair->value, err) < 0)
            return error_context(err, "%s", key);
    }
    *out = pairs;
    return 0;
}

const char *pod_pair_value(const struct pod_pair *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    }
    return NULL;
}

bool pod_is_normal_path(const char *path)
{
    if (*path != '/')
        return false;
    while (*path == '/') {
        size_t size = strcspn(++path, "/");
        if (size == 0 || (size <= 2 && strncmp(path, "..", size) == 0))
            return false;
        path += size;
    }
    return true;
}

int pod_check_name(const struct pod_reader *reader, const char *name, struct error *err)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (reader->reading == POD_CONFCOM ||
        (size > 0 && size <= 63 && !name[size] && *name != '-' && name[size - 1] != '-'))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the name \"%.80s\" is not 1 to 63 of [a-z0-9-], with no \"-\" at its ends",
                     name);
}
