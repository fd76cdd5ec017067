/* Security contexts: the container's over its pod's, key by key; and resources. */
#include "template/pod_read.h"

#include "template/quantity.h"

static const struct pod_field pod_fields[] = {
    {"runAsUser", NULL},
    {"runAsGroup", NULL},
    {"runAsNonRoot", NULL},
    {"fsGroup", NULL},
    {"fsGroupChangePolicy", NULL},
    {"seccompProfile", NULL},
    {"supplementalGroups", "a policy binds one group of a process"},
    {"supplementalGroupsPolicy", NULL},
    {"sysctls", "they are not supported"},
    {"seLinuxOptions", "the machine has no SELinux"},
    {"appArmorProfile", NULL},
    {"windowsOptions", "containers run under Linux"},
    /* What ACI's virtual nodes take from here too. */
    {"privileged", NULL},
    {"allowPrivilegeEscalation", NULL},
    {"capabilities", NULL},
    {"readOnlyRootFilesystem", NULL},
    {0},
};

static const struct pod_field container_fields[] = {
    {"runAsUser", NULL},
    {"runAsGroup", NULL},
    {"runAsNonRoot", NULL},
    {"privileged", NULL},
    {"allowPrivilegeEscalation", NULL},
    {"readOnlyRootFilesystem", NULL},
    {"capabilities", NULL},
    {"seccompProfile", NULL},
    {"procMount", "what /proc hides stays hidden"},
    {"seLinuxOptions", "the machine has no SELinux"},
    {"appArmorProfile", NULL},
    {"windowsOptions", "containers run under Linux"},
    {0},
};

static int read_id(const json_t *context, const char *key, int64_t *out, struct error *err)
{
    uint64_t id = 0;
    *out = -1;
    if (!json_object_get(context, key))
        return 0;
    if (json_get_u64(context, key, UINT32_MAX - 1, &id, err) < 0)
        return -1;
    *out = (int64_t)id;
    return 0;
}

/* confcom takes the texts too. */
static int read_flag(const struct pod_reader *reader, const json_t *context, const char *key,
                     enum pod_flag *out, struct error *err)
{
    const char *text = json_string_value(json_object_get(context, key));
    bool value = false;
    *out = POD_UNSET;
    if (!json_object_get(context, key))
        return 0;
    if (reader->reading == POD_CONFCOM && text)
        value = strcmp(text, "true") == 0 || strcmp(text, "True") == 0;
    else if (json_get_bool(context, key, &value, err) < 0)
        return -1;
    *out = value ? POD_TRUE : POD_FALSE;
    return 0;
}

/* Kubernetes writes KILL for CAP_KILL. */
static int with_prefix(const struct pod_reader *reader, struct policy_list *list, struct error *err)
{
    const char **items = pod_room(reader, list->count, sizeof *items, err);
    if (!items)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        bool whole = strncmp(name, "CAP_", 4) == 0 || strcmp(name, "ALL") == 0;
        items[i] = whole ? name : pod_format(reader, err, "CAP_%s", name);
        if (!items[i])
            return -1;
    }
    list->items = items;
    return 0;
}

static int read_capabilities(const struct pod_reader *reader, const json_t *context,
                             struct pod_security *out, struct error *err)
{
    static const struct pod_field fields[] = {{"add", NULL}, {"drop", NULL}, {0}};
    json_t *capabilities;
    if (json_find_object(context, "capabilities", &capabilities, err) < 0)
        return -1;
    if (!capabilities)
        return 0;
    if (pod_check_fields(reader, capabilities, fields, err) < 0 ||
        pod_find_texts(reader, capabilities, "add", &out->capabilities_add, err) < 0 ||
        pod_find_texts(reader, capabilities, "drop", &out->capabilities_drop, err) < 0)
        return error_context(err, "capabilities");
    if (reader->reading == POD_CONFCOM)
        return 0;
    for (size_t i = 0; i < out->capabilities_add.count; i++) {
        if (strcmp(out->capabilities_add.items[i], "ALL") == 0)
            return error_set(err, ERROR_REFUSED,
                             "capabilities: add ALL: name those that are "
                             "needed, or set privileged");
    }
    if (with_prefix(reader, &out->capabilities_add, err) < 0)
        return -1;
    return with_prefix(reader, &out->capabilities_drop, err);
}

/* A text is a profile in base64, as on virtual nodes; an object names a type. */
static int read_seccomp(const struct pod_reader *reader, const json_t *context,
                        struct pod_security *out, struct error *err)
{
    static const struct pod_field fields[] = {{"type", NULL}, {"localhostProfile", NULL}, {0}};
    json_t *profile = json_object_get(context, "seccompProfile");
    const char *type;
    out->seccomp = "";
    if (!profile)
        return 0;
    if (json_is_string(profile))
        return json_get_text(context, "seccompProfile", &out->seccomp, err);
    if (!json_is_object(profile))
        return error_set(err, ERROR_INVALID, "seccompProfile: expected an object, found %s",
                         json_kind(profile));
    if (pod_check_fields(reader, profile, fields, err) < 0 ||
        pod_get_text(profile, "type", &type, err) < 0)
        return error_context(err, "seccompProfile");
    out->seccomp_unconfined = strcmp(type, "Unconfined") == 0;
    if (out->seccomp_unconfined || strcmp(type, "RuntimeDefault") == 0)
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "seccompProfile: type \"%.64s\": a profile that lies on the node is not "
                     "trusted; give the profile itself, in base64",
                     type);
}

static int read_context(const struct pod_reader *reader, const json_t *own, const json_t *context,
                        struct pod_security *out, struct error *err)
{
    enum pod_flag non_root, read_only;
    if (read_id(context, "runAsUser", &out->user, err) < 0 ||
        read_id(context, "runAsGroup", &out->group, err) < 0 ||
        read_id(context, "fsGroup", &out->fs_group, err) < 0 ||
        read_flag(reader, context, "runAsNonRoot", &non_root, err) < 0 ||
        read_flag(reader, context, "privileged", &out->privileged, err) < 0 ||
        read_flag(reader, context, "allowPrivilegeEscalation", &out->escalation, err) < 0 ||
        read_flag(reader, context, "readOnlyRootFilesystem", &read_only, err) < 0 ||
        read_capabilities(reader, context, out, err) < 0 ||
        read_seccomp(reader, context, out, err) < 0)
        return -1;
    out->non_root = non_root == POD_TRUE;
    out->read_only_root = read_only == POD_TRUE;
    out->own_privileged = json_is_true(json_object_get(own, "privileged"));
    if (reader->reading == POD_STRICT && out->non_root && out->user == 0)
        return error_set(err, ERROR_INVALID, "runAsNonRoot with runAsUser 0");
    return 0;
}

int pod_read_security(const struct pod_reader *reader, const json_t *container,
                      struct pod_container *out, struct error *err)
{
    json_t *pods, *own;
    json_auto_t *merged = json_object();
    if (json_find_object(reader->spec, "securityContext", &pods, err) < 0 ||
        json_find_object(container, "securityContext", &own, err) < 0)
        return -1;
    if ((pods && pod_check_fields(reader, pods, pod_fields, err) < 0) ||
        (own && pod_check_fields(reader, own, container_fields, err) < 0))
        return error_context(err, "securityContext");
    if (!merged || (pods && json_object_update(merged, pods) < 0) ||
        (own && json_object_update(merged, own) < 0))
        return error_memory(err);
    if (read_context(reader, own, merged, &out->security, err) < 0)
        return error_context(err, "securityContext");
    return 0;
}

static int read_quantity(const json_t *list, const char *key, bool units, uint64_t *out,
                         struct error *err)
{
    const json_t *value = json_object_get(list, key);
    char number[32];
    const char *text = json_string_value(value);
    if (!value)
        return 0;
    if (json_is_integer(value) || json_is_real(value)) {
        (void)snprintf(number, sizeof number, "%.9g", json_number_value(value));
        text = number;
    }
    if (!text)
        return error_set(err, ERROR_INVALID, "%s: expected a quantity, found %s", key,
                         json_kind(value));
    int status = units ? quantity_parse_units(text, out, err) : quantity_parse(text, out, err);
    return status < 0 ? error_context(err, "%s", key) : 0;
}

static int read_list(const struct pod_reader *reader, const json_t *resources, const char *key,
                     uint64_t *cpu, uint64_t *memory, struct error *err)
{
    static const struct pod_field fields[] = {
        {"cpu", NULL}, {"memory", NULL}, {"ephemeral-storage", NULL}, {0}};
    json_t *list;
    if (json_find_object(resources, key, &list, err) < 0)
        return -1;
    if (!list)
        return 0;
    if (pod_check_fields(reader, list, fields, err) < 0 ||
        read_quantity(list, "cpu", false, cpu, err) < 0 ||
        read_quantity(list, "memory", true, memory, err) < 0)
        return error_context(err, "resources: %s", key);
    return 0;
}

int pod_read_resources(const struct pod_reader *reader, const json_t *container,
                       struct pod_resources *out, struct error *err)
{
    static const struct pod_field fields[] = {
        {"limits", NULL}, {"requests", NULL}, {"claims", "devices cannot be had"}, {0}};
    json_t *resources;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (json_find_object(container, "resources", &resources, err) < 0)
        return -1;
    if (!resources)
        return 0;
    if (pod_check_fields(reader, resources, fields, err) < 0)
        return error_context(err, "resources");
    if (read_list(reader, resources, "limits", &out->cpu_limit, &out->memory_limit, err) < 0)
        return -1;
    return read_list(reader, resources, "requests", &out->cpu_request, &out->memory_request, err);
}
