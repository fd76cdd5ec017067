#include "model_machine.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/value.h"

#define FOUR(c) c c c c
#define HASH(c) FOUR(FOUR(FOUR(c)))
#define A       HASH("a")
#define B       HASH("b")
#define C       HASH("c")

const struct described model_containers[] = {
    {.name = "app",
     .layers = {A, B},
     .args = {"/bin/app", "go"},
     .env = {"A=1", "B=2"},
     .cwd = "/",
     .capabilities = {"CAP_CHOWN", "CAP_KILL"},
     .signals = {10},
     .exec = {"/bin/tool"},
     .exec_signal = 12,
     .rlimits = {"nofile=512:1024", "core=0:0"},
     .stdio = true,
     .mount = "/etc/resolv.conf"},
    /* The same layers, silent: told apart by what runs. */
    {.name = "silent",
     .layers = {A, B},
     .args = {"/bin/silent"},
     .env = {"A=1"},
     .cwd = "/srv",
     .exec = {"/bin/silent", "-q"},
     .capabilities = {"CAP_KILL"},
     .sysctls = {"net.core.somaxconn=77"},
     .seccomp = "SCMP_ACT_LOG",
     .no_new_privileges = true},
    {.name = "elevated",
     .layers = {A, C},
     .args = {"/bin/app", "go"},
     .env = {"C=3"},
     .cwd = "/",
     .signals = {12},
     .elevated = true,
     .stdio = true},
    {.name = "base",
     .layers = {A},
     .args = {"/bin/base", "-x", "y"},
     .env = {"A=1"},
     .cwd = "/",
     .capabilities = {"CAP_CHOWN"},
     .signals = {15},
     .exec = {"/bin/base", "-z"},
     .stdio = true,
     .read_only = true,
     .mount = "/etc/hosts"},
};
const size_t model_container_count = sizeof model_containers / sizeof *model_containers;

static const char *const run_options[] = {"nosuid", "strictatime", "mode=755", "size=65536k"};
const struct policy_mount model_run_mount = {
    .destination = "/run", .type = "tmpfs", .source = "tmpfs", .options = {run_options, 4}};

/* --- the policy ------------------------------------------------------------------------------- */

static int append_words(struct buf *out, const char *const *words, struct error *err)
{
    if (buf_append_text(out, "[", err) < 0)
        return -1;
    for (size_t i = 0; words[i]; i++) {
        if (buf_printf(out, err, "%s\"%s\"", i ? "," : "", words[i]) < 0)
            return -1;
    }
    return buf_append_text(out, "]", err);
}

static int append_set(struct buf *out, const char *name, const struct described *it, bool full,
                      struct error *err)
{
    static const char *const none[] = {NULL};
    if (buf_printf(out, err, "\"%s\":", name) < 0)
        return -1;
    return append_words(out, full ? it->capabilities : none, err);
}

static int append_capabilities(struct buf *out, const struct described *it, struct error *err)
{
    static const char *const names[] = {"ambient", "bounding", "effective", "inheritable",
                                        "permitted"};
    for (size_t i = 0; i < 5; i++) {
        if (buf_append_text(out, i ? "," : ",\"capabilities\":{", err) < 0 ||
            append_set(out, names[i], it, i % 3 != 0, err) < 0)
            return -1;
    }
    return buf_append_text(out, "}", err);
}

static int append_env(struct buf *out, const struct described *it, struct error *err)
{
    for (size_t i = 0; it->env[i]; i++) {
        if (buf_printf(out, err,
                       "%s{\"pattern\":\"%s\",\"required\":false,\"strategy\":\"string\"}",
                       i ? "," : ",\"env_rules\":[", it->env[i]) < 0)
            return -1;
    }
    return buf_append_text(out, "]", err);
}

static int append_signals(struct buf *out, const struct described *it, struct error *err)
{
    if (buf_append_text(out, ",\"signals\":[", err) < 0)
        return -1;
    for (size_t i = 0; it->signals[i]; i++) {
        if (buf_printf(out, err, "%s%u", i ? "," : "", it->signals[i]) < 0)
            return -1;
    }
    return buf_append_text(out, "]", err);
}

static int append_mount(struct buf *out, const struct described *it, struct error *err)
{
    if (!it->mount)
        return buf_append_text(out, ",\"mounts\":[]", err);
    return buf_printf(out, err,
                      ",\"mounts\":[{\"destination\":\"%s\",\"options\":[\"rbind\",\"rshared\","
                      "\"rw\"],\"source\":\"sandbox:///tmp/atlas/own/.+\",\"type\":\"bind\"}]",
                      it->mount);
}

static int append_settings(struct buf *out, const struct described *it, struct error *err)
{
    if (buf_append_text(out, ",\"caisson_rlimits\":", err) < 0 ||
        append_words(out, it->rlimits, err) < 0 ||
        buf_append_text(out, ",\"caisson_sysctls\":", err) < 0)
        return -1;
    return append_words(out, it->sysctls, err) < 0
               ? -1
               : buf_printf(out, err, ",\"caisson_read_only_root\":%s",
                            it->read_only ? "true" : "false");
}

static const char *word_of(bool value)
{
    return value ? "true" : "false";
}

static int append_exec(struct buf *out, const struct described *it, struct error *err)
{
    if (!it->exec[0])
        return buf_append_text(out, ",\"exec_processes\":[]", err);
    if (buf_append_text(out, ",\"exec_processes\":[{\"command\":", err) < 0 ||
        append_words(out, it->exec, err) < 0)
        return -1;
    return it->exec_signal ? buf_printf(out, err, ",\"signals\":[%u]}]", it->exec_signal)
                           : buf_append_text(out, ",\"signals\":[]}]", err);
}

static int append_seccomp(struct buf *out, const struct described *it, struct error *err)
{
    char profile[64];
    char hex[2 * SHA256_SIZE + 1] = "";
    uint8_t digest[SHA256_SIZE];
    if (it->seccomp) {
        (void)snprintf(profile, sizeof profile, "{\"defaultAction\":\"%s\"}", it->seccomp);
        sha256_digest(span_of_text(profile), digest);
        hex_encode(span_of(digest, sizeof digest), hex);
    }
    return buf_printf(out, err, ",\"seccomp_profile_sha256\":\"%s\"", hex);
}

static int append_container(struct buf *out, const struct described *it, struct error *err)
{
    if (buf_append_text(out, "{\"command\":", err) < 0 || append_words(out, it->args, err) < 0 ||
        append_env(out, it, err) < 0 || buf_append_text(out, ",\"layers\":", err) < 0 ||
        append_words(out, it->layers, err) < 0 || append_mount(out, it, err) < 0 ||
        append_settings(out, it, err) < 0 || append_seccomp(out, it, err) < 0 ||
        append_signals(out, it, err) < 0 || append_exec(out, it, err) < 0 ||
        append_capabilities(out, it, err) < 0)
        return -1;
    return buf_printf(
        out, err,
        ",\"allow_elevated\":%s,\"allow_stdio_access\":%s,"
        "\"id\":\"%s\",\"name\":\"%s\",\"no_new_privileges\":%s,"
        "\"working_dir\":\"%s\",\"user\":{"
        "\"group_idnames\":[{\"pattern\":\"0\",\"strategy\":\"id\"}],"
        "\"umask\":\"0022\",\"user_idname\":{\"pattern\":\"0\",\"strategy\":\"id\"}}}",
        word_of(it->elevated), word_of(it->stdio), it->name, it->name,
        word_of(it->no_new_privileges), it->cwd);
}

int model_policy(struct buf *out, struct error *err)
{
    static const char *const points[] = {
        "mount_device",    "unmount_device",     "mount_overlay",
        "unmount_overlay", "create_container",   "exec_in_container",
        "exec_external",   "shutdown_container", "signal_container_process",
        "plan9_mount",     "plan9_unmount",      "get_properties",
        "dump_stacks",     "runtime_logging",    "load_fragment",
        "scratch_mount",   "scratch_unmount"};
    if (buf_append_text(out,
                        "package policy\nimport future.keywords.every\nimport future.keywords.in\n"
                        "api_version := \"0.10.0\"\nframework_version := \"0.5.0\"\n"
                        "fragments := []\ncontainers := [",
                        err) < 0)
        return -1;
    for (size_t i = 0; i < model_container_count; i++) {
        if ((i && buf_append_text(out, ",", err) < 0) ||
            append_container(out, &model_containers[i], err) < 0)
            return -1;
    }
    if (buf_append_text(out,
                        "]\nallow_properties_access := false\nallow_dump_stacks := false\n"
                        "allow_runtime_logging := false\n"
                        "allow_environment_variable_dropping := true\n"
                        "allow_unencrypted_scratch := false\nallow_capability_dropping := false\n",
                        err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        if (buf_printf(out, err, "%s := data.framework.%s\n", points[i], points[i]) < 0)
            return -1;
    }
    return buf_append_text(out, "reason := {\"errors\": data.framework.errors}\n", err);
}

/* --- what must hold --------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void require(struct model_machine *machine, bool holds,
                                                          const char *format, ...)
{
    if (holds || machine->violation[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(machine->violation, sizeof machine->violation, format, arguments);
    va_end(arguments);
}

/* Everything but a report needs the policy first. Returns whether this call is to fail. */
static bool begins(struct model_machine *machine, const char *name, struct error *err)
{
    require(machine, machine->open, "%s before the policy", name);
    if (!machine->fails)
        return false;
    machine->fails = false;
    (void)error_set(err, ERROR_SYSTEM, "the machine cannot %s", name);
    return true;
}

struct model_container *model_find(struct model_machine *machine, const char *id)
{
    for (size_t i = 0; i < machine->container_count; i++) {
        struct model_container *each = &machine->containers[i];
        if (each->life != MODEL_GONE && strcmp(each->id, id) == 0)
            return each;
    }
    return NULL;
}

static struct model_device *find_device(struct model_machine *machine, const char *target)
{
    for (size_t i = 0; i < machine->device_count; i++) {
        if (strcmp(machine->devices[i].target, target) == 0)
            return &machine->devices[i];
    }
    return NULL;
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

static bool has_word(const char *const *words, const char *word)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return true;
    }
    return false;
}

static bool same_words(const char *const *words, struct policy_list list)
{
    if (list.count != count_words(words))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(words[i], list.items[i]) != 0)
            return false;
    }
    return true;
}

static bool same_set(const char *const *words, struct policy_list list)
{
    for (size_t i = 0; i < list.count; i++) {
        if (!has_word(words, list.items[i]))
            return false;
    }
    return list.count == count_words(words);
}

static bool same_layers(const struct described *it, const struct model_container *container)
{
    size_t count = count_words(it->layers);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(it->layers[i], container->hashes[i]) != 0)
            return false;
    }
    return container->hashes[count][0] == '\0';
}

static int model_report(void *argument, const uint8_t report_data[REPORT_DATA_SIZE],
                        struct buf *report, struct buf *certificates, struct error *err)
{
    struct model_machine *machine = argument;
    (void)certificates;
    if (buf_append_zero(report, GATE_REPORT_SIZE, err) < 0)
        return -1;
    memcpy(report->data + 0x50, report_data, REPORT_DATA_SIZE);
    memcpy(report->data + GATE_HOST_DATA_AT, machine->host_data, SHA256_SIZE);
    return 0;
}

static int model_set_network(void *argument, const struct request_set_network *network,
                             struct error *err)
{
    struct model_machine *machine = argument;
    (void)network;
    if (begins(machine, "set_network", err))
        return -1;
    require(machine, !machine->network, "the network was set twice");
    machine->network = true;
    return 0;
}

static int model_mount_device(void *argument, const struct request_mount_device *device,
                              struct error *err)
{
    struct model_machine *machine = argument;
    bool known = false;
    for (size_t i = 0; i < model_container_count; i++)
        known |= has_word(model_containers[i].layers, device->root_hash);
    require(machine, known, "a layer of no container: %s", device->root_hash);
    require(machine, !find_device(machine, device->target), "two devices on %s", device->target);
    if (begins(machine, "mount_device", err))
        return -1;
    require(machine, machine->device_count < MODEL_DEVICES, "more devices than targets");
    struct model_device *row = &machine->devices[machine->device_count++];
    (void)text_copy(row->target, sizeof row->target, device->target);
    (void)text_copy(row->root_hash, sizeof row->root_hash, device->root_hash);
    return 0;
}

static int model_scratch_mount(void *argument, const struct request_scratch_mount *scratch,
                               struct error *err)
{
    struct model_machine *machine = argument;
    (void)scratch;
    if (begins(machine, "scratch_mount", err))
        return -1;
    require(machine, !machine->scratch, "two scratch disks");
    machine->scratch = true;
    return 0;
}

static int model_mount_overlay(void *argument, const char *id, struct policy_list layers,
                               struct error *err)
{
    struct model_machine *machine = argument;
    struct model_container made = {.life = MODEL_MOUNTED};
    require(machine, !model_find(machine, id), "two overlays for %s", id);
    require(machine, layers.count <= MODEL_LAYERS, "an overlay of %zu layers", layers.count);
    for (size_t i = 0; i < layers.count && i < MODEL_LAYERS; i++) {
        const struct model_device *device = find_device(machine,
                                                        layers.items[layers.count - 1 - i]);
        require(machine, device != NULL, "an overlay on %s, which is not mounted", layers.items[i]);
        if (device) {
            (void)text_copy(made.targets[i], sizeof made.targets[i], device->target);
            (void)text_copy(made.hashes[i], sizeof made.hashes[i], device->root_hash);
        }
    }
    bool known = false;
    for (size_t i = 0; i < model_container_count; i++)
        known |= same_layers(&model_containers[i], &made);
    require(machine, known, "%zu layers that are no container's", layers.count);
    if (begins(machine, "mount_overlay", err))
        return -1;
    require(machine, machine->container_count < MODEL_IDS, "more overlays than ids");
    (void)text_copy(made.id, sizeof made.id, id);
    machine->containers[machine->container_count++] = made;
    return 0;
}

static struct model_process *find_process(struct model_machine *machine, const char *id,
                                          uint64_t number)
{
    for (size_t i = 0; i < GATE_PROCESSES_MAX; i++) {
        struct model_process *each = &machine->processes[i];
        if (each->number && strcmp(each->id, id) == 0 && (number == 0 || each->number == number))
            return each;
    }
    return NULL;
}

static int model_remove_overlay(void *argument, const char *id, struct error *err)
{
    struct model_machine *machine = argument;
    struct model_container *container = model_find(machine, id);
    require(machine, container != NULL, "removes the overlay of %s, which has none", id);
    if (!container)
        return 0;
    require(machine, container->life != MODEL_RUNS, "removes the root of %s, which runs", id);
    require(machine, container->life != MODEL_ENDED || container->shut,
            "removes the root of %s, which was not shut down", id);
    require(machine, !find_process(machine, id, 0), "removes the root of a process in %s", id);
    container->life = MODEL_GONE;
    return begins(machine, "remove_overlay", err) ? -1 : 0;
}

static int model_unmount_device(void *argument, const char *target, struct error *err)
{
    struct model_machine *machine = argument;
    struct model_device *device = find_device(machine, target);
    require(machine, device != NULL, "unmounts %s, where nothing is", target);
    for (size_t i = 0; i < machine->container_count; i++) {
        const struct model_container *each = &machine->containers[i];
        for (size_t k = 0; each->life != MODEL_GONE && k < MODEL_LAYERS; k++)
            require(machine, strcmp(each->targets[k], target) != 0, "unmounts %s, a layer of %s",
                    target, each->id);
    }
    if (device)
        *device = machine->devices[--machine->device_count];
    machine->removed++;
    /* One that fails leaves a place that the kernel mounts nothing on: as if nothing were there. */
    return begins(machine, "unmount_device", err) ? -1 : 0;
}

static int model_find_user(void *argument, const struct request_process *process, struct user *out,
                           struct error *err)
{
    struct model_machine *machine = argument;
    const char *id = process->id;
    const char *user = process->user;
    require(machine, model_find(machine, id) != NULL, "reads files of %s, which is no root", id);
    if (begins(machine, "find_user", err))
        return -1;
    bool is_root = strcmp(user, "root") == 0 || *user == '\0';
    *out = (struct user){.user = {.id = is_root ? 0 : 1000, .name = "root"},
                         .groups = {{.name = "root"}, {.id = 44, .name = "video"}},
                         .group_count = 1 + process->groups.count};
    return 0;
}

/* The options in their order, of which the host has just one that is right. */
static bool same_mount(const struct policy_mount *a, const struct policy_mount *b)
{
    bool same = strcmp(a->destination, b->destination) == 0 && strcmp(a->type, b->type) == 0 &&
                strcmp(a->source, b->source) == 0 && a->options.count == b->options.count;
    for (size_t i = 0; same && i < a->options.count; i++)
        same = strcmp(a->options.items[i], b->options.items[i]) == 0;
    return same;
}

static bool mounts_are(const struct described *it, const struct spec *spec)
{
    static const char own[] = "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/own/";
    const char *source = NULL;
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct policy_mount *mount = &spec->mounts[i];
        if (same_mount(mount, &model_run_mount))
            continue;
        if (!it->mount || strcmp(mount->destination, it->mount) != 0 ||
            strcmp(mount->type, "bind") != 0 || strncmp(mount->source, own, strlen(own)) != 0 ||
            strstr(mount->source, "..") || mount->options.count != 3)
            return false;
        /* The same once more does no harm; another in its place would. */
        if (source && strcmp(mount->source, source) != 0)
            return false;
        source = mount->source;
    }
    return true;
}

/* The 41 capabilities of a privileged process are not told apart here. */
static bool capabilities_are(const struct described *it, const struct spec *spec)
{
    static const char *const none[] = {NULL};
    const struct policy_list *sets = spec->capabilities.sets;
    if (it->elevated && spec->privileged)
        return sets[POLICY_AMBIENT].count == 0;
    return same_set(it->capabilities, sets[POLICY_BOUNDING]) &&
           same_set(it->capabilities, sets[POLICY_EFFECTIVE]) &&
           same_set(it->capabilities, sets[POLICY_PERMITTED]) &&
           same_set(none, sets[POLICY_INHERITABLE]) && same_set(none, sets[POLICY_AMBIENT]);
}

static bool variables_are(const struct described *it, const struct spec *spec)
{
    for (size_t i = 0; i < spec->env.count; i++) {
        if (!has_word(it->env, spec->env.items[i]))
            return false;
    }
    return true;
}

/* The same once more does no harm; one fewer might. */
static bool same_settings(const char *const *words, struct policy_list list)
{
    for (size_t i = 0; i < list.count; i++) {
        if (!has_word(words, list.items[i]))
            return false;
    }
    for (; *words; words++) {
        bool found = false;
        for (size_t i = 0; i < list.count; i++)
            found |= strcmp(*words, list.items[i]) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* User, groups and umask are root's in every container. */
static bool is_root(const struct spec *spec)
{
    for (size_t i = 0; i < spec->user->group_count; i++) {
        if (spec->user->groups[i].id != 0)
            return false;
    }
    return spec->user->user.id == 0 && spec->umask == 022;
}

static bool same_profile(const struct described *it, const struct spec *spec)
{
    if (!it->seccomp || !spec->seccomp)
        return !it->seccomp && !spec->seccomp;
    const struct value *action = value_member(spec->seccomp, "defaultAction");
    return action && action->kind == VALUE_TEXT && spec->seccomp->count == 1 &&
           strcmp(action->text, it->seccomp) == 0;
}

static bool is_described(const struct described *it, const struct model_container *container,
                         const struct spec *spec)
{
    return same_layers(it, container) && same_words(it->args, spec->args) &&
           strcmp(it->cwd, spec->cwd) == 0 && variables_are(it, spec) &&
           capabilities_are(it, spec) && mounts_are(it, spec) && is_root(spec) &&
           same_profile(it, spec) && (!it->no_new_privileges || spec->no_new_privileges) &&
           (it->elevated || !spec->privileged) && same_settings(it->rlimits, spec->rlimits) &&
           same_settings(it->sysctls, spec->sysctls) && (!it->read_only || spec->read_only_root);
}

static int model_create(void *argument, const struct spec *spec, const uint32_t standard[3],
                        struct error *err)
{
    struct model_machine *machine = argument;
    struct model_container *container = model_find(machine, spec->id);
    bool speaks = standard[0] || standard[1] || standard[2] || spec->terminal;
    require(machine, container && container->life == MODEL_MOUNTED, "%s was created before",
            spec->id);
    if (!container)
        return error_set(err, ERROR_INVALID, "no root");
    for (size_t i = 0; i < model_container_count; i++) {
        const struct described *it = &model_containers[i];
        if (is_described(it, container, spec) && (it->stdio || !speaks))
            container->may_be |= 1U << i;
    }
    require(machine, container->may_be != 0, "%s in %s is described by no container",
            spec->args.items[0], spec->id);
    if (begins(machine, "create", err))
        return -1;
    container->life = MODEL_CREATING;
    container->terminal = spec->terminal;
    container->privileged = spec->privileged;
    memcpy(container->standard, standard, sizeof container->standard);
    for (size_t i = 0; i < model_container_count; i++)
        machine->created[i] += container->may_be >> i & 1;
    return 0;
}

static bool takes_signal(const struct described *it, unsigned int number)
{
    for (size_t i = 0; it->signals[i]; i++) {
        if (it->signals[i] == number)
            return true;
    }
    return false;
}

/* Of what the container may be, those that describe this process; it is nothing else from then on.
 */
static uint32_t who_executes(const struct model_container *container, const struct spec *spec,
                             bool speaks)
{
    uint32_t may_be = 0;
    for (size_t i = 0; i < model_container_count; i++) {
        const struct described *it = &model_containers[i];
        if ((container->may_be >> i & 1) && it->exec[0] && same_words(it->exec, spec->args) &&
            strcmp(it->cwd, spec->cwd) == 0 && variables_are(it, spec) && is_root(spec) &&
            (container->privileged || capabilities_are(it, spec)) &&
            (!it->no_new_privileges || spec->no_new_privileges) && (it->stdio || !speaks))
            may_be |= 1U << i;
    }
    return may_be;
}

static int model_exec(void *argument, const struct spec *spec, uint64_t process,
                      const uint32_t standard[3], struct error *err)
{
    struct model_machine *machine = argument;
    struct model_container *container = model_find(machine, spec->id);
    bool speaks = standard[0] || standard[1] || standard[2] || spec->terminal;
    require(machine, container && container->life == MODEL_RUNS && !machine->paused,
            "executes in %s, which does not run", spec->id);
    require(machine, container && !container->shut, "executes in %s, which is shut", spec->id);
    if (!container)
        return error_set(err, ERROR_INVALID, "no root");
    container->may_be = who_executes(container, spec, speaks);
    require(machine, container->may_be != 0, "%s in %s is executed and not described",
            spec->args.items[0], spec->id);
    if (begins(machine, "exec", err))
        return -1;
    size_t slot = 0;
    while (slot < GATE_PROCESSES_MAX - 1 && machine->processes[slot].number)
        slot++;
    require(machine, !machine->processes[slot].number, "more processes than slots");
    machine->processes[slot] = (struct model_process){
        .number = process, .life = MODEL_CREATING, .terminal = spec->terminal};
    (void)text_copy(machine->processes[slot].id, sizeof machine->processes[slot].id, spec->id);
    machine->executed++;
    return 0;
}

static int model_signal(void *argument, const char *id, uint64_t process, unsigned int number,
                        struct error *err)
{
    struct model_machine *machine = argument;
    const struct model_container *container = model_find(machine, id);
    const struct model_process *it = process ? find_process(machine, id, process) : NULL;
    bool known = !process && container && container->shut && number == 9;
    for (size_t i = 0; container && i < model_container_count; i++)
        known |= (container->may_be >> i & 1) &&
                 (process ? model_containers[i].exec_signal == number
                          : takes_signal(&model_containers[i], number));
    require(machine,
            process ? it && it->life == MODEL_RUNS : container && container->life == MODEL_RUNS,
            "signals %s, which does not run", id);
    require(machine, known, "signal %u is not %s's", number, id);
    machine->signals++;
    return begins(machine, "signal", err) ? -1 : 0;
}

static int model_resize(void *argument, const char *id, uint64_t process, unsigned int rows,
                        unsigned int columns, struct error *err)
{
    struct model_machine *machine = argument;
    const struct model_container *container = model_find(machine, id);
    const struct model_process *it = process ? find_process(machine, id, process) : NULL;
    (void)rows;
    (void)columns;
    require(machine, process ? it && it->terminal : container && container->terminal,
            "resizes %s, which has no terminal", id);
    return begins(machine, "resize", err) ? -1 : 0;
}

static int model_probe_port(void *argument, unsigned int port, bool *open, struct error *err)
{
    (void)port;
    (void)open;
    (void)err;
    require(argument, false, "a look at a port, which the policy forbids");
    return 0;
}

static int model_freeze(void *argument, bool frozen, struct error *err)
{
    struct model_machine *machine = argument;
    require(machine, machine->paused != frozen, "pauses or goes on twice");
    if (begins(machine, "freeze", err))
        return -1;
    machine->paused = frozen;
    return 0;
}

static int model_properties(void *argument, const char *id, struct buf *out, struct error *err)
{
    (void)out;
    require(argument, false, "properties of %s, which the policy forbids", id);
    return error_set(err, ERROR_REFUSED, "no");
}

static int model_verify_fragment(void *argument, struct span cose, struct buf *answer,
                                 struct error *err)
{
    (void)argument;
    return buf_append(answer, cose, err); /* the policy takes nobody's */
}

static int model_statistics(void *argument, uint64_t *total, uint64_t *available, struct error *err)
{
    (void)total;
    (void)available;
    require(argument, false, "statistics, which the policy forbids");
    return error_set(err, ERROR_REFUSED, "no");
}

static bool model_stream_data(void *argument, uint32_t stream, struct span bytes)
{
    struct model_machine *machine = argument;
    (void)bytes;
    for (size_t i = 0; i < machine->container_count; i++) {
        const struct model_container *each = &machine->containers[i];
        if (each->life == MODEL_RUNS && each->standard[0] == stream)
            return true;
    }
    return false;
}

static bool model_stream_closed(void *argument, uint32_t stream)
{
    (void)argument;
    (void)stream;
    return false;
}

static int model_start(void *argument, const struct spec *spec, uint64_t process,
                       const uint32_t standard[3], struct error *err)
{
    return process ? model_exec(argument, spec, process, standard, err)
                   : model_create(argument, spec, standard, err);
}

const struct machine_ops model_machine_ops = {
    .reports = GATE_REPORTS_SNP,
    .report = model_report,
    .set_network = model_set_network,
    .mount_device = model_mount_device,
    .scratch_mount = model_scratch_mount,
    .mount_overlay = model_mount_overlay,
    .remove_overlay = model_remove_overlay,
    .find_user = model_find_user,
    .unmount_device = model_unmount_device,
    .start = model_start,
    .signal = model_signal,
    .resize = model_resize,
    .probe_port = model_probe_port,
    .freeze = model_freeze,
    .usage = model_properties,
    .processes = model_properties,
    .verify_fragment = model_verify_fragment,
    .statistics = model_statistics,
    .stream_data = model_stream_data,
    .stream_closed = model_stream_closed,
};
