#include "template/config.h"

#include "template/parts.h"
#include "template/virtual_node.h"

/* What the two versions call their members. */
struct names {
    bool old; /* version 0 */
    const char *image;
    const char *mounts;
    const char *privileged;
};

struct config {
    struct template_reader reader;
    struct names names;
    bool virtual_node;
    bool identity;
};

static int read_rule(const struct config *config, json_t *row, struct policy_draft_rule *out,
                     struct error *err)
{
    const struct template_reader *reader = &config->reader;
    const char *name, *value, *strategy;
    if (template_get_text(reader, row, "name", &name, err) < 0 ||
        template_find_text(reader, row, "value", &value, err) < 0)
        return -1;
    if ((!value || !*value) && template_find_text(reader, row, "secureValue", &value, err) < 0)
        return error_context(err, "variable %s", name);
    if (config->names.old) {
        if (template_find_text(reader, row, "strategy", &strategy, err) < 0)
            return -1;
        out->regex = strategy && strcmp(strategy, "re2") == 0;
    } else if (template_find_bool(reader, row, "regex", &out->regex, err) < 0) {
        return -1;
    }
    out->text = template_format(reader->groups, err, "%s=%s", name, value ? value : "");
    return out->text ? 0 : -1;
}

static int read_env(const struct config *config, json_t *properties,
                    struct policy_draft_container *out, struct error *err)
{
    const struct template_reader *reader = &config->reader;
    json_t *array, *row;
    if (template_find_array(reader, properties, "environmentVariables", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    struct policy_draft_rule *rules = arena_take(&reader->groups->arena,
                                                 count + TEMPLATE_IDENTITY_RULES, sizeof *rules);
    if (!rules)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (template_object_at(reader, array, i, "environmentVariables", &row, err) < 0 ||
            read_rule(config, row, &rules[i], err) < 0)
            return error_context(err, "environmentVariables");
    }
    if (config->identity) {
        memcpy(&rules[count], template_identity_rules, sizeof template_identity_rules);
        count += TEMPLATE_IDENTITY_RULES;
    }
    out->env = rules;
    out->env_count = count;
    return 0;
}

static int read_mount(const struct config *config, json_t *row, struct policy_mount *out,
                      struct error *err)
{
    const struct template_reader *reader = &config->reader;
    const char *kind, *path;
    struct policy_list options;
    bool read_only = config->names.old; /* version 0 mounts read-only unless told otherwise */
    if (template_get_text(reader, row, "mountType", &kind, err) < 0 ||
        template_get_text(reader, row, "mountPath", &path, err) < 0 ||
        template_find_bool(reader, row, "readOnly", &read_only, err) < 0 ||
        template_find_texts(reader, row, "options", &options, err) < 0)
        return -1;
    const char *source = template_mount_source(kind);
    if (!source)
        return error_set(err, ERROR_INVALID,
                         "mountType \"%.64s\" is not one of azureFile, secret, secretsSource, "
                         "emptyDir, resolvconf, gitRepo",
                         kind);
    if (template_fill_mount(source, path, read_only, out, err) < 0)
        return -1;
    if (options.count > 0)
        out->options = options;
    return 0;
}

/* confcom's order on virtual nodes: the container's own, those of privileged ones, the token's. */
static void add_virtual_node_mounts(const struct config *config, struct policy_mount *mounts,
                                    struct policy_draft_container *out)
{
    if (config->virtual_node && out->privileged) {
        memcpy(&mounts[out->mount_count], template_privileged_mounts,
               sizeof template_privileged_mounts);
        out->mount_count += TEMPLATE_PRIVILEGED_MOUNTS;
    }
    if (config->identity)
        mounts[out->mount_count++] = template_identity_mount;
}

static int read_mounts(const struct config *config, json_t *properties,
                       struct policy_draft_container *out, struct error *err)
{
    const struct template_reader *reader = &config->reader;
    json_t *array, *row;
    if (template_find_array(reader, properties, config->names.mounts, &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    struct policy_mount *mounts = arena_take(
        &reader->groups->arena, count + TEMPLATE_PRIVILEGED_MOUNTS + 2, sizeof *mounts);
    if (!mounts)
        return error_memory(err);
    for (; out->mount_count < count; out->mount_count++) {
        size_t at = out->mount_count;
        if (template_object_at(reader, array, at, config->names.mounts, &row, err) < 0 ||
            read_mount(config, row, &mounts[at], err) < 0)
            return error_context(err, "%s[%zu]", config->names.mounts, at);
    }
    if (template_read_config_map(reader, properties, &mounts[out->mount_count], out, err) < 0)
        return -1;
    add_virtual_node_mounts(config, mounts, out);
    out->mounts = mounts;
    return 0;
}

/* Version 1 lists objects with a command each, version 0 the words of one command. */
static int read_execs(const struct config *config, json_t *properties,
                      struct policy_draft_container *out, struct error *err)
{
    const struct template_reader *reader = &config->reader;
    json_t *array, *row;
    struct policy_list command;
    if (template_find_array(reader, properties, "execProcesses", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (template_room_for_execs(reader, out, count + 2, err) < 0)
        return -1;
    if (config->names.old) {
        if (template_find_texts(reader, properties, "execProcesses", &command, err) < 0)
            return -1;
        if (command.count > 0)
            template_add_exec(out, command);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (template_object_at(reader, array, i, "execProcesses", &row, err) < 0 ||
            template_find_texts(reader, row, "command", &command, err) < 0)
            return -1;
        if (command.count == 0)
            return error_set(err, ERROR_INVALID, "execProcesses[%zu] has no command", i);
        template_add_exec(out, command);
    }
    if (template_read_probe(reader, properties, "readinessProbe", out, err) < 0)
        return -1;
    return template_read_probe(reader, properties, "livenessProbe", out, err);
}

static int read_rights(const struct config *config, json_t *properties,
                       struct policy_draft_container *out, struct error *err)
{
    const struct template_reader *reader = &config->reader;
    json_t *context;
    if (config->names.old)
        return template_find_bool(reader, properties, "allow_elevated", &out->privileged, err);
    if (template_find_object(reader, properties, "securityContext", &context, err) < 0)
        return -1;
    return template_read_security(reader, context, out, err);
}

static int read_properties(const struct config *config, json_t *properties,
                           struct template_container *out, struct error *err)
{
    const struct template_reader *reader = &config->reader;
    struct policy_draft_container *draft = &out->draft;
    if (template_get_text(reader, properties, config->names.image, &out->image, err) < 0 ||
        template_find_text(reader, properties, "workingDir", &draft->working_dir, err) < 0)
        return -1;
    if (draft->working_dir && *draft->working_dir && *draft->working_dir != '/')
        return error_set(err, ERROR_INVALID, "workingDir \"%.128s\" is not an absolute path",
                         draft->working_dir);
    if (template_read_command(reader, properties, draft, err) < 0 ||
        read_env(config, properties, draft, err) < 0 ||
        read_execs(config, properties, draft, err) < 0 ||
        read_rights(config, properties, draft, err) < 0)
        return -1;
    return read_mounts(config, properties, draft, err);
}

static int read_container(const struct config *config, json_t *object,
                          struct template_container *out, struct error *err)
{
    json_t *properties = object;
    const char *name;
    out->draft = (struct policy_draft_container){
        .platform = config->virtual_node ? POLICY_PLATFORM_VIRTUAL_NODE : POLICY_PLATFORM_ACI,
        .seccomp_sha256 = "",
    };
    if (template_find_text(&config->reader, object, "name", &name, err) < 0)
        return -1;
    if (!config->names.old) {
        if (template_find_object(&config->reader, object, "properties", &properties, err) < 0)
            return -1;
        if (!properties)
            return error_set(err, ERROR_INVALID, "\"properties\" is missing");
    }
    if (read_properties(config, properties, out, err) < 0)
        return -1;
    out->draft.id = out->image;
    out->draft.name = name && *name ? name : out->image;
    return 0;
}

static int read_containers(const struct config *config, json_t *array, struct template_group *group,
                           struct error *err)
{
    size_t count = json_array_size(array);
    json_t *object;
    if (count > TEMPLATE_CONTAINERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu containers; at most %d are accepted", count,
                         TEMPLATE_CONTAINERS_MAX);
    group->containers = arena_take(&config->reader.groups->arena, count, sizeof *group->containers);
    if (!group->containers)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (template_object_at(&config->reader, array, i, "containers", &object, err) < 0 ||
            read_container(config, object, &group->containers[i], err) < 0)
            return error_context(err, "container %zu", i);
        group->container_count++;
    }
    return 0;
}

/* confcom takes any value that Python holds for true. */
static bool is_truthy(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_true(value) || (json_is_integer(value) && json_integer_value(value) != 0);
}

static int read_scenario(struct config *config, json_t *document, struct error *err)
{
    const char *scenario;
    json_t *labels, *use;
    if (template_find_text(&config->reader, document, "scenario", &scenario, err) < 0 ||
        template_find_object(&config->reader, document, "labels", &labels, err) < 0 ||
        template_find(&config->reader, labels, TEMPLATE_IDENTITY_LABEL, &use, err) < 0)
        return -1;
    config->virtual_node = scenario && strcmp(scenario, "vn2") == 0;
    config->identity = config->virtual_node && is_truthy(use);
    return 0;
}

static int read_document(struct config *config, json_t *document, struct template_group *group,
                         struct error *err)
{
    static const struct names old = {true, "containerImage", "mounts", "allow_elevated"};
    static const struct names new = {false, "image", "volumeMounts", "privileged"};
    json_t *array, *image;
    if (template_find_array(&config->reader, document, "containers", &array, err) < 0 ||
        template_read_fragments(&config->reader, document, "fragments", &group->fragments,
                                &group->fragment_count, err) < 0 ||
        read_scenario(config, document, err) < 0)
        return -1;
    json_t *first = json_array_get(array, 0);
    if (json_is_object(first) &&
        template_find(&config->reader, first, "containerImage", &image, err) < 0)
        return -1;
    config->names = json_is_object(first) && image ? old : new;
    if (config->names.old)
        group->fragment_count = 0;
    if (json_array_size(array) == 0 && group->fragment_count == 0)
        return error_set(err, ERROR_INVALID, "neither containers nor fragments");
    group->own_fragments_first = true;
    return read_containers(config, array, group, err);
}

int template_read_config(struct span text, struct template_groups *groups, struct error *err)
{
    static const struct json_limits limits = {TEMPLATE_SIZE_MAX, TEMPLATE_DEPTH_MAX};
    struct config config = {.reader = {.groups = groups}};
    json_t *document = json_parse_object(text, &limits, err);
    if (!document || !template_keep(groups, document, err))
        return -1;
    struct template_group *group = template_add_group(groups, err);
    return group ? read_document(&config, document, group, err) : -1;
}

int template_of_image(const char *reference, struct template_groups *groups, struct error *err)
{
    struct template_group *group = template_add_group(groups, err);
    if (!group)
        return -1;
    group->containers = arena_take(&groups->arena, 1, sizeof *group->containers);
    if (!group->containers)
        return error_memory(err);
    group->container_count = 1;
    group->containers[0] = (struct template_container){
        .image = reference,
        .draft = {.id = reference, .name = reference, .seccomp_sha256 = ""},
    };
    return 0;
}

int template_add_fragments(struct span text, struct template_groups *groups, struct error *err)
{
    static const struct json_limits limits = {TEMPLATE_SIZE_MAX, TEMPLATE_DEPTH_MAX};
    const struct template_reader reader = {.groups = groups};
    const struct policy_draft_fragment *more;
    size_t count;
    json_t *document = json_parse_object(text, &limits, err);
    if (!document || !template_keep(groups, document, err) ||
        template_read_fragments(&reader, document, "fragments", &more, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < groups->count; i++) {
        struct template_group *group = &groups->groups[i];
        struct policy_draft_fragment *all = arena_take(&groups->arena,
                                                       group->fragment_count + count, sizeof *all);
        if (!all)
            return error_memory(err);
        for (size_t j = 0; j < group->fragment_count; j++)
            all[j] = group->fragments[j];
        for (size_t j = 0; j < count; j++)
            all[group->fragment_count + j] = more[j];
        group->fragments = all;
        group->fragment_count += count;
    }
    return 0;
}
