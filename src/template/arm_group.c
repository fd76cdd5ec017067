/* The containers of one container group. */
#include <strings.h>

#include "template/arm_parts.h"

/* The one value that confcom replaces: the platform sets it when the container starts. */
#define THIM_NAME  "THIM_ENDPOINT"
#define THIM_VALUE "===CONFIDENTIAL.THIM.ENDPOINT==="

/* What may be any value: the rule, or nothing where the caller does not approve. */
static int open_rule(const struct arm *arm, const char *name, struct policy_draft_rule *rules,
                     size_t *count, struct error *err)
{
    struct template_arm_options *options = arm->options;
    if (!options->approve_wildcards) {
        options->left_out++;
        options->left_out_name = name;
        return 0;
    }
    const char *text = template_format(arm->reader.groups, err, "%s=.*", name);
    rules[(*count)++] = (struct policy_draft_rule){text, true};
    return text ? 0 : -1;
}

static int variable_value(const struct arm *arm, json_t *row, json_t **out, struct error *err)
{
    if (template_find(&arm->reader, row, "value", out, err) < 0)
        return -1;
    if (!*out && template_find(&arm->reader, row, "secureValue", out, err) < 0)
        return -1;
    if (!json_is_string(*out))
        return error_set(err, ERROR_INVALID, "expected a string as value or secureValue, found %s",
                         json_kind(*out));
    return 0;
}

static int closed_rule(const struct arm *arm, const char *name, const char *value,
                       struct policy_draft_rule *rules, size_t *count, struct error *err)
{
    bool any = strcmp(name, THIM_NAME) == 0 && strcmp(value, THIM_VALUE) == 0;
    const char *text = template_format(arm->reader.groups, err, "%s=%s", name, any ? ".*" : value);
    rules[(*count)++] = (struct policy_draft_rule){text, any};
    return text ? 0 : -1;
}

static int read_rule(const struct arm *arm, json_t *row, struct policy_draft_rule *rules,
                     size_t *count, struct error *err)
{
    const char *name;
    json_t *value;
    bool open = false;
    if (template_get_text(&arm->reader, row, "name", &name, err) < 0)
        return -1;
    if (variable_value(arm, row, &value, err) < 0) {
        /* What only the deployment knows may be any value, if the caller says so. */
        if (err && err->code == ERROR_UNAVAILABLE && arm->options->approve_wildcards)
            return open_rule(arm, name, rules, count, err);
        return error_context(err, "variable %.64s", name);
    }
    const char *text = json_string_value(value);
    if (arm->options->exact && arm_exact_is_open(arm, text, &open, err) < 0)
        return error_context(err, "variable %.64s", name);
    if (open)
        return open_rule(arm, name, rules, count, err);
    if (arm->options->exact && !(text = arm_exact_text((void *)(uintptr_t)arm, text, err)))
        return error_context(err, "variable %.64s", name);
    return closed_rule(arm, name, text, rules, count, err);
}

static int read_env(const struct arm *arm, json_t *properties, struct policy_draft_container *out,
                    struct error *err)
{
    json_t *array, *row;
    if (template_find_array(&arm->reader, properties, "environmentVariables", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    struct policy_draft_rule *rules = arena_take(&arm->reader.groups->arena, count, sizeof *rules);
    if (!rules)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (template_object_at(&arm->reader, array, i, "environmentVariables", &row, err) < 0 ||
            read_rule(arm, row, rules, &out->env_count, err) < 0)
            return -1;
    }
    out->env = rules;
    return 0;
}

/* A volume's kind is the member of its object that names one. */
static int volume_source(const struct arm *arm, json_t *volumes, const char *name,
                         const char **source, struct error *err)
{
    json_t *volume, *value;
    const char *own, *key;
    *source = NULL;
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        if (template_object_at(&arm->reader, volumes, i, "volumes", &volume, err) < 0 ||
            template_get_text(&arm->reader, volume, "name", &own, err) < 0)
            return error_context(err, "volumes");
        if (strcmp(own, name) != 0)
            continue;
        json_object_foreach (volume, key, value) {
            if (template_mount_source(key))
                *source = template_mount_source(key);
        }
        if (*source)
            return 0;
        return error_set(err, ERROR_INVALID,
                         "volume \"%.64s\" is neither azureFile, secret, emptyDir nor gitRepo",
                         name);
    }
    return error_set(err, ERROR_INVALID, "volume \"%.64s\" is not among the group's volumes", name);
}

static int read_mount(const struct arm *arm, json_t *row, json_t *volumes, struct policy_mount *out,
                      struct error *err)
{
    const char *name, *path, *source;
    bool read_only = false;
    if (template_get_text(&arm->reader, row, "name", &name, err) < 0 ||
        template_get_text(&arm->reader, row, "mountPath", &path, err) < 0 ||
        template_find_bool(&arm->reader, row, "readOnly", &read_only, err) < 0 ||
        volume_source(arm, volumes, name, &source, err) < 0)
        return -1;
    return template_fill_mount(source, path, read_only, out, err);
}

static int read_mounts(const struct arm *arm, json_t *properties, json_t *volumes,
                       struct policy_draft_container *out, struct error *err)
{
    json_t *array, *row;
    if (template_find_array(&arm->reader, properties, "volumeMounts", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    struct policy_mount *mounts = arena_take(&arm->reader.groups->arena, count + 1, sizeof *mounts);
    if (!mounts)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (template_object_at(&arm->reader, array, i, "volumeMounts", &row, err) < 0 ||
            read_mount(arm, row, volumes, &mounts[i], err) < 0)
            return error_context(err, "volumeMounts[%zu]", i);
    }
    out->mounts = mounts;
    out->mount_count = count;
    return template_read_config_map(&arm->reader, properties, &mounts[count], out, err);
}

static int read_properties(const struct arm *arm, json_t *properties, json_t *volumes,
                           struct template_container *out, struct error *err)
{
    struct policy_draft_container *draft = &out->draft;
    json_t *context;
    if (template_get_text(&arm->reader, properties, "image", &out->image, err) < 0 ||
        template_read_command(&arm->reader, properties, draft, err) < 0 ||
        read_env(arm, properties, draft, err) < 0 ||
        template_room_for_execs(&arm->reader, draft, 2, err) < 0 ||
        template_read_probe(&arm->reader, properties, "readinessProbe", draft, err) < 0 ||
        template_read_probe(&arm->reader, properties, "livenessProbe", draft, err) < 0 ||
        template_find_object(&arm->reader, properties, "securityContext", &context, err) < 0 ||
        template_read_security(&arm->reader, context, draft, err) < 0)
        return -1;
    return read_mounts(arm, properties, volumes, draft, err);
}

static int read_container(const struct arm *arm, json_t *object, json_t *volumes,
                          struct template_container *out, struct error *err)
{
    json_t *properties;
    const char *name;
    out->draft = (struct policy_draft_container){.seccomp_sha256 = ""};
    if (template_get_text(&arm->reader, object, "name", &name, err) < 0 ||
        template_find_object(&arm->reader, object, "properties", &properties, err) < 0)
        return -1;
    if (!properties || read_properties(arm, properties, volumes, out, err) < 0)
        return properties
                   ? error_context(err, "container \"%.64s\"", name)
                   : error_set(err, ERROR_INVALID, "container \"%.64s\" has no properties", name);
    out->draft.name = name;
    out->draft.id = out->image;
    return 0;
}

static int read_containers(const struct arm *arm, json_t *array, const char *key, json_t *volumes,
                           struct template_group *group, struct error *err)
{
    json_t *object;
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (template_object_at(&arm->reader, array, i, key, &object, err) < 0 ||
            read_container(arm, object, volumes, &group->containers[group->container_count], err) <
                0)
            return error_context(err, "%s", key);
        group->container_count++;
    }
    return 0;
}

static int read_all_containers(const struct arm *arm, json_t *properties,
                               struct template_group *group, struct error *err)
{
    json_t *containers, *init, *volumes;
    if (template_find_array(&arm->reader, properties, "containers", &containers, err) < 0 ||
        template_find_array(&arm->reader, properties, "initContainers", &init, err) < 0 ||
        template_find_array(&arm->reader, properties, "volumes", &volumes, err) < 0)
        return -1;
    size_t count = json_array_size(containers) + json_array_size(init);
    if (json_array_size(containers) == 0 || count > TEMPLATE_CONTAINERS_MAX)
        return error_set(err, ERROR_INVALID, "%zu containers; a group has 1 to %d",
                         json_array_size(containers), TEMPLATE_CONTAINERS_MAX);
    group->containers = arena_take(&arm->reader.groups->arena, count, sizeof *group->containers);
    if (!group->containers)
        return error_memory(err);
    if (read_containers(arm, containers, "containers", volumes, group, err) < 0)
        return -1;
    return read_containers(arm, init, "initContainers", volumes, group, err);
}

/* The policy that is there may be an expression of the deployment: then there is none to read. */
static int read_confidential(const struct arm *arm, json_t *properties,
                             struct template_group *group, struct error *err)
{
    json_t *confidential, *fragments;
    if (template_find_object(&arm->reader, properties, "confidentialComputeProperties",
                             &confidential, err) < 0 ||
        template_find_array(&arm->reader, confidential, "standaloneFragments", &fragments, err) < 0)
        return -1;
    if (json_array_size(fragments) > 0)
        return error_set(err, ERROR_UNAVAILABLE,
                         "standaloneFragments lie in a registry and are not fetched; name them "
                         "with --fragments-json");
    const json_t *policy = arm_member(confidential, "ccePolicy");
    group->policy = json_string_value(policy);
    return 0;
}

static int read_tags(const struct arm *arm, json_t *resource, struct template_group *group,
                     struct error *err)
{
    json_t *tags;
    if (template_find_object(&arm->reader, resource, "tags", &tags, err) < 0)
        return -1;
    return template_find_bool(&arm->reader, tags, "Annotate-zero-sidecar",
                              &group->exclude_default_fragments, err);
}

int arm_read_group(const struct arm *arm, json_t *resource, struct template_group *group,
                   struct error *err)
{
    json_t *properties;
    if (template_find_object(&arm->reader, resource, "properties", &properties, err) < 0)
        return -1;
    if (!properties)
        return error_set(err, ERROR_INVALID, "\"properties\" is missing");
    if (read_confidential(arm, properties, group, err) < 0 ||
        read_tags(arm, resource, group, err) < 0)
        return -1;
    return read_all_containers(arm, properties, group, err);
}
