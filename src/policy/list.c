#include "policy/list.h"

int policy_list_read(struct decoder *decoder, const struct value *value, const struct field *field,
                     void *out)
{
    size_t count = 0;
    if (value->kind != VALUE_ARRAY)
        return field_refuse(decoder, value, "an array");
    if (field->max && value->count > field->max)
        return error_set(decoder->err, ERROR_LIMIT, "key \"%s\": %u elements; at most %u",
                         field->key, value->count, (unsigned int)field->max);
    const char **items = arena_take(decoder->arena, value->count, sizeof *items);
    if (!items)
        return error_set(decoder->err, ERROR_LIMIT, "the text takes too much memory");
    for (const struct value *each = value->first; each; each = each->next) {
        if (each->kind != VALUE_TEXT) {
            (void)field_refuse(decoder, each, "a string");
            return error_context(decoder->err, "%s[%zu]", field->key, count);
        }
        items[count++] = each->text;
    }
    *(struct policy_list *)field_at(field, out) = (struct policy_list){items, count};
    return 0;
}

static const struct field set_fields[] = {
    {"bounding", policy_list_read, offsetof(struct policy_capabilities, sets[POLICY_BOUNDING])},
    {"effective", policy_list_read, offsetof(struct policy_capabilities, sets[POLICY_EFFECTIVE])},
    {"inheritable", policy_list_read,
     offsetof(struct policy_capabilities, sets[POLICY_INHERITABLE])},
    {"permitted", policy_list_read, offsetof(struct policy_capabilities, sets[POLICY_PERMITTED])},
    {"ambient", policy_list_read, offsetof(struct policy_capabilities, sets[POLICY_AMBIENT])},
    {0}};

int policy_capabilities_read(struct decoder *decoder, const struct value *value,
                             const struct field *field, void *out)
{
    return fields_read(decoder, value, set_fields, field_at(field, out)) < 0
               ? error_context(decoder->err, "capabilities")
               : 0;
}
