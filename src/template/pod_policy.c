#include "template/pod_policy.h"

#include <stdio.h>

#include "template/parts.h"
#include "template/pod_confine.h"
#include "template/virtual_node.h"

struct maker {
    const struct template_pod_options *options;
    struct template_groups *groups;
    const struct template_reader reader;
    const struct pod *pod;
};

static void *room(const struct maker *maker, size_t count, size_t size, struct error *err)
{
    void *out = arena_take(&maker->groups->arena, count, size);
    if (!out)
        (void)error_memory(err);
    return out;
}

/* --- variables --- */

/* A value that the platform puts in: ===VIRTUALNODE2.CC.THIM.(.+)===, confcom's pattern. */
static bool is_placeholder(const char *value)
{
    static const char start[] = "===VIRTUALNODE2.CC.THIM.";
    static const char end[] = "===";
    size_t size = strlen(value);
    return strncmp(value, start, strlen(start)) == 0 && size > strlen(start) + strlen(end) &&
           strcmp(value + size - strlen(end), end) == 0;
}

static int fill_rule(const struct maker *maker, const struct pod_variable *variable,
                     struct policy_draft_rule *out, struct error *err)
{
    bool confcom = maker->options->reading == POD_CONFCOM;
    const char *value = variable->value;
    if (confcom && variable->source == POD_LITERAL && is_placeholder(value))
        value = NULL;
    if (!value && confcom && !maker->options->approve_wildcards) {
        if (variable->source == POD_SECRET)
            return error_set(err, ERROR_NOT_FOUND,
                             "variable \"%.64s\": the manifest has no Secret \"%.64s\" with key "
                             "\"%.64s\"; add the document, or let it be any with "
                             "--approve-wildcards",
                             variable->name, variable->object, variable->key);
        if (variable->source == POD_CONFIG_MAP)
            value = "";
    }
    /* The name is part of the pattern; only a name with signs of regexes would mean another. */
    if (!value && !confcom && strpbrk(variable->name, "\\^$.|?*+()[]{}"))
        return error_set(
            err, ERROR_REFUSED,
            "variable \"%.64s\": its value is known only when the pod runs, and such a "
            "name has to be of letters, digits and _",
            variable->name);
    out->regex = !value;
    out->text = template_format(maker->groups, err, "%s=%s", variable->name, value ? value : ".*");
    return out->text ? 0 : -1;
}

static bool has_identity(const struct pod *pod)
{
    const char *value = pod_pair_value(pod->labels, pod->label_count, TEMPLATE_IDENTITY_LABEL);
    return value && strcmp(value, "true") == 0;
}

static int fill_env(const struct maker *maker, const struct pod_container *container,
                    struct policy_draft_container *out, struct error *err)
{
    size_t count = container->env_count;
    struct policy_draft_rule *rules = room(maker, count + TEMPLATE_IDENTITY_RULES, sizeof *rules,
                                           err);
    if (!rules)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (fill_rule(maker, &container->env[i], &rules[i], err) < 0)
            return -1;
    }
    if (has_identity(maker->pod)) {
        memcpy(&rules[count], template_identity_rules, sizeof template_identity_rules);
        count += TEMPLATE_IDENTITY_RULES;
    }
    out->env = rules;
    out->env_count = count;
    return 0;
}

/* --- mounts and layers --- */

/* confcom lets any folder be mounted anywhere; the strict reading names it. Its name has nothing in
 * it that means more than itself in a regex; a path below it may have. */
static const char *empty_dir_source(const struct maker *maker, const struct pod_mount *mount,
                                    struct error *err)
{
    static const char signs[] = "\\^$.|?*+()[]{}";
    char path[1024];
    size_t size = 0;
    if (maker->options->reading == POD_CONFCOM)
        return POLICY_SOURCE_EMPTY_DIR;
    for (const char *at = mount->sub_path; *at && size < sizeof path - 3; at++) {
        if (strchr(signs, *at))
            path[size++] = '\\';
        path[size++] = *at;
    }
    path[size] = '\0';
    if (size >= sizeof path - 3) {
        (void)error_set(err, ERROR_LIMIT, "subPath of more than %zu bytes", sizeof path);
        return NULL;
    }
    return template_format(maker->groups, err, "sandbox:///tmp/atlas/emptydir/%s%s%s",
                           mount->volume->name, size ? "/" : "", path);
}

static int fill_mounts(const struct maker *maker, const struct pod_container *container,
                       struct policy_draft_container *out, struct error *err)
{
    struct policy_mount *mounts = room(
        maker, container->mount_count + 1 + TEMPLATE_PRIVILEGED_MOUNTS, sizeof *mounts, err);
    if (!mounts)
        return -1;
    out->mounts = mounts;
    if (has_identity(maker->pod))
        mounts[out->mount_count++] = template_identity_mount;
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct pod_mount *mount = &container->mounts[i];
        /* Files come in a layer. */
        if (mount->volume->type == POD_VOLUME_FILES)
            continue;
        const char *source = empty_dir_source(maker, mount, err);
        if (!source || template_fill_mount(source, mount->path, mount->read_only,
                                           &mounts[out->mount_count], err) < 0)
            return -1;
        out->mount_count++;
    }
    for (size_t i = 0; i < TEMPLATE_PRIVILEGED_MOUNTS && container->security.own_privileged; i++)
        mounts[out->mount_count++] = template_privileged_mounts[i];
    return 0;
}

static int fill_layer(const struct maker *maker, const struct pod_container *container,
                      struct template_container *out, struct error *err)
{
    BUF_AUTO tar = BUF_WITH_LIMIT(POD_ARENA_MAX);
    if (!pod_has_files(container))
        return 0;
    char *hex = room(maker, 65, 1, err);
    const char **list = room(maker, 1, sizeof *list, err);
    if (!hex || !list || pod_files_tar(container, &tar, err) < 0 ||
        maker->options->layer(maker->options->context, buf_span(&tar), hex, err) < 0)
        return -1;
    list[0] = hex;
    out->layers_above = (struct policy_list){list, 1};
    return 0;
}

/* --- the process --- */

static int fill_execs(const struct maker *maker, const struct pod_container *container,
                      struct policy_draft_container *out, struct error *err)
{
    const struct policy_list *const commands[] = {
        &container->liveness.command, &container->readiness.command, &container->startup.command,
        &container->post_start.command, &container->pre_stop.command};
    size_t count = sizeof commands / sizeof *commands;
    if (template_room_for_execs(&maker->reader, out, count, err) < 0)
        return -1;
    out->exec_kill = maker->options->reading == POD_STRICT; /* where it takes too long */
    for (size_t i = 0; i < count; i++) {
        if (commands[i]->count > 0)
            template_add_exec(out, *commands[i]);
    }
    return 0;
}

static int fill_command(const struct maker *maker, const struct pod_container *container,
                        struct template_container *out, struct error *err)
{
    struct policy_draft_container *draft = &out->draft;
    out->empty_command = true;
    if (container->command.count == 0) {
        out->args = container->args;
        return 0;
    }
    size_t count = container->command.count + container->args.count;
    const char *const *items = template_join(container->command, container->args,
                                             &maker->groups->arena);
    if (!items)
        return error_memory(err);
    draft->command = (struct policy_list){items, count};
    draft->has_command = true;
    return 0;
}

/* The pod's, which confcom passes over. */
static int fill_sysctls(const struct maker *maker, struct policy_draft_container *out,
                        struct error *err)
{
    const struct pod *pod = maker->pod;
    size_t count = maker->options->reading == POD_STRICT ? pod->sysctl_count : 0;
    const char **words = room(maker, count, sizeof *words, err);
    if (!words)
        return -1;
    if (count > POLICY_SETTINGS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu sysctls; at most %d", count, POLICY_SETTINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        words[i] = template_format(maker->groups, err, "%s=%s", pod->sysctls[i].key,
                                   pod->sysctls[i].value);
        if (!words[i])
            return -1;
    }
    out->sysctls = (struct policy_list){words, count};
    return 0;
}

static int fill_container(const struct maker *maker, const struct pod_container *container,
                          struct template_container *out, struct error *err)
{
    out->image = container->image;
    bool confcom = maker->options->reading == POD_CONFCOM;
    out->draft = (struct policy_draft_container){
        .platform = confcom ? POLICY_PLATFORM_VIRTUAL_NODE : POLICY_PLATFORM_ACI,
        .id = container->image,
        .name = container->name,
        .working_dir = container->working_dir};
    if (fill_command(maker, container, out, err) < 0 ||
        fill_env(maker, container, &out->draft, err) < 0 ||
        fill_mounts(maker, container, &out->draft, err) < 0 ||
        fill_layer(maker, container, out, err) < 0 ||
        fill_execs(maker, container, &out->draft, err) < 0 ||
        fill_sysctls(maker, &out->draft, err) < 0 ||
        pod_confine(maker->options, &container->security, maker->groups, out, err) < 0)
        return error_context(err, "container \"%.64s\"", container->name);
    return 0;
}

/* --- the group --- */

static struct policy_rows rows(const struct maker *maker, size_t from, size_t to, struct error *err)
{
    size_t *items = room(maker, to - from, sizeof *items, err);
    for (size_t i = from; items && i < to; i++)
        items[i - from] = i;
    return (struct policy_rows){items, to - from};
}

static int fill_sidecars(const struct maker *maker, struct policy_group *out, struct error *err)
{
    const struct pod *pod = maker->pod;
    size_t *items = room(maker, pod->container_count, sizeof *items, err);
    if (!items)
        return -1;
    for (size_t i = pod->main_count; i < pod->container_count; i++) {
        if (pod->containers[i].sidecar)
            items[out->sidecars.count++] = i;
    }
    out->sidecars.items = items;
    return 0;
}

static int fill_empty_dirs(const struct maker *maker, struct policy_group *out, struct error *err)
{
    const struct pod *pod = maker->pod;
    struct policy_empty_dir *dirs = room(maker, pod->volume_count, sizeof *dirs, err);
    if (!dirs)
        return -1;
    out->empty_dirs = dirs;
    int64_t group = pod->containers[0].security.fs_group; /* the pod's: alike in all */
    for (size_t i = 0; i < pod->volume_count; i++) {
        const struct pod_volume *volume = &pod->volumes[i];
        if (volume->type == POD_VOLUME_EMPTY_DIR)
            dirs[out->empty_dir_count++] = (struct policy_empty_dir){
                volume->name, volume->in_memory, volume->size_limit,
                group > 0 ? (unsigned int)group : 0};
    }
    return 0;
}

/* Containers of a pod share their IPC, as under Kubernetes. */
static int fill_word(const struct maker *maker, struct template_group *out, struct error *err)
{
    static const enum policy_restart restarts[] = {
        [POD_RESTART_ALWAYS] = POLICY_RESTART_ALWAYS,
        [POD_RESTART_ON_FAILURE] = POLICY_RESTART_ON_FAILURE,
        [POD_RESTART_NEVER] = POLICY_RESTART_NEVER,
    };
    const struct pod *pod = maker->pod;
    struct policy_group *group = room(maker, 1, sizeof *group, err);
    if (!group)
        return -1;
    *group = (struct policy_group){
        .restart = restarts[pod->restart], .shared_ipc = true, .shared_pid = pod->share_processes};
    group->containers = rows(maker, 0, pod->main_count, err);
    group->init = rows(maker, pod->main_count, pod->container_count, err);
    if (!group->containers.items || !group->init.items)
        return -1;
    out->word = group;
    if (fill_sidecars(maker, group, err) < 0)
        return -1;
    return fill_empty_dirs(maker, group, err);
}

static int fill_group(const struct maker *maker, struct template_group *out, struct error *err)
{
    const struct pod *pod = maker->pod;
    struct template_container *containers = room(maker, pod->container_count, sizeof *containers,
                                                 err);
    if (!containers)
        return -1;
    out->name = pod->name;
    out->containers = containers;
    for (size_t i = 0; i < pod->container_count; i++) {
        if (fill_container(maker, &pod->containers[i], &containers[i], err) < 0)
            return -1;
        out->container_count++;
    }
    out->policy = pod_pair_value(pod->annotations, pod->annotation_count,
                                 TEMPLATE_POLICY_ANNOTATION);
    return maker->options->reading == POD_STRICT ? fill_word(maker, out, err) : 0;
}

int template_read_pods(const struct pods *pods, const struct template_pod_options *options,
                       struct template_groups *groups, struct error *err)
{
    for (size_t i = 0; i < pods->count; i++) {
        const struct maker maker = {.options = options,
                                    .groups = groups,
                                    .reader = {.groups = groups},
                                    .pod = &pods->items[i]};
        struct template_group *group = template_add_group(groups, err);
        if (!group)
            return -1;
        group->place = i;
        if (fill_group(&maker, group, err) < 0)
            return error_context(err, "%s \"%.64s\"", maker.pod->kind, maker.pod->name);
    }
    return 0;
}
