#include <stdlib.h>

#include "policy/calls_internal.h"
#include "policy/capabilities.h"

#define MEMORY_MAX    ((size_t)64 << 20) /* bytes of one call's lists */
#define SANDBOX_KEY   "SandboxContainer" /* the host's word, which decides nothing */
#define ZERO_STAND_IN '\x01'

/* One call as it is read. */
struct call {
    const json_t *object;
    struct arena *memory;
    struct stand_in **stand_ins;
    struct error *err;
};

static const char *const known_keys[] = {
    "Op",      "Note",    "Target",    "Hash", "Encrypted", "EnsureFS", "FS",
    "Args",    "Layers",  "Env",       "Cwd",  "Sandbox",   "Mounts",   "ContainerID",
    "User",    "Groups",  "Umask",     "Caps", "NNP",       "Seccomp",  "Privileged",
    "Issuer",  "Feed",    "Rego",      "SVN",  "Signal",    "Init",     "ReadOnlyRoot",
    "Rlimits", "Sysctls", SANDBOX_KEY, NULL};

/* --- members ---------------------------------------------------------------------------------- */

/* The member, or NULL where it is absent or null. */
static json_t *find(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* The string, or what stands in for one with a zero byte; NULL for what is no string. */
static const char *text_of(const struct call *call, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (!text || strlen(text) == size)
        return text;
    struct stand_in *row = arena_take(call->memory, 1, sizeof *row + size + 1);
    if (!row)
        return NULL;
    for (size_t i = 0; i < size; i++)
        row->text[i] = text[i] ? text[i] : ZERO_STAND_IN;
    row->original = value;
    row->next = *call->stand_ins;
    *call->stand_ins = row;
    return row->text;
}

static int get_text(const struct call *call, const json_t *object, const char *key,
                    const char **out)
{
    const json_t *value = find(object, key);
    *out = value ? text_of(call, value) : "";
    return *out ? 0
                : error_set(call->err, ERROR_INVALID, "key \"%s\": expected a string, found %s",
                            key, json_kind(value));
}

static int get_bool(const struct call *call, const char *key, bool *out)
{
    *out = false;
    return find(call->object, key) ? json_get_bool(call->object, key, out, call->err) : 0;
}

static int get_array(const struct call *call, const json_t *object, const char *key, json_t **out)
{
    *out = NULL;
    return find(object, key) ? json_get_array(object, key, out, call->err) : 0;
}

static void *take(const struct call *call, size_t count, size_t size)
{
    void *memory = arena_take(call->memory, count, size);
    if (!memory)
        (void)error_set(call->err, ERROR_LIMIT, "its lists take too much memory");
    return memory;
}

static int get_list(const struct call *call, const json_t *object, const char *key,
                    struct policy_list *out)
{
    json_t *array;
    if (get_array(call, object, key, &array) < 0)
        return -1;
    size_t count = json_array_size(array);
    const char **items = take(call, count, sizeof *items);
    if (!items)
        return -1;
    for (size_t i = 0; i < count; i++) {
        items[i] = text_of(call, json_array_get(array, i));
        if (!items[i])
            return error_set(call->err, ERROR_INVALID, "%s[%zu]: expected a string, found %s", key,
                             i, json_kind(json_array_get(array, i)));
    }
    *out = (struct policy_list){items, count};
    return 0;
}

/* --- processes -------------------------------------------------------------------------------- */

static int get_identity(const struct call *call, const json_t *object, struct policy_identity *out)
{
    static const char *const known[] = {"ID", "Name", NULL};
    if (!json_is_object(object))
        return error_set(call->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, call->err) < 0 || get_text(call, object, "ID", &out->id) < 0)
        return -1;
    return get_text(call, object, "Name", &out->name);
}

static int get_user(const struct call *call, struct policy_process *out)
{
    json_t *array;
    const json_t *user = find(call->object, "User");
    out->user = (struct policy_identity){"0", "root"};
    if (user && get_identity(call, user, &out->user) < 0)
        return error_context(call->err, "key \"User\"");
    if (get_array(call, call->object, "Groups", &array) < 0)
        return -1;
    out->group_count = json_array_size(array);
    struct policy_identity *groups = take(call, out->group_count, sizeof *groups);
    if (!groups)
        return -1;
    for (size_t i = 0; i < out->group_count; i++) {
        if (get_identity(call, json_array_get(array, i), &groups[i]) < 0)
            return error_context(call->err, "key \"Groups\": element %zu", i);
    }
    out->groups = groups;
    return 0;
}

static int get_capabilities(const struct call *call, struct policy_capabilities *out)
{
    static const char *const known[] = {"bounding",  "effective", "inheritable",
                                        "permitted", "ambient",   NULL};
    json_t *sets = find(call->object, "Caps");
    if (!sets)
        return 0;
    if (json_get_object(call->object, "Caps", &sets, call->err) < 0 ||
        json_check_keys(sets, known, call->err) < 0)
        return -1;
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (get_list(call, sets, policy_capability_set_names[i], &out->sets[i]) < 0)
            return -1;
    }
    return 0;
}

static int get_mount(const struct call *call, const json_t *object, struct policy_mount *out)
{
    static const char *const known[] = {"destination", "type", "source", "options", NULL};
    if (!json_is_object(object))
        return error_set(call->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, call->err) < 0 ||
        get_text(call, object, "destination", &out->destination) < 0 ||
        get_text(call, object, "type", &out->type) < 0 ||
        get_text(call, object, "source", &out->source) < 0)
        return -1;
    return get_list(call, object, "options", &out->options);
}

static int get_mounts(const struct call *call, struct policy_process *out)
{
    json_t *array;
    if (get_array(call, call->object, "Mounts", &array) < 0)
        return -1;
    out->mount_count = json_array_size(array);
    struct policy_mount *mounts = take(call, out->mount_count, sizeof *mounts);
    if (!mounts)
        return -1;
    for (size_t i = 0; i < out->mount_count; i++) {
        if (get_mount(call, json_array_get(array, i), &mounts[i]) < 0)
            return error_context(call->err, "key \"Mounts\": element %zu", i);
    }
    out->mounts = mounts;
    return 0;
}

static int get_process(const struct call *call, struct policy_process *out)
{
    const json_t *object = call->object;
    if (get_text(call, object, "ContainerID", &out->container_id) < 0 ||
        get_text(call, object, "Sandbox", &out->sandbox_id) < 0 ||
        get_list(call, object, "Args", &out->args) < 0 ||
        get_list(call, object, "Env", &out->env) < 0 ||
        get_text(call, object, "Cwd", &out->cwd) < 0 || get_user(call, out) < 0 ||
        get_text(call, object, "Umask", &out->umask) < 0 ||
        get_bool(call, "NNP", &out->no_new_privileges) < 0 ||
        get_capabilities(call, &out->capabilities) < 0 ||
        get_bool(call, "Privileged", &out->privileged) < 0 ||
        get_bool(call, "ReadOnlyRoot", &out->read_only_root) < 0 ||
        get_text(call, object, "Seccomp", &out->seccomp_sha256) < 0 ||
        get_list(call, object, "Rlimits", &out->rlimits) < 0 ||
        get_list(call, object, "Sysctls", &out->sysctls) < 0)
        return -1;
    if (!out->umask[0])
        out->umask = "0022";
    return get_mounts(call, out);
}

/* --- playing ---------------------------------------------------------------------------------- */

static int play_process(const struct call *call, enum policy_point point,
                        struct policy_state *state, struct policy_decision *decision)
{
    struct policy_process process = {0};
    if (get_process(call, &process) < 0)
        return -1;
    if (point == POLICY_CREATE_CONTAINER)
        (void)!policy_create_container(state, &process, decision);
    else if (point == POLICY_EXEC_IN_CONTAINER)
        (void)!policy_exec_in_container(state, &process, decision);
    else
        (void)!policy_exec_external(state, &process, decision);
    return 0;
}

static int play_overlay(const struct call *call, struct policy_state *state,
                        struct policy_decision *decision)
{
    const char *id;
    const char *target;
    struct policy_list layers;
    if (get_text(call, call->object, "ContainerID", &id) < 0 ||
        get_text(call, call->object, "Target", &target) < 0 ||
        get_list(call, call->object, "Layers", &layers) < 0)
        return -1;
    (void)!policy_mount_overlay(state, id, layers, target, decision);
    return 0;
}

static int play_scratch(const struct call *call, enum policy_point point,
                        struct policy_state *state, struct policy_decision *decision)
{
    struct policy_scratch scratch;
    if (get_text(call, call->object, "Target", &scratch.target) < 0 ||
        get_text(call, call->object, "FS", &scratch.filesystem) < 0 ||
        get_bool(call, "Encrypted", &scratch.encrypted) < 0 ||
        get_bool(call, "EnsureFS", &scratch.ensure_filesystem) < 0)
        return -1;
    (void)!policy_scratch_point(state, point, &scratch, decision);
    return 0;
}

static int play_signal(const struct call *call, struct policy_state *state,
                       struct policy_decision *decision)
{
    const char *id;
    int64_t signal = 0;
    bool is_init;
    struct policy_list args;
    if (get_text(call, call->object, "ContainerID", &id) < 0 ||
        (find(call->object, "Signal") &&
         json_get_i64(call->object, "Signal", &signal, call->err) < 0) ||
        get_bool(call, "Init", &is_init) < 0 || get_list(call, call->object, "Args", &args) < 0)
        return -1;
    /* What is no signal's number is none that a policy lists. */
    uint32_t number = signal < 0 || signal > UINT32_MAX ? UINT32_MAX : (uint32_t)signal;
    (void)!policy_signal_container_process(state, id, number, is_init, args, decision);
    return 0;
}

static int play_device(const struct call *call, struct policy_state *state,
                       struct policy_decision *decision)
{
    const char *target;
    const char *root_hash;
    if (get_text(call, call->object, "Target", &target) < 0 ||
        get_text(call, call->object, "Hash", &root_hash) < 0)
        return -1;
    (void)!policy_mount_device(state, target, root_hash, decision);
    return 0;
}

static int play_path(const struct call *call, enum policy_point point, struct policy_state *state,
                     struct policy_decision *decision)
{
    const char *target;
    if (get_text(call, call->object, "Target", &target) < 0)
        return -1;
    (void)!policy_path_point(state, point, target, decision);
    return 0;
}

static int play_shutdown(const struct call *call, struct policy_state *state,
                         struct policy_decision *decision)
{
    const char *id;
    if (get_text(call, call->object, "ContainerID", &id) < 0)
        return -1;
    (void)!policy_shutdown_container(state, id, decision);
    return 0;
}

static int play_fragment(const struct call *call, struct policy_state *state,
                         struct policy_decision *decision)
{
    const char *text;
    struct policy_fragment fragment = {.has_svn = find(call->object, "SVN") != NULL};
    if (get_text(call, call->object, "Issuer", &fragment.issuer) < 0 ||
        get_text(call, call->object, "Feed", &fragment.feed) < 0 ||
        get_text(call, call->object, "Rego", &text) < 0 ||
        (fragment.has_svn &&
         json_get_u64(call->object, "SVN", INT64_MAX, &fragment.svn, call->err) < 0))
        return -1;
    fragment.text = span_of_text(text);
    (void)!policy_load_fragment(state, &fragment, decision);
    return 0;
}

static int play(const struct call *call, enum policy_point point, struct policy_state *state,
                struct policy_decision *decision)
{
    switch (point) {
    case POLICY_MOUNT_DEVICE:
        return play_device(call, state, decision);
    case POLICY_MOUNT_OVERLAY:
        return play_overlay(call, state, decision);
    case POLICY_CREATE_CONTAINER:
    case POLICY_EXEC_IN_CONTAINER:
    case POLICY_EXEC_EXTERNAL:
        return play_process(call, point, state, decision);
    case POLICY_SIGNAL_CONTAINER_PROCESS:
        return play_signal(call, state, decision);
    case POLICY_LOAD_FRAGMENT:
        return play_fragment(call, state, decision);
    case POLICY_SHUTDOWN_CONTAINER:
        return play_shutdown(call, state, decision);
    case POLICY_SCRATCH_MOUNT:
    case POLICY_RW_MOUNT_DEVICE:
        return play_scratch(call, point, state, decision);
    case POLICY_UNMOUNT_DEVICE:
    case POLICY_RW_UNMOUNT_DEVICE:
    case POLICY_UNMOUNT_OVERLAY:
    case POLICY_SCRATCH_UNMOUNT:
    case POLICY_PLAN9_MOUNT:
    case POLICY_PLAN9_UNMOUNT:
    case POLICY_MOUNT_BLOCKDEV:
    case POLICY_UNMOUNT_BLOCKDEV:
        return play_path(call, point, state, decision);
    default:
        (void)!policy_plain_point(state, point, decision);
        return 0;
    }
}

static int play_call(const struct call *call, struct policy_state *state,
                     struct policy_decision *decision)
{
    enum policy_point point;
    const char *name;
    if (!json_is_object(call->object))
        return error_set(call->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(call->object));
    if (json_check_keys(call->object, known_keys, call->err) < 0 ||
        json_get_text(call->object, "Op", &name, call->err) < 0)
        return -1;
    if (!policy_point_of_name(name, &point))
        return error_set(call->err, ERROR_INVALID, "key \"Op\": \"%.64s\" is no enforcement point",
                         name);
    return play(call, point, state, decision);
}

int policy_calls_play(struct policy_calls *calls, size_t index, struct policy_state *state,
                      struct policy_decision *decision, struct error *err)
{
    struct error own = {0};
    struct error *report = err ? err : &own;
    arena_fini(&calls->memory);
    calls->memory.limit = MEMORY_MAX;
    calls->stand_ins = NULL;
    const struct call call = {json_array_get(calls->list, index), &calls->memory, &calls->stand_ins,
                              report};
    return play_call(&call, state, decision) < 0 ? error_context(report, "call %zu", index) : 0;
}

int policy_calls_parse(struct span text, struct policy_calls **out, struct error *err)
{
    json_error_t problem;
    *out = NULL;
    if (text.size > POLICY_CALLS_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "a list of calls of %zu bytes; at most %zu are read",
                         text.size, POLICY_CALLS_SIZE_MAX);
    json_auto_t *list = json_loadb((const char *)text.data, text.size,
                                   JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!list)
        return error_set(err, ERROR_INVALID, "not accepted as JSON: line %d, column %d: %s",
                         problem.line, problem.column, problem.text);
    if (!json_is_array(list))
        return error_set(err, ERROR_INVALID, "expected an array of calls, found %s",
                         json_kind(list));
    struct policy_calls *calls = calloc(1, sizeof *calls);
    if (!calls)
        return error_memory(err);
    calls->list = json_incref(list);
    *out = calls;
    return 0;
}

void policy_calls_free(struct policy_calls *calls)
{
    if (!calls)
        return;
    arena_fini(&calls->memory);
    json_decref(calls->list);
    free(calls);
}

void policy_calls_cleanup(struct policy_calls **calls)
{
    policy_calls_free(*calls);
    *calls = NULL;
}

size_t policy_calls_count(const struct policy_calls *calls)
{
    return json_array_size(calls->list);
}
