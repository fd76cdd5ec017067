/* Security contexts: the container's over its pod's, key by key. */
#include "template/pod_read.h"

#include "policy/capabilities.h"
#include "template/pod_volume_files.h"

#define ID_MAX     (UINT32_MAX - 1)
#define GROUPS_MAX 31 /* one less than a guest takes: fsGroup is among them */

static const struct pod_field pod_fields[] = {
    {"runAsUser", NULL},
    {"runAsGroup", NULL},
    {"runAsNonRoot", NULL},
    {"fsGroup", NULL},
    {"fsGroupChangePolicy", NULL},
    {"seccompProfile", NULL},
    {"supplementalGroups", NULL},
    {"supplementalGroupsPolicy", NULL},
    {"sysctls", NULL},
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
    {"procMount", NULL},
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
    if (json_get_u64(context, key, ID_MAX, &id, err) < 0)
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
        bool all = strcmp(name, "ALL") == 0;
        bool whole = all || strncmp(name, "CAP_", 4) == 0;
        items[i] = whole ? name : pod_format(reader, err, "CAP_%s", name);
        if (!items[i])
            return -1;
        if (!all && policy_capability_number(items[i]) < 0)
            return error_set(err, ERROR_INVALID, "capabilities: there is no \"%.64s\"", name);
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

static int read_profile_file(const struct pod_reader *reader, const json_t *profile,
                             struct pod_security *out, struct error *err)
{
    if (pod_get_text(profile, "localhostProfile", &out->seccomp_file, err) < 0)
        return -1;
    return reader->reading == POD_STRICT ? pod_check_file_path(out->seccomp_file, err) : 0;
}

/* A text is a profile in base64, as on virtual nodes; an object names a type. */
static int read_seccomp(const struct pod_reader *reader, const json_t *context,
                        struct pod_security *out, struct error *err)
{
    static const struct pod_field fields[] = {{"type", NULL}, {"localhostProfile", NULL}, {0}};
    json_t *profile = json_object_get(context, "seccompProfile");
    const char *type;
    out->seccomp = out->seccomp_file = "";
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
    if (strcmp(type, "Localhost") == 0)
        return read_profile_file(reader, profile, out, err) < 0
                   ? error_context(err, "seccompProfile")
                   : 0;
    if (json_object_get(profile, "localhostProfile"))
        return error_set(err, ERROR_INVALID,
                         "seccompProfile: localhostProfile is for the type Localhost");
    bool usual = strcmp(type, "RuntimeDefault") == 0;
    if (usual && reader->reading == POD_STRICT)
        out->seccomp_file = NULL;
    if (usual || strcmp(type, "Unconfined") == 0)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "seccompProfile: type \"%.64s\" is not RuntimeDefault, Localhost or Unconfined", type);
}

/* --- groups ----------------------------------------------------------------------------------- */

static int read_groups(const struct pod_reader *reader, const json_t *context,
                       struct pod_security *out, struct error *err)
{
    json_t *array;
    if (json_find_array(context, "supplementalGroups", &array, err) < 0)
        return -1;
    size_t count = json_array_size(array);
    if (count > GROUPS_MAX)
        return error_set(err, ERROR_LIMIT, "supplementalGroups: %zu; at most %d", count,
                         GROUPS_MAX);
    uint32_t *groups = pod_room(reader, count, sizeof *groups, err);
    if (!groups)
        return -1;
    for (size_t i = 0; i < count; i++) {
        json_int_t id = json_integer_value(json_array_get(array, i));
        if (!json_is_integer(json_array_get(array, i)) || id < 0 || id > ID_MAX)
            return error_set(err, ERROR_INVALID, "supplementalGroups[%zu] is no group's number", i);
        groups[i] = (uint32_t)id;
    }
    out->groups = groups;
    out->group_count = count;
    return 0;
}

/* A group that is named is the process's alone beside those that the manifest lists: what the image
 * says of the user's groups counts where none is named. */
static int check_groups_policy(const json_t *context, const struct pod_security *security,
                               struct error *err)
{
    const char *policy;
    if (pod_find_text(context, "supplementalGroupsPolicy", &policy, err) < 0)
        return -1;
    if (!*policy || (strcmp(policy, "Strict") == 0 && security->group >= 0) ||
        (strcmp(policy, "Merge") == 0 && security->group < 0))
        return 0;
    if (strcmp(policy, "Strict") != 0 && strcmp(policy, "Merge") != 0)
        return error_set(err, ERROR_INVALID,
                         "supplementalGroupsPolicy \"%.64s\" is not Merge or Strict", policy);
    return error_set(err, ERROR_REFUSED,
                     "supplementalGroupsPolicy %s %s runAsGroup: the image's own groups are the "
                     "process's where no group is named, and only there",
                     policy, security->group < 0 ? "without" : "with");
}

/* What is not the guest's, or is not for a container to see. */
static int check_modules(const json_t *context, struct error *err)
{
    json_t *profile;
    const char *mount, *type;
    if (pod_find_text(context, "procMount", &mount, err) < 0 ||
        json_find_object(context, "appArmorProfile", &profile, err) < 0 ||
        pod_find_text(profile, "type", &type, err) < 0)
        return -1;
    if (*mount && strcmp(mount, "Default") != 0)
        return error_set(err, ERROR_REFUSED, "procMount \"%.64s\": what /proc hides stays hidden",
                         mount);
    if (strcmp(type, "Localhost") == 0)
        return error_set(err, ERROR_REFUSED, "appArmorProfile: the guest has no AppArmor");
    return 0;
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
    if (reader->reading == POD_STRICT &&
        (read_groups(reader, context, out, err) < 0 || check_groups_policy(context, out, err) < 0 ||
         check_modules(context, err) < 0))
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

int pod_read_sysctls(struct pod_reader *reader, struct error *err)
{
    static const struct pod_field fields[] = {{"name", NULL}, {"value", NULL}, {0}};
    json_t *context, *array, *object;
    size_t count;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (json_find_object(reader->spec, "securityContext", &context, err) < 0 ||
        pod_find_list(context, "sysctls", &array, &count, err) < 0)
        return -1;
    struct pod_pair *sysctls = pod_room(reader, count, sizeof *sysctls, err);
    if (!sysctls)
        return -1;
    reader->pod->sysctls = sysctls;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(array, i, &object, err) < 0 ||
            pod_check_fields(reader, object, fields, err) < 0 ||
            pod_get_text(object, "name", &sysctls[i].key, err) < 0 ||
            pod_get_text(object, "value", &sysctls[i].value, err) < 0)
            return error_context(err, "securityContext: sysctls");
        if (pod_pair_value(sysctls, i, sysctls[i].key))
            return error_set(err, ERROR_INVALID,
                             "securityContext: sysctls: \"%.64s\" is there twice", sysctls[i].key);
        reader->pod->sysctl_count++;
    }
    return 0;
}
