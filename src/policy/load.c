#include "policy/load.h"

#define CONTAINERS_MAX 4096 /* rows of an array of the policy */

/* Keys that older frameworks had not: where the policy's is older, the default stands and what the
 * policy says of it is passed over, as in the reference. */
static bool since(const struct loader *loader, uint32_t minor, uint32_t patch)
{
    const struct policy *policy = loader->policy;
    return !policy->has_framework ||
           version_compare(policy->framework, VERSION_OF(0, minor, patch)) >= 0;
}

static int load_command(struct loader *loader, const json_t *object, struct policy_container *out)
{
    out->has_command = !json_is_null(json_object_get(object, "command"));
    return out->has_command ? load_list(loader, object, "command", &out->command) : 0;
}

/* What containers and external processes have in common. */
static int load_process(struct loader *loader, const json_t *object, struct policy_container *out)
{
    if (load_command(loader, object, out) < 0 ||
        load_env_rules(loader, object, &out->env_rules, &out->env_rule_count) < 0 ||
        load_text(loader, object, "working_dir", &out->working_dir) < 0)
        return -1;
    return json_get_bool(object, "allow_stdio_access", &out->stdio, loader->err);
}

static int load_exec(struct loader *loader, const json_t *object, struct exec_rule *out)
{
    static const char *const known[] = {"command", "signals", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_list(loader, object, "command", &out->command) < 0)
        return -1;
    return load_signals(loader, object, 0, &out->signals, &out->signal_count);
}

static int load_execs(struct loader *loader, const json_t *object, struct policy_container *out)
{
    json_t *array;
    if (json_get_array(object, "exec_processes", &array, loader->err) < 0)
        return -1;
    out->exec_count = json_array_size(array);
    struct exec_rule *rules = arena_take(&loader->policy->arena, out->exec_count, sizeof *rules);
    if (!rules)
        return error_memory(loader->err);
    for (size_t i = 0; i < out->exec_count; i++) {
        if (load_exec(loader, json_array_get(array, i), &rules[i]) < 0)
            return error_context(loader->err, "exec_processes[%zu]", i);
    }
    out->exec = rules;
    return 0;
}

static const struct user_rule *any_user(void)
{
    static const struct matcher any = {.strategy = STRATEGY_ANY, .pattern = ""};
    static const struct user_rule rule = {
        .user = {.strategy = STRATEGY_ANY, .pattern = ""},
        .groups = &any,
        .group_count = 1,
        .umask = "0022",
    };
    return &rule;
}

/* Fields that came with later frameworks. */
static int load_later_fields(struct loader *loader, const json_t *object,
                             struct policy_container *out)
{
    out->user = *any_user();
    out->seccomp_sha256 = "";
    if (since(loader, 2, 0) &&
        json_get_bool(object, "no_new_privileges", &out->no_new_privileges, loader->err) < 0)
        return -1;
    if (since(loader, 2, 1) && load_user(loader, object, &out->user) < 0)
        return -1;
    if (since(loader, 2, 2) && load_capabilities(loader, object, out) < 0)
        return -1;
    if (since(loader, 2, 3) &&
        load_text(loader, object, "seccomp_profile_sha256", &out->seccomp_sha256) < 0)
        return -1;
    return 0;
}

static int load_name(struct loader *loader, const json_t *object, struct policy_container *out)
{
    const char *name;
    const char *id;
    if (json_find_text(object, "name", &name, loader->err) < 0 ||
        json_find_text(object, "id", &id, loader->err) < 0)
        return -1;
    out->name = arena_text(&loader->policy->arena, name ? name : id ? id : "");
    return out->name ? 0 : error_memory(loader->err);
}

static int load_container(struct loader *loader, const json_t *object, struct policy_container *out)
{
    static const char *const known[] = {"id",
                                        "name",
                                        "command",
                                        "env_rules",
                                        "layers",
                                        "mounts",
                                        "exec_processes",
                                        "signals",
                                        "allow_elevated",
                                        "allow_stdio_access",
                                        "no_new_privileges",
                                        "working_dir",
                                        "seccomp_profile_sha256",
                                        "capabilities",
                                        "user",
                                        NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 || load_name(loader, object, out) < 0 ||
        load_process(loader, object, out) < 0 ||
        load_list(loader, object, "layers", &out->layers) < 0 ||
        load_mounts(loader, object, &out->mounts, &out->mount_count) < 0 ||
        load_execs(loader, object, out) < 0 ||
        load_signals(loader, object, !since(loader, 4, 1), &out->signals, &out->signal_count) < 0 ||
        json_get_bool(object, "allow_elevated", &out->allow_elevated, loader->err) < 0)
        return -1;
    return load_later_fields(loader, object, out);
}

/* Every row of an array, with the row's name before its error. */
static int load_rows(struct loader *loader, const json_t *array, const char *name,
                     struct policy_container **out, size_t *count,
                     int (*load)(struct loader *, const json_t *, struct policy_container *))
{
    if (!json_is_array(array))
        return error_set(loader->err, ERROR_INVALID, "expected an array, found %s",
                         json_kind(array));
    *count = json_array_size(array);
    if (*count > CONTAINERS_MAX)
        return error_set(loader->err, ERROR_LIMIT, "%zu rows; at most %d are read", *count,
                         CONTAINERS_MAX);
    *out = arena_take(&loader->policy->arena, *count, sizeof **out);
    if (!*out)
        return error_memory(loader->err);
    for (size_t i = 0; i < *count; i++) {
        (*out)[i].index = i;
        if (load(loader, json_array_get(array, i), &(*out)[i]) < 0)
            return error_context(loader->err, "%s[%zu]", name, i);
    }
    return 0;
}

int load_containers(struct loader *loader, const json_t *array)
{
    struct policy *policy = loader->policy;
    if (load_capability_names(loader, array) < 0)
        return -1;
    return load_rows(loader, array, "containers", &policy->containers, &policy->container_count,
                     load_container);
}

static int load_external(struct loader *loader, const json_t *object, struct policy_container *out)
{
    static const char *const known[] = {"command", "env_rules", "working_dir", "allow_stdio_access",
                                        NULL};
    out->external = true;
    out->name = "";
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0)
        return -1;
    return load_process(loader, object, out);
}

int load_externals(struct loader *loader, const json_t *array)
{
    struct policy *policy = loader->policy;
    return load_rows(loader, array, "external_processes", &policy->externals,
                     &policy->external_count, load_external);
}

static int load_svn(struct loader *loader, const json_t *object, struct fragment_rule *out)
{
    char number[32];
    const json_t *svn = json_object_get(object, "minimum_svn");
    if (!json_is_integer(svn))
        return load_text(loader, object, "minimum_svn", &out->minimum_svn);
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(svn));
    out->minimum_svn = arena_text(&loader->policy->arena, number);
    return out->minimum_svn ? 0 : error_memory(loader->err);
}

static int add_include(struct loader *loader, const char *name, unsigned int *includes)
{
    static const struct {
        const char *name;
        unsigned int include;
    } known[] = {{"containers", INCLUDE_CONTAINERS},
                 {"fragments", INCLUDE_FRAGMENTS},
                 {"external_processes", INCLUDE_EXTERNALS},
                 {"platform_rules", INCLUDE_PLATFORM},
                 /* Only hand-written rules could use a namespace; lists of trust are denied. */
                 {"namespace", 0},
                 {"transparency_trust_lists", 0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0) {
            *includes |= known[i].include;
            return 0;
        }
    }
    return error_set(loader->err, ERROR_INVALID, "includes: \"%.32s\" is unknown", name);
}

/* What the fragment adds, and what it must bring besides. No parameter changes a fragment that is
 * made of values. */
static int load_includes(struct loader *loader, const json_t *object, struct fragment_rule *out)
{
    struct policy_list includes;
    json_t *parameters = json_object_get(object, "parameters");
    json_t *receipts = json_object_get(object, "required_receipts");
    if (load_list(loader, object, "includes", &includes) < 0)
        return -1;
    for (size_t i = 0; i < includes.count; i++) {
        if (add_include(loader, includes.items[i], &out->includes) < 0)
            return -1;
    }
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        return error_set(loader->err, ERROR_INVALID, "parameters: expected an object, found %s",
                         json_kind(parameters));
    if (receipts && !json_is_null(receipts) && !json_is_array(receipts))
        return error_set(loader->err, ERROR_INVALID,
                         "required_receipts: expected an array, found %s", json_kind(receipts));
    out->needs_receipts = json_array_size(receipts) > 0;
    return 0;
}

static int load_fragment(struct loader *loader, const json_t *object, struct fragment_rule *out)
{
    static const char *const known[] = {
        "issuer", "feed", "minimum_svn", "includes", "parameters", "required_receipts", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_text(loader, object, "issuer", &out->issuer) < 0 ||
        load_text(loader, object, "feed", &out->feed) < 0 || load_svn(loader, object, out) < 0)
        return -1;
    return load_includes(loader, object, out);
}

int load_fragments(struct loader *loader, const json_t *array)
{
    struct policy *policy = loader->policy;
    if (!json_is_array(array) || json_array_size(array) > CONTAINERS_MAX)
        return error_set(loader->err, ERROR_INVALID, "expected an array of at most %d rows",
                         CONTAINERS_MAX);
    policy->fragment_count = json_array_size(array);
    policy->fragments = arena_take(&policy->arena, policy->fragment_count,
                                   sizeof *policy->fragments);
    if (!policy->fragments)
        return error_memory(loader->err);
    for (size_t i = 0; i < policy->fragment_count; i++) {
        if (load_fragment(loader, json_array_get(array, i), &policy->fragments[i]) < 0)
            return error_context(loader->err, "fragments[%zu]", i);
    }
    return 0;
}

static int load_platform_row(struct loader *loader, const json_t *object,
                             struct platform_rules *out)
{
    static const char *const known[] = {"env_rules", "mounts", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_env_rules(loader, object, &out->env_rules, &out->env_rule_count) < 0)
        return -1;
    return load_mounts(loader, object, &out->mounts, &out->mount_count);
}

/* All rows together hold for every container: they become one list. */
static int merge_platform(struct loader *loader, const struct platform_rules *rows, size_t count)
{
    struct policy *policy = loader->policy;
    struct platform_rules *all = &policy->platform;
    size_t envs = 0;
    size_t mounts = 0;
    for (size_t i = 0; i < count; i++) {
        envs += rows[i].env_rule_count;
        mounts += rows[i].mount_count;
    }
    struct env_rule *env_rules = arena_take(&policy->arena, envs, sizeof *env_rules);
    struct mount_rule *mount_rules = arena_take(&policy->arena, mounts, sizeof *mount_rules);
    if (!env_rules || !mount_rules)
        return error_memory(loader->err);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < rows[i].env_rule_count; j++)
            env_rules[all->env_rule_count++] = rows[i].env_rules[j];
        for (size_t j = 0; j < rows[i].mount_count; j++)
            mount_rules[all->mount_count++] = rows[i].mounts[j];
    }
    all->env_rules = env_rules;
    all->mounts = mount_rules;
    return 0;
}

int load_platform_rules(struct loader *loader, const json_t *array)
{
    struct policy *policy = loader->policy;
    if (!json_is_array(array) || json_array_size(array) > CONTAINERS_MAX)
        return error_set(loader->err, ERROR_INVALID, "expected an array of at most %d rows",
                         CONTAINERS_MAX);
    if (!since(loader, 5, 0))
        return error_set(loader->err, ERROR_INVALID, "needs framework_version 0.5.0");
    size_t count = json_array_size(array);
    struct platform_rules *rows = arena_take(&policy->arena, count, sizeof *rows);
    if (!rows)
        return error_memory(loader->err);
    for (size_t i = 0; i < count; i++) {
        if (load_platform_row(loader, json_array_get(array, i), &rows[i]) < 0)
            return error_context(loader->err, "platform_rules[%zu]", i);
    }
    return merge_platform(loader, rows, count);
}
