/*
 * Random hosts against the real gate and the real policy: whatever sequence of calls they make,
 * right, wrong or half right, the machine is never made to do what the policy does not describe
 * (model_machine.h holds what it describes, and judges).
 *
 * Each round is a machine of its own. The calls are right more often than not, or no round would
 * get far; at the end it is checked that all containers were reached. The numbers are of a
 * generator of our own from fixed seeds, so that a failure can be repeated.
 */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "model_machine.h"

#define ROUNDS 1500
#define CALLS  80

struct host {
    struct gate gate;
    struct model_machine machine;
    struct buf policy;
    uint64_t random;
    uint64_t id;
    unsigned int stream;
    bool dead; /* the guest ended the channel */
};

/* --- chance ----------------------------------------------------------------------------------- */

static unsigned int below(struct host *host, unsigned int count)
{
    host->random ^= host->random << 13; /* xorshift64, Marsaglia 2003 */
    host->random ^= host->random >> 7;
    host->random ^= host->random << 17;
    return (unsigned int)(host->random >> 33) % count;
}

static bool one_in(struct host *host, unsigned int count)
{
    return below(host, count) == 0;
}

static const char *any(struct host *host, const char *const *words)
{
    unsigned int count = 0;
    while (words[count])
        count++;
    return words[below(host, count)];
}

/* `right`, or now and then a word of the others. */
static const char *mostly(struct host *host, const char *right, const char *const *others)
{
    return one_in(host, 16) ? any(host, others) : right;
}

/* --- what a host can say ---------------------------------------------------------------------- */

static const char *const ids[] = {"c1", "c2", "c3", "c4", "c5", "C1", "../c1", ".", NULL};

static const char *any_id(struct host *host)
{
    return one_in(host, 8) ? any(host, ids) : ids[below(host, 5)];
}

static const struct described *any_container(struct host *host)
{
    return &model_containers[below(host, (unsigned int)model_container_count)];
}

static json_t *list_of(const char *const *words)
{
    json_t *list = json_array();
    for (size_t i = 0; words[i]; i++)
        (void)json_array_append_new(list, json_string(words[i]));
    return list;
}

/* One word more, one fewer, or one that is another. */
static json_t *spoiled(struct host *host, json_t *list, const char *const *others)
{
    unsigned int kind = below(host, 40);
    if (kind == 0)
        (void)json_array_append_new(list, json_string(any(host, others)));
    if (kind == 1 && json_array_size(list) > 0)
        (void)json_array_remove(list, json_array_size(list) - 1);
    if (kind == 2 && json_array_size(list) > 0)
        (void)json_array_set_new(list, 0, json_string(any(host, others)));
    return list;
}

static void ask(struct host *host, const char *op, json_t *args)
{
    json_auto_t *message = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)++host->id, "op", op,
                                     "args", args);
    char *text = json_dumps(message, JSON_COMPACT);
    struct error err;
    BUF_AUTO frame = BUF_WITH_LIMIT(CHANNEL_HEADER_SIZE + CHANNEL_PAYLOAD_MAX);
    assert_non_null(text);
    check_ok(buf_append_le32(&frame, (uint32_t)strlen(text), &err), &err);
    check_ok(buf_append_le32(&frame, 1, &err), &err);
    check_ok(buf_append_le32(&frame, 0, &err), &err);
    check_ok(buf_append_text(&frame, text, &err), &err);
    if (gate_receive(&host->gate, buf_span(&frame), &err) < 0)
        host->dead = true;
    channel_output_written(&host->gate.channel, channel_output(&host->gate.channel).size);
    free(text);
}

static const char *const targets[] = {"/run/mounts/scsi/m0", "/run/mounts/scsi/m1",
                                      "/run/mounts/scsi/m2", "/run/mounts/scsi/m3", NULL};
static const char *const bad_targets[] = {"/run/mounts/scsi/m0/..", "/etc", "/run/mounts/scsi/m9",
                                          NULL};

static void mount_device(struct host *host)
{
    static const char *const other_hashes[] = {
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "", NULL};
    const struct described *it = any_container(host);
    const char *hash = mostly(host, any(host, it->layers), other_hashes);
    const char *target = mostly(host, any(host, targets), bad_targets);
    ask(host, "mount_device",
        json_pack("{s:i, s:s, s:s}", "lun", (int)below(host, 4), "root_hash", hash, "target",
                  target));
}

/* The targets of a container's layers, topmost first, where they are mounted; what is missing is
 * left out, so that other stacks come about too. */
static json_t *stack_of(struct host *host, const struct described *it)
{
    json_t *stack = json_array();
    for (size_t i = 0; it->layers[i]; i++) {
        for (size_t k = 0; k < host->machine.device_count; k++) {
            const struct model_device *device = &host->machine.devices[k];
            if (strcmp(device->root_hash, it->layers[i]) == 0) {
                (void)json_array_insert_new(stack, 0, json_string(device->target));
                break;
            }
        }
    }
    return stack;
}

static void mount_overlay(struct host *host)
{
    json_t *stack = spoiled(host, stack_of(host, any_container(host)), targets);
    ask(host, "mount_overlay", json_pack("{s:s, s:o}", "id", any_id(host), "layers", stack));
}

static json_t *mounts_of(struct host *host, const struct described *it)
{
    static const char *const destinations[] = {"/etc/resolv.conf", "/etc/hosts", "/bin", "/", NULL};
    static const char *const sources[] = {"/",
                                          "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/own/../../x",
                                          "/run/gcs/c/c2/sandboxMounts/tmp/atlas/own/y",
                                          "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/own/", NULL};
    static const char *const types[] = {"tmpfs", "proc", "", NULL};
    static const char *const options[] = {"rbind", "rshared", "rw", NULL};
    static const char *const other_options[] = {"suid", "ro", "rw", NULL};
    json_t *mounts = json_array();
    static const char source[] = "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/own/f";
    while (it->mount && json_array_size(mounts) < 2 && one_in(host, 3)) {
        (void)json_array_append_new(
            mounts,
            json_pack("{s:s, s:s, s:s, s:o}", "destination", mostly(host, it->mount, destinations),
                      "type", mostly(host, "bind", types), "source", mostly(host, source, sources),
                      "options", spoiled(host, list_of(options), other_options)));
    }
    return mounts;
}

/* Mostly as every container may have it. */
static json_t *run_mount(struct host *host)
{
    static const char *const destinations[] = {"/bin", "/run/x", "/", NULL};
    static const char *const types[] = {"bind", "proc", "", NULL};
    static const char *const other_options[] = {"suid", "mode=777", "exec", NULL};
    const struct policy_mount *right = &model_run_mount;
    json_t *options = json_array();
    for (size_t i = 0; i < right->options.count; i++)
        (void)json_array_append_new(options, json_string(right->options.items[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "destination",
                     mostly(host, right->destination, destinations), "type",
                     mostly(host, right->type, types), "source", right->source, "options",
                     spoiled(host, options, other_options));
}

/* What Docker and Kubernetes call resources, devices, security: right, wrong, or no such word. */
static void confine(struct host *host, json_t *args, const struct described *it)
{
    static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", NULL};
    static const char *const unknown[] = {"devices", "masked_paths", "readonly_paths", "hooks",
                                          NULL};
    static const char *const rlimits[] = {"nofile=4:4", "core=0:0", "nofile=512:1024", "", NULL};
    static const char *const sysctls[] = {"net.core.somaxconn=1", "net.core.somaxconn=77",
                                          "kernel.core_pattern=1", NULL};
    (void)json_object_set_new(args, "rlimits", spoiled(host, list_of(it->rlimits), rlimits));
    (void)json_object_set_new(args, "sysctls", spoiled(host, list_of(it->sysctls), sysctls));
    if (it->seccomp ? !one_in(host, 16) : one_in(host, 16))
        (void)json_object_set_new(
            args, "seccomp",
            json_pack("{s:s}", "defaultAction",
                      mostly(host, it->seccomp ? it->seccomp : actions[0], actions)));
    if (one_in(host, 8))
        (void)json_array_append_new(json_object_get(args, "mounts"), run_mount(host));
    if (one_in(host, 16))
        (void)json_object_set_new(args, "groups", json_pack("[s]", "video"));
    if (one_in(host, 8))
        (void)json_object_set_new(
            args, "limits",
            json_pack("{s:i, s:i}", "memory", (int)below(host, 1 << 20), "count", 1));
    if (one_in(host, 32))
        (void)json_object_set_new(args, any(host, unknown), json_array());
}

static const char *const capability_names[] = {"CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "chown",
                                               NULL};

static json_t *capabilities_of(struct host *host, const struct described *it)
{
    static const char *const names[] = {"bounding", "effective", "permitted"};
    static const char *const none[] = {NULL};
    json_t *sets = json_object();
    for (size_t i = 0; i < 3; i++)
        (void)json_object_set_new(sets, names[i],
                                  spoiled(host, list_of(it->capabilities), capability_names));
    (void)json_object_set_new(sets, "inheritable", spoiled(host, list_of(none), capability_names));
    (void)json_object_set_new(sets, "ambient", spoiled(host, list_of(none), capability_names));
    return sets;
}

/* A number that is not open, 0, or now and then one that may be. */
static int any_stream(struct host *host)
{
    if (one_in(host, 3))
        return 0;
    return one_in(host, 60) ? (int)below(host, 8) : (int)(20 + host->stream++);
}

/* Whom the container that is mounted there may turn out to be, so that half of what is asked for is
 * right. */
static const struct described *fitting(struct host *host, const char *id)
{
    const struct model_container *container = model_find(&host->machine, id);
    const struct described *it = any_container(host);
    for (int tries = 0; container && tries < 8; tries++) {
        if (strcmp(container->hashes[0], it->layers[0]) == 0 &&
            strcmp(container->hashes[1], it->layers[1] ? it->layers[1] : "") == 0)
            break;
        it = any_container(host);
    }
    return it;
}

/* Mostly the id of something that has been mounted. */
static const char *any_known_id(struct host *host)
{
    size_t count = host->machine.container_count;
    return count == 0 || one_in(host, 8)
               ? any_id(host)
               : host->machine.containers[below(host, (unsigned int)count)].id;
}

static void create_container(struct host *host)
{
    static const char *const words[] = {"/bin/app", "go", "/bin/sh", "", "/bin/silent", NULL};
    static const char *const variables[] = {"A=1", "B=2", "A=2", "LD_PRELOAD=/x", "a=1", NULL};
    static const char *const folders[] = {"/", "/srv", "/srv/..", "/tmp", NULL};
    static const char *const users[] = {"root", "nobody", "1000:0", NULL};
    const char *id = any_id(host);
    const struct described *it = fitting(host, id);
    bool terminal = one_in(host, 8);
    json_t *args = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:o, s:s, s:b, s:i, s:i, s:i, s:i, "
        "s:i}",
        "id", id, "args", spoiled(host, list_of(it->args), words), "env",
        spoiled(host, list_of(it->env), variables), "cwd", mostly(host, it->cwd, folders), "user",
        mostly(host, "", users), "umask", one_in(host, 20) ? (int)below(host, 512) : 18,
        "capabilities", capabilities_of(host, it), "no_new_privileges",
        one_in(host, 10) ? !it->no_new_privileges : it->no_new_privileges, "privileged",
        (int)(one_in(host, 20) || (it->elevated && one_in(host, 4))), "read_only_root",
        one_in(host, 10) ? !it->read_only : it->read_only, "mounts", mounts_of(host, it),
        "hostname", "", "terminal", (int)terminal, "rows", terminal ? 24 : 0, "columns",
        terminal ? 80 : 0, "stdin", it->stdio ? any_stream(host) : 0, "stdout",
        terminal || it->stdio ? any_stream(host) : 0, "stderr", terminal ? 0 : any_stream(host));
    confine(host, args, it);
    ask(host, "create_container", args);
}

static const char *any_running_id(struct host *host)
{
    const char *id = any_known_id(host);
    for (int tries = 0; tries < 8; tries++) {
        const struct model_container *container = model_find(&host->machine, id);
        if (container && container->life == MODEL_RUNS)
            break;
        id = any_known_id(host);
    }
    return id;
}

/* What runs there, as far as that is certain. */
static const struct described *running(struct host *host, const char *id)
{
    const struct model_container *container = model_find(&host->machine, id);
    for (size_t i = 0; container && i < model_container_count; i++) {
        if (container->may_be >> i & 1)
            return &model_containers[i];
    }
    return any_container(host);
}

/* A process beside a first one, mostly as the container that it is asked for describes it. */
static void exec_in_container(struct host *host)
{
    static const char *const words[] = {"/bin/tool", "/bin/app", "-q", "", "/bin/sh", NULL};
    static const char *const variables[] = {"A=1", "B=2", "LD_PRELOAD=/x", NULL};
    static const char *const folders[] = {"/", "/srv", "/tmp", NULL};
    const char *id = any_running_id(host);
    const struct described *it = running(host, id);
    bool terminal = one_in(host, 8);
    ask(host, "exec_in_container",
        json_pack(
            "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:i, s:i, s:i, s:i, s:i}", "id", id,
            "args",
            spoiled(host, list_of(it->exec[0] && !one_in(host, 8) ? it->exec : it->args), words),
            "env", spoiled(host, list_of(it->env), variables), "cwd",
            mostly(host, it->cwd, folders), "user", "", "umask",
            one_in(host, 20) ? (int)below(host, 512) : 18, "capabilities",
            capabilities_of(host, it), "no_new_privileges",
            one_in(host, 10) ? !it->no_new_privileges : it->no_new_privileges, "terminal",
            (int)terminal, "rows", terminal ? 24 : 0, "columns", terminal ? 80 : 0, "stdin",
            it->stdio ? any_stream(host) : 0, "stdout",
            terminal || it->stdio ? any_stream(host) : 0, "stderr",
            terminal ? 0 : any_stream(host)));
}

static json_int_t any_process(struct host *host)
{
    const struct model_process *each = &host->machine.processes[below(host, 4)];
    return each->number && !one_in(host, 8) ? (json_int_t)each->number
                                            : (json_int_t)(one_in(host, 4) ? host->id : 0);
}

static void send_signal(struct host *host)
{
    static const int numbers[] = {10, 12, 10, 12, 9, 15, 64, 0};
    ask(host, "signal_container_process",
        json_pack("{s:s, s:I, s:i}", "id", any_known_id(host), "process", any_process(host),
                  "signal", numbers[below(host, 8)]));
}

/* What ends things, in any order. */
static void take_away(struct host *host)
{
    const char *id = any_known_id(host);
    struct model_container *container = model_find(&host->machine, id);
    bool was_shut = container && container->shut;
    switch (below(host, 5)) {
    case 0:
        if (container && container->life != MODEL_MOUNTED && container->life != MODEL_CREATING)
            container->shut = true;
        ask(host, "shutdown_container", json_pack("{s:s}", "id", id));
        if (container && !was_shut && container->life == MODEL_MOUNTED)
            container->shut = false;
        break;
    case 1:
    case 2:
        ask(host, "unmount_overlay", json_pack("{s:s}", "id", id));
        break;
    case 3:
        ask(host, "unmount_device",
            json_pack("{s:s}", "target", mostly(host, any(host, targets), bad_targets)));
        break;
    default:
        ask(host, one_in(host, 6) ? "pause" : "unpause", json_object());
    }
}

static void send_other(struct host *host)
{
    static const char *const names[] = {"get_statistics", "exec_external",   "plan9_mount",
                                        "load_fragment",  "scratch_unmount", "runtime_logging",
                                        "dump_stacks",    "no_such_point",   NULL};
    unsigned int kind = below(host, 10);
    if (kind == 0)
        ask(host, "resize_terminal",
            json_pack("{s:s, s:i, s:i}", "id", any_known_id(host), "rows", 20, "columns", 20));
    else if (kind == 1)
        ask(host, "set_network",
            json_pack("{s:s, s:i, s:s, s:[], s:s}", "address", "10.0.2.15", "prefix", 24, "gateway",
                      "10.0.2.2", "dns", "hostname", "h"));
    else if (kind == 2)
        ask(host, "attest", json_pack("{s:s}", "nonce", "00ff"));
    else if (kind == 3)
        host->machine.fails = true;
    else if (kind == 4)
        ask(host, "scratch_mount", json_pack("{s:i}", "lun", 9));
    else if (kind == 5)
        ask(host, one_in(host, 2) ? "get_usage" : "list_processes",
            json_pack("{s:s}", "id", any_known_id(host)));
    else
        ask(host, any(host, names), json_object());
}

/* What the machine tells by itself: a process was made or could not be, or has ended. */
static void live_on(struct host *host, const struct gate_process_name *name, enum model_life *life)
{
    struct error err;
    struct error why;
    (void)error_set(&why, ERROR_SYSTEM, "it could not be cloned");
    if (*life == MODEL_CREATING && one_in(host, 4)) {
        if (name->process)
            *life = MODEL_GONE;
        check_ok(gate_create_failed(&host->gate, name, &why, &err), &err);
    } else if (*life == MODEL_CREATING) {
        *life = MODEL_RUNS;
        check_ok(gate_created(&host->gate, name, 42, &err), &err);
    } else if (*life == MODEL_RUNS && one_in(host, 8)) {
        *life = name->process ? MODEL_GONE : MODEL_ENDED;
        check_ok(gate_exited(&host->gate, name, 0, 0, &err), &err);
    }
}

static void live(struct host *host)
{
    struct gate_process_name name = {0};
    for (size_t i = 0; i < host->machine.container_count; i++) {
        struct model_container *each = &host->machine.containers[i];
        memcpy(name.id, each->id, sizeof name.id);
        live_on(host, &name, &each->life);
    }
    for (size_t i = 0; i < GATE_PROCESSES_MAX; i++) {
        struct model_process *each = &host->machine.processes[i];
        memcpy(name.id, each->id, sizeof name.id);
        name.process = each->number;
        if (each->number)
            live_on(host, &name, &each->life);
        if (each->life == MODEL_GONE)
            *each = (struct model_process){0};
    }
}

static void call(struct host *host)
{
    static void (*const calls[])(struct host *) = {mount_device,
                                                   mount_device,
                                                   mount_overlay,
                                                   mount_overlay,
                                                   create_container,
                                                   create_container,
                                                   exec_in_container,
                                                   exec_in_container,
                                                   create_container,
                                                   send_signal,
                                                   take_away,
                                                   send_other,
                                                   live};
    calls[below(host, sizeof calls / sizeof *calls)](host);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void set_policy(struct host *host)
{
    struct error err;
    uint8_t header[CHANNEL_HEADER_SIZE] = {0, 0, 0, 0, 2, 0, 0, 0, 9};
    uint32_t size = (uint32_t)host->policy.size;
    ask(host, "set_policy", json_pack("{s:i, s:i}", "stream", 9, "size", (int)size));
    for (size_t i = 0; i < 4; i++)
        header[i] = (uint8_t)(size >> (8 * i));
    check_ok(gate_receive(&host->gate, span_of(header, sizeof header), &err), &err);
    check_ok(gate_receive(&host->gate, buf_span(&host->policy), &err), &err);
    memset(header, 0, 4);
    header[4] = 4;
    check_ok(gate_receive(&host->gate, span_of(header, sizeof header), &err), &err);
    assert_int_equal(host->gate.phase, GATE_OPEN);
    host->machine.open = true;
}

static void play(struct host *host)
{
    unsigned int before = below(host, 4);
    sha256_digest(buf_span(&host->policy), host->machine.host_data);
    gate_init(&host->gate, &model_machine_ops, &host->machine, "simulated");
    for (unsigned int i = 0; i < before && !host->dead; i++)
        call(host);
    if (!host->dead)
        set_policy(host);
    for (unsigned int i = 0; i < CALLS && !host->dead && !host->machine.violation[0]; i++)
        call(host);
    gate_fini(&host->gate);
}

static void never_does_what_the_policy_does_not_describe(void **state)
{
    unsigned int created[8] = {0};
    unsigned int signals = 0;
    unsigned int survived = 0;
    unsigned int executed = 0;
    unsigned int removed = 0;
    (void)state;
    for (unsigned int round = 0; round < ROUNDS; round++) {
        static struct host host;
        struct error err;
        host = (struct host){.random = (round + 1) * 0x9E3779B97F4A7C15ULL};
        buf_init(&host.policy, 65536);
        check_ok(model_policy(&host.policy, &err), &err);
        play(&host);
        buf_fini(&host.policy);
        if (host.machine.violation[0])
            fail_msg("round %u, request %llu: %s", round, (unsigned long long)host.id,
                     host.machine.violation);
        for (size_t i = 0; i < model_container_count; i++)
            created[i] += host.machine.created[i];
        signals += host.machine.signals;
        survived += !host.dead;
        executed += host.machine.executed;
        removed += host.machine.removed;
    }
    /* The rounds reached what they are about. */
    for (size_t i = 0; i < model_container_count; i++)
        assert_true(created[i] > ROUNDS / 20);
    assert_true(signals > ROUNDS / 20);
    assert_true(executed > ROUNDS / 20);
    assert_true(removed > ROUNDS / 20);
    assert_true(survived > ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_does_what_the_policy_does_not_describe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
