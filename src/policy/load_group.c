/* `caisson_group`: what the policy says of its containers together. */
#include "policy/load.h"

#define EMPTY_DIRS_MAX 64
#define NAME_MAX_SIZE  64

/* A row stands in one list, once; sidecars are some of those in `init`. */
static bool may_list(const struct policy_group *group, const struct policy_rows *list, size_t row)
{
    if (list == &group->sidecars)
        return policy_has_row(group->init, row) && !policy_has_row(*list, row);
    return !policy_has_row(group->init, row) && !policy_has_row(group->containers, row);
}

static int load_row_numbers(struct decoder *decoder, const struct value *value,
                            const struct field *field, void *group)
{
    struct policy_rows *out = field_at(field, group);
    if (value->kind != VALUE_ARRAY)
        return field_refuse(decoder, value, "an array");
    size_t *rows = arena_take(decoder->arena, value->count, sizeof *rows);
    if (!rows)
        return error_memory(decoder->err);
    out->items = rows;
    for (const struct value *each = value->first; each; each = each->next) {
        if (each->kind != VALUE_INTEGER || each->number < 0 ||
            (size_t)each->number >= policy_of(decoder)->container_count ||
            !may_list(group, out, (size_t)each->number))
            return error_set(decoder->err, ERROR_INVALID,
                             "%s[%zu] is not the number of a row of `containers`, or stands there "
                             "twice, or is a sidecar that `init` lacks",
                             field->key, out->count);
        rows[out->count++] = (size_t)each->number;
    }
    return 0;
}

/* The name becomes a folder's. */
static bool is_good_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && size <= NAME_MAX_SIZE && name[size] == '\0';
}

static const struct field empty_dir_fields[] = {
    {"name", field_text, offsetof(struct policy_empty_dir, name)},
    {"memory", field_bool, offsetof(struct policy_empty_dir, memory)},
    {"size", field_u64, offsetof(struct policy_empty_dir, size), .max = INT64_MAX},
    {"group", field_uint, offsetof(struct policy_empty_dir, group), true, .max = UINT32_MAX - 1},
    {0}};

static int load_empty_dir(struct decoder *decoder, const struct value *value, void *row)
{
    struct policy_empty_dir *out = row;
    if (fields_read(decoder, value, empty_dir_fields, out) < 0)
        return -1;
    return is_good_name(out->name)
               ? 0
               : error_set(decoder->err, ERROR_INVALID,
                           "the name \"%.80s\" is not 1 to 64 of [a-z0-9-]", out->name);
}

static int load_restart(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    if (value->kind != VALUE_TEXT)
        return field_refuse(decoder, value, "a string");
    return policy_restart_of_name(value->text, field_at(field, out))
               ? 0
               : error_set(decoder->err, ERROR_INVALID,
                           "restart is \"%.32s\"; it can be Always, OnFailure or Never",
                           value->text);
}

static const struct field group_fields[] = {
    {"init", load_row_numbers, offsetof(struct policy_group, init)},
    {"sidecars", load_row_numbers, offsetof(struct policy_group, sidecars), true},
    {"containers", load_row_numbers, offsetof(struct policy_group, containers)},
    {"restart", load_restart, offsetof(struct policy_group, restart)},
    {"shared_ipc", field_bool, offsetof(struct policy_group, shared_ipc)},
    {"shared_pid", field_bool, offsetof(struct policy_group, shared_pid)},
    {"empty_dirs", field_rows,
     FIELD_ROWS(struct policy_group, empty_dirs, empty_dir_count, load_empty_dir,
                struct policy_empty_dir),
     .max = EMPTY_DIRS_MAX},
    {0}};

int load_group(struct decoder *decoder, const struct value *value, const struct field *field,
               void *out)
{
    struct policy *policy = out;
    (void)field;
    policy->has_group = true;
    return fields_read(decoder, value, group_fields, &policy->group);
}
