#include "calls.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX 256

struct room {
    const char *texts[16][LIST_MAX];
    size_t used;
    struct policy_mount mounts[LIST_MAX];
    struct policy_identity groups[LIST_MAX];
};

char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rbe");
    char *text = malloc((size_t)8 << 20);
    if (!file || !text)
        abort();
    *size = fread(text, 1, ((size_t)8 << 20) - 1, file);
    text[*size] = '\0';
    (void)fclose(file);
    return text;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool flag_of(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* Options of mounts are many: they take their room from the heap and leak in the test only. */
static struct policy_list list_of(const json_t *array)
{
    size_t count = json_array_size(array);
    const char **items = calloc(count + 1, sizeof *items);
    if (!items)
        abort();
    for (size_t i = 0; i < count; i++)
        items[i] = json_string_value(json_array_get(array, i));
    return (struct policy_list){items, count};
}

static void free_list(struct policy_list list)
{
    free((void *)(uintptr_t)list.items);
}

static void read_capabilities(const json_t *caps, struct policy_capabilities *out)
{
    static const char *const names[] = {"bounding", "effective", "inheritable", "permitted",
                                        "ambient"};
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++)
        out->sets[i] = list_of(json_object_get(caps, names[i]));
}

static void read_process(const json_t *call, struct room *room, struct policy_process *out)
{
    const json_t *user = json_object_get(call, "User");
    const json_t *groups = json_object_get(call, "Groups");
    const json_t *mounts = json_object_get(call, "Mounts");
    bool has_user = json_is_object(user);
    *out = (struct policy_process){
        .container_id = text_of(call, "ContainerID"),
        .sandbox_id = text_of(call, "Sandbox"),
        .args = list_of(json_object_get(call, "Args")),
        .env = list_of(json_object_get(call, "Env")),
        .cwd = text_of(call, "Cwd"),
        .user = {has_user ? text_of(user, "ID") : "0", has_user ? text_of(user, "Name") : "root"},
        .groups = room->groups,
        .group_count = json_array_size(groups),
        .umask = *text_of(call, "Umask") ? text_of(call, "Umask") : "0022",
        .no_new_privileges = flag_of(call, "NNP"),
        .privileged = flag_of(call, "Privileged"),
        .seccomp_sha256 = text_of(call, "Seccomp"),
        .mounts = room->mounts,
        .mount_count = json_array_size(mounts),
    };
    read_capabilities(json_object_get(call, "Caps"), &out->capabilities);
    for (size_t i = 0; i < out->group_count; i++) {
        const json_t *group = json_array_get(groups, i);
        room->groups[i] = (struct policy_identity){text_of(group, "ID"), text_of(group, "Name")};
    }
    for (size_t i = 0; i < out->mount_count; i++) {
        const json_t *mount = json_array_get(mounts, i);
        room->mounts[i] = (struct policy_mount){
            .destination = text_of(mount, "destination"),
            .type = text_of(mount, "type"),
            .source = text_of(mount, "source"),
            .options = list_of(json_object_get(mount, "options")),
        };
    }
}

static void free_process(const struct policy_process *process,
                         const struct policy_decision *decision)
{
    (void)decision;
    free_list(process->args);
    free_list(process->env);
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++)
        free_list(process->capabilities.sets[i]);
    for (size_t i = 0; i < process->mount_count; i++)
        free_list(process->mounts[i].options);
}

static bool play_process(struct policy_state *state, enum policy_point point, const json_t *call,
                         struct policy_decision *decision)
{
    static struct room room;
    struct policy_process process;
    bool allowed;
    read_process(call, &room, &process);
    if (point == POLICY_CREATE_CONTAINER)
        allowed = policy_create_container(state, &process, decision);
    else if (point == POLICY_EXEC_IN_CONTAINER)
        allowed = policy_exec_in_container(state, &process, decision);
    else
        allowed = policy_exec_external(state, &process, decision);
    free_process(&process, decision);
    return allowed;
}

static bool play_scratch(struct policy_state *state, enum policy_point point, const json_t *call,
                         struct policy_decision *decision)
{
    const struct policy_scratch scratch = {
        .target = text_of(call, "Target"),
        .filesystem = text_of(call, "FS"),
        .encrypted = flag_of(call, "Encrypted"),
        .ensure_filesystem = flag_of(call, "EnsureFS"),
    };
    return policy_scratch_point(state, point, &scratch, decision);
}

static bool play_signal(struct policy_state *state, const json_t *call,
                        struct policy_decision *decision)
{
    struct policy_list args = list_of(json_object_get(call, "Args"));
    uint32_t signal = (uint32_t)json_integer_value(json_object_get(call, "Signal"));
    bool allowed = policy_signal_container_process(state, text_of(call, "ContainerID"), signal,
                                                   flag_of(call, "Init"), args, decision);
    free_list(args);
    return allowed;
}

bool play_call(struct policy_state *state, const json_t *call, struct policy_decision *decision)
{
    enum policy_point point;
    struct policy_list layers;
    bool allowed;
    if (!policy_point_of_name(text_of(call, "Op"), &point))
        abort();
    switch (point) {
    case POLICY_MOUNT_DEVICE:
        return policy_mount_device(state, text_of(call, "Target"), text_of(call, "Hash"), decision);
    case POLICY_MOUNT_OVERLAY:
        layers = list_of(json_object_get(call, "Layers"));
        allowed = policy_mount_overlay(state, text_of(call, "ContainerID"), layers,
                                       text_of(call, "Target"), decision);
        free_list(layers);
        return allowed;
    case POLICY_CREATE_CONTAINER:
    case POLICY_EXEC_IN_CONTAINER:
    case POLICY_EXEC_EXTERNAL:
        return play_process(state, point, call, decision);
    case POLICY_SIGNAL_CONTAINER_PROCESS:
        return play_signal(state, call, decision);
    case POLICY_SHUTDOWN_CONTAINER:
        return policy_shutdown_container(state, text_of(call, "ContainerID"), decision);
    case POLICY_SCRATCH_MOUNT:
    case POLICY_RW_MOUNT_DEVICE:
        return play_scratch(state, point, call, decision);
    case POLICY_UNMOUNT_DEVICE:
    case POLICY_RW_UNMOUNT_DEVICE:
    case POLICY_UNMOUNT_OVERLAY:
    case POLICY_SCRATCH_UNMOUNT:
    case POLICY_PLAN9_MOUNT:
    case POLICY_PLAN9_UNMOUNT:
    case POLICY_MOUNT_BLOCKDEV:
    case POLICY_UNMOUNT_BLOCKDEV:
        return policy_path_point(state, point, text_of(call, "Target"), decision);
    default:
        return policy_plain_point(state, point, decision);
    }
}
