#include "format/fields.h"

#include <inttypes.h>

int field_refuse(struct decoder *decoder, const struct value *value, const char *expected)
{
    (void)error_set(decoder->err, ERROR_INVALID, "expected %s, found %s", expected,
                    value_kind(value));
    return value->key ? error_context(decoder->err, "key \"%.64s\"", value->key) : -1;
}

static bool is_known(const struct field *fields, const char *key)
{
    while (fields->key && (*fields->key != *key || strcmp(fields->key, key) != 0))
        fields++;
    return fields->key;
}

int fields_read(struct decoder *decoder, const struct value *object, const struct field *fields,
                void *out)
{
    if (object->kind != VALUE_OBJECT)
        return field_refuse(decoder, object, "an object");
    for (const struct value *each = object->first; each; each = each->next) {
        if (!is_known(fields, each->key))
            return error_set(decoder->err, ERROR_INVALID, "key \"%.64s\" is unknown", each->key);
    }
    for (const struct field *field = fields; field->key; field++) {
        const struct value *member = value_member(object, field->key);
        if (field->since > decoder->version)
            continue;
        if (!member && !field->optional)
            return error_set(decoder->err, ERROR_INVALID, "key \"%s\" is missing", field->key);
        if (member && field->read(decoder, member, field, out) < 0)
            return -1;
    }
    return 0;
}

int field_text(struct decoder *decoder, const struct value *value, const struct field *field,
               void *out)
{
    if (value->kind != VALUE_TEXT)
        return field_refuse(decoder, value, "a string");
    *(const char **)field_at(field, out) = value->text;
    return 0;
}

int field_bool(struct decoder *decoder, const struct value *value, const struct field *field,
               void *out)
{
    if (value->kind != VALUE_TRUE && value->kind != VALUE_FALSE)
        return field_refuse(decoder, value, "true or false");
    *(bool *)field_at(field, out) = value->kind == VALUE_TRUE;
    return 0;
}

static int take_number(struct decoder *decoder, const struct value *value,
                       const struct field *field, uint64_t *out)
{
    if (value->kind != VALUE_INTEGER)
        return field_refuse(decoder, value, "an integer");
    if (value->number < 0 || (uint64_t)value->number < field->min ||
        (uint64_t)value->number > field->max)
        return error_set(decoder->err, value->number < 0 ? ERROR_INVALID : ERROR_LIMIT,
                         "key \"%s\": %" PRId64 " is not between %" PRIu64 " and %" PRIu64,
                         field->key, value->number, field->min, field->max);
    *out = (uint64_t)value->number;
    return 0;
}

int field_u64(struct decoder *decoder, const struct value *value, const struct field *field,
              void *out)
{
    return take_number(decoder, value, field, field_at(field, out));
}

int field_uint(struct decoder *decoder, const struct value *value, const struct field *field,
               void *out)
{
    uint64_t number = 0;
    int taken = take_number(decoder, value, field, &number);
    *(unsigned int *)field_at(field, out) = (unsigned int)number;
    return taken;
}

int field_rows(struct decoder *decoder, const struct value *value, const struct field *field,
               void *out)
{
    size_t index = 0;
    if (value->kind != VALUE_ARRAY)
        return field_refuse(decoder, value, "an array");
    if (field->max && value->count > field->max)
        return error_set(decoder->err, ERROR_LIMIT, "key \"%s\": %u elements; at most %" PRIu64,
                         field->key, value->count, field->max);
    char *rows = arena_take(decoder->arena, value->count, field->size);
    if (!rows)
        return error_set(decoder->err, ERROR_LIMIT, "the text takes too much memory");
    for (const struct value *each = value->first; each; each = each->next, index++) {
        decoder->index = index;
        if (field->row(decoder, each, rows + index * field->size) < 0)
            return error_context(decoder->err, "%s[%zu]", field->key, index);
    }
    memcpy(field_at(field, out), &rows, sizeof rows);
    memcpy((char *)out + field->count, &index, sizeof index);
    return 0;
}
