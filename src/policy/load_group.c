/* `caisson_group`: what the policy says of its containers together. */
#include "policy/load.h"

#define EMPTY_DIRS_MAX 64
#define NAME_MAX_SIZE  64

/* A row stands in one list, once. */
static bool is_listed(const struct policy_group *group, size_t row)
{
    const struct policy_rows lists[] = {group->init, group->containers};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < lists[i].count; j++) {
            if (lists[i].items[j] == row)
                return true;
        }
    }
    return false;
}

static int load_rows(struct loader *loader, const json_t *object, const char *key,
                     struct policy_rows *out)
{
    struct policy *policy = loader->policy;
    json_t *array;
    if (json_get_array(object, key, &array, loader->err) < 0)
        return -1;
    size_t *rows = arena_take(&policy->arena, json_array_size(array), sizeof *rows);
    if (!rows)
        return error_memory(loader->err);
    out->items = rows;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        json_int_t row = json_is_integer(value) ? json_integer_value(value) : -1;
        if (row < 0 || (size_t)row >= policy->container_count ||
            is_listed(&policy->group, (size_t)row))
            return error_set(loader->err, ERROR_INVALID,
                             "%s[%zu] is not the number of a row of `containers`, or stands there "
                             "twice",
                             key, i);
        rows[out->count++] = (size_t)row;
    }
    return 0;
}

/* The name becomes a folder's. */
static bool is_good_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && size <= NAME_MAX_SIZE && name[size] == '\0';
}

static int load_empty_dir(struct loader *loader, const json_t *object, struct policy_empty_dir *out)
{
    static const char *const known[] = {"name", "memory", "size", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_text(loader, object, "name", &out->name) < 0 ||
        json_get_bool(object, "memory", &out->memory, loader->err) < 0)
        return -1;
    if (!is_good_name(out->name))
        return error_set(loader->err, ERROR_INVALID,
                         "the name \"%.80s\" is not 1 to 64 of [a-z0-9-]", out->name);
    return json_get_u64(object, "size", INT64_MAX, &out->size, loader->err);
}

static int load_empty_dirs(struct loader *loader, const json_t *object, struct policy_group *out)
{
    json_t *array;
    if (json_get_array(object, "empty_dirs", &array, loader->err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (count > EMPTY_DIRS_MAX)
        return error_set(loader->err, ERROR_LIMIT, "%zu empty_dirs; at most %d are read", count,
                         EMPTY_DIRS_MAX);
    struct policy_empty_dir *dirs = arena_take(&loader->policy->arena, count, sizeof *dirs);
    if (!dirs)
        return error_memory(loader->err);
    for (size_t i = 0; i < count; i++) {
        if (load_empty_dir(loader, json_array_get(array, i), &dirs[i]) < 0)
            return error_context(loader->err, "empty_dirs[%zu]", i);
    }
    out->empty_dirs = dirs;
    out->empty_dir_count = count;
    return 0;
}

int load_group(struct loader *loader, const json_t *object)
{
    static const char *const known[] = {"init",       "containers", "restart", "shared_ipc",
                                        "shared_pid", "empty_dirs", NULL};
    struct policy_group *group = &loader->policy->group;
    const char *restart;
    loader->policy->has_group = true;
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_rows(loader, object, "init", &group->init) < 0 ||
        load_rows(loader, object, "containers", &group->containers) < 0 ||
        json_get_text(object, "restart", &restart, loader->err) < 0 ||
        json_get_bool(object, "shared_ipc", &group->shared_ipc, loader->err) < 0 ||
        json_get_bool(object, "shared_pid", &group->shared_pid, loader->err) < 0)
        return -1;
    if (!policy_restart_of_name(restart, &group->restart))
        return error_set(loader->err, ERROR_INVALID,
                         "restart is \"%.32s\"; it can be Always, OnFailure or Never", restart);
    return load_empty_dirs(loader, object, group);
}
