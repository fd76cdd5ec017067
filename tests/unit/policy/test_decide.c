/* Decisions: what is refused, in which words, and that a refusal leaves no trace. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/capabilities.h"
#include "policy/policy.h"
#include "policy/state.h"
#include "sample.h"

#define LIST(...)                                                                                  \
    ((struct policy_list){(const char *const[]){__VA_ARGS__},                                      \
                          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)})

struct machine {
    struct policy *policy;
    struct policy_state *state;
    struct policy_decision decision;
};

static void start(struct machine *machine, const char *text, unsigned int flags)
{
    struct error err = {0};
    *machine = (struct machine){0};
    check_ok(policy_parse(span_of_text(text), flags, &machine->policy, &err), &err);
    check_ok(policy_state_new(machine->policy, &machine->state, &err), &err);
}

static void stop(struct machine *machine)
{
    policy_decision_fini(&machine->decision);
    policy_state_free(machine->state);
    policy_free(machine->policy);
}

static bool device(struct machine *machine, const char *target, const char *hash)
{
    return policy_mount_device(machine->state, target, hash, &machine->decision);
}

static bool overlay(struct machine *machine, const char *id, struct policy_list layers)
{
    char target[128];
    (void)snprintf(target, sizeof target, "/run/gcs/c/%s/rootfs", id);
    return policy_mount_overlay(machine->state, id, layers, target, &machine->decision);
}

/* The web container's layers mounted, its overlay stacked. */
static void start_web(struct machine *machine, const char *id)
{
    start(machine, SAMPLE, POLICY_STRICT);
    assert_true(device(machine, "/run/mounts/scsi/m0", HASH_A));
    assert_true(device(machine, "/run/mounts/scsi/m1", HASH_B));
    assert_true(overlay(machine, id, LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")));
}

static const struct policy_identity root_group = {"0", "root"};

static const char *const web_args[] = {"/bin/web", "-p", "80"};
static const char *const web_env[] = {"MODE=prod", "PORT=80"};
static const char *const web_caps[] = {"CAP_CHOWN", "CAP_KILL"};

static struct policy_process web_process(const char *id)
{
    return (struct policy_process){
        .container_id = id,
        .sandbox_id = "pod",
        .args = {web_args, 3},
        .env = {web_env, 2},
        .cwd = "/srv",
        .user = {"1000", "web"},
        .groups = &root_group,
        .group_count = 1,
        .umask = "0022",
        .no_new_privileges = true,
        .capabilities = {{{web_caps, 2}, {web_caps, 1}, {0}, {web_caps, 1}, {0}}},
        .seccomp_sha256 = "",
    };
}

static bool create(struct machine *machine, const struct policy_process *process)
{
    return policy_create_container(machine->state, process, &machine->decision);
}

/* The call is denied, and its reason holds these words. */
#define denied(machine, call, words)                                                               \
    do {                                                                                           \
        assert_false(call);                                                                        \
        assert_false((machine)->decision.allowed);                                                 \
        if (!strstr((machine)->decision.reason, (words)))                                          \
            fail_msg("%s: \"%s\" does not hold \"%s\"", #call, (machine)->decision.reason,         \
                     (words));                                                                     \
    } while (0)

static void allows_what_the_policy_describes(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process process = web_process("c1");
    process.env = LIST("MODE=prod", "LD_PRELOAD=/x", "PORT=80", "MODE=prod");
    assert_true(create(&m, &process));
    assert_true(m.decision.stdio);
    assert_int_equal(m.decision.env_kept.count, 2);
    assert_string_equal(m.decision.env_kept.items[0], "MODE=prod");
    assert_string_equal(m.decision.env_kept.items[1], "PORT=80");
    assert_int_equal(m.decision.caps_kept.sets[POLICY_BOUNDING].count, 2);
    assert_string_equal(policy_container_name(m.decision.container), "web");
    assert_true(policy_signal_container_process(m.state, "c1", 10, true, (struct policy_list){0},
                                                &m.decision));
    /* Frameworks before 0.4.1 allow these two. */
    assert_true(policy_signal_container_process(m.state, "c1", 15, true, (struct policy_list){0},
                                                &m.decision));
    stop(&m);
}

#define SETTINGS                                                                                   \
    "\"caisson_rlimits\":[\"nofile=64:64\",\"core=0:0\"],\"caisson_sysctls\":[\"kernel.sem=1 "     \
    "2\"],"                                                                                        \
    "\"caisson_read_only_root\":true,"

/* The sample's second container, with settings of its own. */
static void start_settings(struct machine *machine)
{
    static const char key[] = "\"name\":\"job\",";
    const char *at = strstr(SAMPLE, key) + strlen(key);
    char text[2 * sizeof SAMPLE];
    (void)snprintf(text, sizeof text, "%.*s" SETTINGS "%s", (int)(at - SAMPLE), SAMPLE, at);
    start(machine, text, POLICY_STRICT);
    assert_true(device(machine, "/run/mounts/scsi/m0", HASH_A));
    assert_true(overlay(machine, "c1", LIST("/run/mounts/scsi/m0")));
}

static void settings_are_the_policys_all_of_them_and_no_others(void **state)
{
    struct machine m;
    (void)state;
    const struct policy_list usual = {policy_default_capability_names,
                                      policy_default_capability_count};
    const struct policy_process good = {.container_id = "c1",
                                        .sandbox_id = "pod",
                                        .args = LIST("/bin/job"),
                                        .cwd = "/",
                                        .user = {"0", "root"},
                                        .umask = "0022",
                                        .capabilities = {{usual, usual, {0}, usual, {0}}},
                                        .seccomp_sha256 = "",
                                        .read_only_root = true,
                                        .rlimits = LIST("core=0:0", "nofile=64:64"),
                                        .sysctls = LIST("kernel.sem=1 2")};
    start_settings(&m);
    struct policy_process p = good;
    p.rlimits = LIST("core=0:0", "nofile=64:65");
    denied(&m, create(&m, &p), "rlimit \"nofile=64:65\" is not in the policy (container \"job\")");
    p.rlimits = LIST("nofile=64:64");
    denied(&m, create(&m, &p), "rlimit \"core=0:0\" of the policy is missing");
    p.rlimits = LIST("nofile=64:64", "core=0:0", "core=-1:-1");
    denied(&m, create(&m, &p), "rlimit \"core=-1:-1\" is not in the policy");
    p.rlimits = LIST("kernel.sem=1 2", "nofile=64:64", "core=0:0");
    denied(&m, create(&m, &p), "rlimit \"kernel.sem=1 2\" is not in the policy");
    p.rlimits = (struct policy_list){0};
    denied(&m, create(&m, &p), "rlimit \"nofile=64:64\" of the policy is missing");
    p = good, p.sysctls = LIST("kernel.sem=1 3");
    denied(&m, create(&m, &p), "sysctl \"kernel.sem=1 3\" is not in the policy");
    p.sysctls = (struct policy_list){0};
    denied(&m, create(&m, &p), "sysctl \"kernel.sem=1 2\" of the policy is missing");
    p.sysctls = (struct policy_list){p.args.items, POLICY_SETTINGS_MAX + 1};
    denied(&m, create(&m, &p), "too many");
    p = good, p.read_only_root = false;
    denied(&m, create(&m, &p), "the root is writable, container \"job\" wants it read-only");
    assert_true(create(&m, &good));
    stop(&m);
}

static void where_the_policy_says_nothing_there_are_no_settings(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process p;
    p = web_process("c1"), p.rlimits = LIST("nofile=4:4");
    denied(&m, create(&m, &p), "rlimit \"nofile=4:4\" is not in the policy (container \"web\")");
    p = web_process("c1"), p.sysctls = LIST("kernel.sem=1");
    denied(&m, create(&m, &p), "sysctl \"kernel.sem=1\" is not in the policy");
    stop(&m);
}

static void a_root_may_always_be_read_only(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process process = web_process("c1");
    process.read_only_root = true;
    assert_true(create(&m, &process));
    stop(&m);
}

static void refuses_devices(void **state)
{
    static const char *const targets[] = {
        "",
        "/etc",
        "/run/mounts/scsi/m",
        "/run/mounts/scsi/m0/",
        "/run/mounts/scsi/m0/../../../../etc",
        "/run/mounts/scsi/mx",
        "/run/mounts/scsi/m0\n",
        "x/run/mounts/scsi/m0",
        "/run/mounts/scsi/m-1",
        "/run/mounts/scsi/m9999999999",
    };
    struct machine m;
    (void)state;
    start(&m, SAMPLE, POLICY_STRICT);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        denied(&m, device(&m, targets[i], HASH_A), "mount_device: target");
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_C), "no layer of any container");
    denied(&m, device(&m, "/run/mounts/scsi/m0", ""), "64 lower-case hex");
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_A "a"), "64 lower-case hex");
    assert_true(device(&m, "/run/mounts/scsi/m0", HASH_A));
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_B), "already");
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_A), "already");
    stop(&m);
}

static void refuses_overlays(void **state)
{
    const char *a = "/run/mounts/scsi/m0", *b = "/run/mounts/scsi/m1";
    struct machine m;
    (void)state;
    start(&m, SAMPLE, POLICY_STRICT);
    assert_true(device(&m, a, HASH_A));
    assert_true(device(&m, b, HASH_B));
    denied(&m, overlay(&m, "c", LIST(a, b)), "layer 0 from the base");
    denied(&m, overlay(&m, "c", LIST(b)), "layer 0 from the base");
    denied(&m, overlay(&m, "c", LIST(b, b, a)), "3 layers are given");
    denied(&m, overlay(&m, "c", LIST("/run/mounts/scsi/m7", a)), "no device is mounted");
    denied(&m, overlay(&m, "c", (struct policy_list){0}), "0 layers are given");
    denied(&m, overlay(&m, "../c", LIST(b, a)), "container id");
    denied(&m, overlay(&m, "", LIST(b, a)), "container id");
    denied(&m, overlay(&m, ".c", LIST(b, a)), "container id");
    denied(&m, overlay(&m, "c/d", LIST(b, a)), "container id");
    assert_true(overlay(&m, "c", LIST(b, a)));
    denied(&m, overlay(&m, "c", LIST(b, a)), "used already");
    denied(&m, policy_mount_overlay(m.state, "d", LIST(b, a), "/run/gcs/c/c/rootfs", &m.decision),
           "already");
    stop(&m);
}

/* Each row changes one value of a process that is allowed otherwise. */
static void refuses_changed_processes(void **state)
{
    struct machine m;
    struct policy_process p;
    (void)state;
    start_web(&m, "c1");

    p = web_process("c1"), p.args = LIST("/bin/sh", "-p", "80");
    denied(&m, create(&m, &p),
           "argv[0] is \"/bin/sh\", the policy has \"/bin/web\" (container \"web\")");
    p = web_process("c1"), p.args = LIST("/bin/web", "-p", "80", "-v");
    denied(&m, create(&m, &p), "argv[3] is \"-v\"");
    p = web_process("c1"), p.args = LIST("/bin/web", "-p");
    denied(&m, create(&m, &p), "\"80\" is missing");
    p = web_process("c1"), p.args = (struct policy_list){0};
    denied(&m, create(&m, &p), "argv has 0 arguments");
    p = web_process("c1"), p.cwd = "/";
    denied(&m, create(&m, &p), "cwd is \"/\", the policy has \"/srv\"");
    p = web_process("c1"), p.user.name = "root";
    denied(&m, create(&m, &p), "user is \"root\"");
    p = web_process("c1"), p.umask = "0000";
    denied(&m, create(&m, &p), "umask is \"0000\"");
    p = web_process("c1"), p.no_new_privileges = false;
    denied(&m, create(&m, &p), "no_new_privileges");
    p = web_process("c1"), p.privileged = true;
    denied(&m, create(&m, &p), "allow_elevated off");
    p = web_process("c1"), p.seccomp_sha256 = HASH_A;
    denied(&m, create(&m, &p), "seccomp");
    p = web_process("c1"), p.capabilities.sets[POLICY_EFFECTIVE] = (struct policy_list){0};
    denied(&m, create(&m, &p), "CAP_CHOWN is missing in effective");
    p = web_process("c1"), p.container_id = "c2";
    denied(&m, create(&m, &p), "no overlay");
    p = web_process("c1"), p.container_id = "../c1";
    denied(&m, create(&m, &p), "no overlay");
    stop(&m);
}

static void refuses_changed_variables(void **state)
{
    struct machine m;
    struct policy_process p;
    (void)state;
    start_web(&m, "c1");
    p = web_process("c1"), p.env = LIST("PORT=80");
    denied(&m, create(&m, &p), "required variable \"MODE\"");
    p = web_process("c1"), p.env = LIST("mode=prod", "PORT=80");
    denied(&m, create(&m, &p), "required variable \"MODE\"");
    p = web_process("c1"), p.env = LIST("MODE=prod", "PORT=80", "PORT=81");
    denied(&m, create(&m, &p), "\"PORT\" is given twice");
    /* Unanchored in the reference: "xB=2" and "A=1x" pass there. Here they are dropped. */
    p = web_process("c1"), p.env = LIST("MODE=prod", "xB=2", "A=1x", "B=2");
    assert_true(create(&m, &p));
    assert_int_equal(m.decision.env_kept.count, 2);
    denied(&m, create(&m, &p), "created already");
    stop(&m);
}

static void refuses_secret_values_in_reasons(void **state)
{
    struct machine m;
    (void)state;
    start(&m, SAMPLE_HEAD "containers := [" SAMPLE_WEB "]\n" SAMPLE_POINTS, POLICY_STRICT);
    assert_true(device(&m, "/run/mounts/scsi/m0", HASH_A));
    assert_true(device(&m, "/run/mounts/scsi/m1", HASH_B));
    assert_true(overlay(&m, "c1", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")));
    struct policy_process p = web_process("c1");
    p.env = LIST("MODE=prod", "TOKEN=hunter2");
    denied(&m, create(&m, &p), "variable \"TOKEN\"");
    assert_null(strstr(m.decision.reason, "hunter2"));
    p.env = LIST("MODE=secret");
    denied(&m, create(&m, &p), "variable \"MODE\"");
    assert_null(strstr(m.decision.reason, "secret"));
    assert_null(strstr(m.decision.reason, "prod"));
    p.env = LIST("MODE=prod", "hunter2");
    denied(&m, create(&m, &p), "without \"=\"");
    assert_null(strstr(m.decision.reason, "hunter2"));
    /* No dropping: capabilities must be equal as they are. */
    p = web_process("c1");
    p.capabilities.sets[POLICY_AMBIENT] = LIST("CAP_CHOWN");
    denied(&m, create(&m, &p), "CAP_CHOWN is in ambient");
    p.capabilities.sets[POLICY_AMBIENT] = LIST("CAP_NONSENSE");
    denied(&m, create(&m, &p), "CAP_NONSENSE");
    stop(&m);
}

static const char *const data_options[] = {"rbind", "rshared", "rw"};

static struct policy_mount data_mount(const char *source)
{
    return (struct policy_mount){
        .destination = "/data", .type = "bind", .source = source, .options = {data_options, 3}};
}

#define BELOW "/run/gcs/c/pod/sandboxMounts/tmp/atlas/emptydir/"

static void refuses_other_sources(void **state)
{
    static const char *const sources[] = {
        "/etc",
        BELOW,
        BELOW "..",
        BELOW "../../../../../../../etc",
        BELOW "x/../../y",
        "x" BELOW "y",
        "/run/gcs/c/other/sandboxMounts/tmp/atlas/emptydir/x",
        "/run/gcs/c/pod/sandboxMounts/tmp/atlas/emptydirs/x",
        BELOW "x\ny",
    };
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process p = web_process("c1");
    struct policy_mount mounts[2] = {data_mount(BELOW "x")};
    p.mounts = mounts;
    p.mount_count = 1;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        mounts[0].source = sources[i];
        denied(&m, create(&m, &p), "mount on \"/data\"");
    }
    /* The pod's id as a regex, or as a path. */
    mounts[0] = data_mount(BELOW "x"), p.sandbox_id = ".*";
    denied(&m, create(&m, &p), "mount on \"/data\"");
    mounts[0].source = "/run/gcs/c/../sandboxMounts/tmp/atlas/emptydir/x", p.sandbox_id = "..";
    denied(&m, create(&m, &p), "mount on \"/data\"");
    mounts[0] = data_mount(BELOW "x"), p.sandbox_id = "pod";
    assert_true(create(&m, &p));
    stop(&m);
}

static void refuses_changed_mounts(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process p = web_process("c1");
    struct policy_mount mounts[2] = {data_mount(BELOW "x")};
    p.mounts = mounts;
    p.mount_count = 1;
    mounts[0].options = LIST("rbind", "rshared", "ro");
    denied(&m, create(&m, &p), "options");
    mounts[0].options = LIST("rbind", "rw");
    denied(&m, create(&m, &p), "options");
    mounts[0].options = LIST("rbind", "rbind", "rw");
    denied(&m, create(&m, &p), "options");
    mounts[0] = data_mount(BELOW "x"), mounts[0].type = "tmpfs";
    denied(&m, create(&m, &p), "type \"tmpfs\"");
    mounts[0] = data_mount(BELOW "x"), mounts[0].destination = "/data/";
    denied(&m, create(&m, &p), "not in the policy");
    mounts[0].destination = "";
    denied(&m, create(&m, &p), "not in the policy");
    mounts[0] = data_mount(BELOW "x"), mounts[1] = data_mount(BELOW "y"), p.mount_count = 2;
    denied(&m, create(&m, &p), "two sources are mounted on \"/data\"");
    /* Granted to elevated containers only. */
    mounts[0] = (struct policy_mount){"/sys", "sysfs", "sysfs",
                                      LIST("nosuid", "noexec", "nodev", "rw")};
    p.mount_count = 1;
    denied(&m, create(&m, &p), "mount on \"/sys\"");
    mounts[0] = data_mount(BELOW "x");
    assert_true(create(&m, &p));
    stop(&m);
}

static void refuses_to_take_away_what_is_in_use(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process p = web_process("c1");
    denied(&m,
           policy_path_point(m.state, POLICY_UNMOUNT_DEVICE, "/run/mounts/scsi/m0", &m.decision),
           "is a layer of container \"c1\"");
    assert_true(create(&m, &p));
    denied(&m,
           policy_path_point(m.state, POLICY_UNMOUNT_OVERLAY, "/run/gcs/c/c1/rootfs", &m.decision),
           "has not been shut down");
    assert_true(policy_shutdown_container(m.state, "c1", &m.decision));
    denied(&m,
           policy_path_point(m.state, POLICY_UNMOUNT_DEVICE, "/run/mounts/scsi/m0", &m.decision),
           "is a layer");
    assert_true(
        policy_path_point(m.state, POLICY_UNMOUNT_OVERLAY, "/run/gcs/c/c1/rootfs", &m.decision));
    assert_true(
        policy_path_point(m.state, POLICY_UNMOUNT_DEVICE, "/run/mounts/scsi/m0", &m.decision));
    denied(&m, overlay(&m, "c1", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")),
           "used already");
    denied(&m, create(&m, &p), "created already");
    stop(&m);
}

static void refuses_to_create_on_an_unmounted_root(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    struct policy_process p = web_process("c1");
    assert_true(
        policy_path_point(m.state, POLICY_UNMOUNT_OVERLAY, "/run/gcs/c/c1/rootfs", &m.decision));
    denied(&m, create(&m, &p), "no overlay mounted");
    stop(&m);
}

static void refuses_signals_and_processes(void **state)
{
    struct machine m;
    const struct policy_list none = {0};
    (void)state;
    start_web(&m, "c1");
    struct policy_process p = web_process("c1");
    struct policy_process exec = web_process("c1");
    exec.args = LIST("/bin/check");
    denied(&m, policy_signal_container_process(m.state, "c1", 9, true, none, &m.decision),
           "has not been created");
    denied(&m, policy_exec_in_container(m.state, &exec, &m.decision), "has not been created");
    assert_true(create(&m, &p));
    denied(&m, policy_signal_container_process(m.state, "c1", 1, true, none, &m.decision),
           "signal 1 is not in the policy");
    denied(
        &m,
        policy_signal_container_process(m.state, "c1", 10, false, LIST("/bin/check"), &m.decision),
        "signal 10");
    denied(&m, policy_signal_container_process(m.state, "c2", 9, true, none, &m.decision),
           "has not been created");
    exec.args = LIST("/bin/sh");
    denied(&m, policy_exec_in_container(m.state, &exec, &m.decision), "argv[0] is \"/bin/sh\"");
    exec.args = LIST("/bin/check"), exec.cwd = "/tmp";
    denied(&m, policy_exec_in_container(m.state, &exec, &m.decision), "cwd");
    exec.cwd = "/srv";
    assert_true(policy_exec_in_container(m.state, &exec, &m.decision));
    denied(&m, policy_exec_external(m.state, &exec, &m.decision), "no external_processes");
    stop(&m);
}

static void refuses_other_points_by_name(void **state)
{
    static const enum policy_point points[] = {
        POLICY_LOAD_FRAGMENT,    POLICY_RUNTIME_LOGGING, POLICY_DUMP_STACKS,
        POLICY_HOST_NETWORK,     POLICY_LOG_PROVIDER,    POLICY_LOAD_TRANSPARENCY_TRUST_LIST,
        POLICY_REGISTRY_CHANGES,
    };
    struct machine m;
    (void)state;
    start(&m, SAMPLE, POLICY_STRICT);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        denied(&m, policy_plain_point(m.state, points[i], &m.decision),
               policy_point_name(points[i]));
    denied(&m, policy_path_point(m.state, POLICY_MOUNT_BLOCKDEV, "/dev/sda", &m.decision),
           "mount_blockdev");
    denied(&m, policy_path_point(m.state, POLICY_PLAN9_MOUNT, "/x", &m.decision),
           "does not define");
    denied(&m, policy_plain_point(m.state, POLICY_MOUNT_DEVICE, &m.decision), "mount_device");
    assert_true(policy_plain_point(m.state, POLICY_GET_PROPERTIES, &m.decision));
    stop(&m);
}

static void refuses_everything_without_versions(void **state)
{
    struct machine m;
    (void)state;
    start(&m,
          "package policy\nframework_version := \"0.2.3\"\ncontainers := [" SAMPLE_WEB
          "]\n" SAMPLE_POINTS,
          POLICY_STRICT);
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_A), "no api_version");
    denied(&m, policy_plain_point(m.state, POLICY_GET_PROPERTIES, &m.decision), "no api_version");
    stop(&m);
    start(&m,
          "package policy\napi_version := \"0.10.0\"\nframework_version := \"9.0.0\"\n"
          "containers := [" SAMPLE_WEB "]\n" SAMPLE_POINTS,
          POLICY_STRICT);
    assert_true(device(&m, "/run/mounts/scsi/m0", HASH_A));
    assert_true(device(&m, "/run/mounts/scsi/m1", HASH_B));
    denied(&m, overlay(&m, "c", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")),
           "framework_version");
    stop(&m);
    start(&m, "package policy\napi_version := \"0.10.0\"\n", POLICY_STRICT);
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_A), "does not define this point");
    stop(&m);
}

static void forgets_what_the_guest_could_not_do(void **state)
{
    struct machine m;
    (void)state;
    start_web(&m, "c1");
    policy_forget_device(m.state, "/run/mounts/scsi/m0");
    denied(&m, device(&m, "/run/mounts/scsi/m0", HASH_A), "already");
    policy_forget_overlay(m.state, "c1");
    assert_true(overlay(&m, "c1", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")));
    struct policy_process p = web_process("c1");
    assert_true(create(&m, &p));
    policy_forget_overlay(m.state, "c1");
    denied(&m, create(&m, &p), "created already");
    denied(&m, policy_exec_in_container(m.state, &p, &m.decision), "no overlay");
    policy_forget_device(m.state, "/run/mounts/scsi/m0");
    assert_true(device(&m, "/run/mounts/scsi/m0", HASH_A));
    denied(&m, overlay(&m, "c1", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")),
           "used already");
    assert_true(overlay(&m, "c2", LIST("/run/mounts/scsi/m1", "/run/mounts/scsi/m0")));
    stop(&m);
}

/* A digest of all that a state holds, for comparing it before and after a call. */
static uint64_t mix(uint64_t hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash * 31 + 7;
}

static uint64_t digest(const struct policy_state *s)
{
    uint64_t hash = s->device_count * 1000003 + s->container_count;
    for (size_t i = 0; i < s->device_count; i++)
        hash = mix(mix(hash, s->devices[i].target), s->devices[i].root_hash);
    for (size_t i = 0; i < s->container_count; i++) {
        const struct live_container *c = &s->containers[i];
        hash = mix(mix(hash, c->id), c->target) + c->started * 3 + c->privileged * 5;
        for (size_t j = 0; j < c->layer_count; j++)
            hash = mix(hash, c->layers[j]);
        for (size_t j = 0; j < c->match_count; j++)
            hash = hash * 31 + c->matches[j]->index;
        hash = hash * 2 + (c->matches != NULL);
    }
    for (size_t i = 0; i < s->scratch_count; i++)
        hash = mix(hash, s->scratches[i]);
    for (size_t i = 0; i < s->plan9_count; i++)
        hash = mix(hash, s->plan9s[i].target);
    return hash;
}

static unsigned int next_random(uint64_t *seed, unsigned int below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned int)(*seed >> 33) % below;
}

static bool random_call(struct machine *m, uint64_t *seed)
{
    static const char *const ids[] = {"a", "b", "c", "../a"};
    static const char *const hashes[] = {HASH_A, HASH_B, HASH_C, ""};
    char targets[4][32], root[64];
    const char *paths[4];
    for (unsigned int i = 0; i < 4; i++) {
        (void)snprintf(targets[i], sizeof targets[i], "/run/mounts/scsi/m%u", i);
        paths[i] = targets[i];
    }
    const char *id = ids[next_random(seed, 4)];
    (void)snprintf(root, sizeof root, "/run/gcs/c/%s/rootfs", id);
    const char *picked[3] = {paths[next_random(seed, 4)], paths[next_random(seed, 4)], paths[0]};
    struct policy_process p = web_process(id);
    struct policy_scratch scratch = {root, "ext4", next_random(seed, 2), true};
    struct policy_list check = LIST("/bin/check");
    if (next_random(seed, 2))
        p.args = check;
    switch (next_random(seed, 10)) {
    case 0:
    case 1:
        return device(m, picked[0], hashes[next_random(seed, 4)]);
    case 2:
    case 3:
        return overlay(m, id, (struct policy_list){picked, next_random(seed, 4)});
    case 4:
        return create(m, &p);
    case 5:
        return policy_exec_in_container(m->state, &p, &m->decision);
    case 6:
        return policy_signal_container_process(m->state, id, next_random(seed, 16), true, p.args,
                                               &m->decision);
    case 7:
        return next_random(seed, 4) == 0 && policy_shutdown_container(m->state, id, &m->decision);
    case 8:
        return policy_scratch_point(m->state, POLICY_SCRATCH_MOUNT, &scratch, &m->decision);
    default:
        return policy_path_point(
            m->state, next_random(seed, 2) ? POLICY_UNMOUNT_DEVICE : POLICY_UNMOUNT_OVERLAY,
            next_random(seed, 2) ? picked[0] : root, &m->decision);
    }
}

/* What runs has its layers mounted, with the hashes that the policy lists for it. */
static void check_running(const struct policy_state *s)
{
    for (size_t i = 0; i < s->container_count; i++) {
        const struct live_container *c = &s->containers[i];
        if (!c->target)
            continue;
        for (size_t j = 0; j < c->layer_count; j++) {
            size_t k = 0;
            while (k < s->device_count && strcmp(s->devices[k].target, c->layers[j]) != 0)
                k++;
            assert_true(k < s->device_count);
            for (size_t n = 0; n < c->match_count; n++)
                assert_string_equal(s->devices[k].root_hash,
                                    c->matches[n]->layers.items[c->layer_count - 1 - j]);
        }
        assert_true(!c->started || !c->matches || c->match_count > 0);
    }
}

static void leaves_no_trace_of_what_it_denies(void **state)
{
    size_t allowed = 0;
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct machine m;
        uint64_t seed = round * 7919 + 1;
        start(&m, SAMPLE, POLICY_STRICT);
        for (size_t i = 0; i < 300; i++) {
            uint64_t before = digest(m.state);
            if (random_call(&m, &seed))
                allowed++;
            else
                assert_int_equal(before, digest(m.state));
            check_running(m.state);
        }
        stop(&m);
    }
    assert_true(allowed > 500);
}

static void keeps_all_where_everything_is_allowed(void **state)
{
    struct machine m;
    (void)state;
    start(&m,
          SAMPLE_HEAD "mount_device := {\"allowed\": true}\n"
                      "mount_overlay := {\"allowed\": true}\n"
                      "create_container := {\"allowed\": true, \"env_list\": null, "
                      "\"allow_stdio_access\": true}\n",
          POLICY_ALLOW_ALL);
    assert_true(device(&m, "/run/mounts/scsi/m0", HASH_C));
    assert_true(overlay(&m, "c", LIST("/run/mounts/scsi/m0")));
    struct policy_process p = web_process("c");
    assert_true(create(&m, &p));
    assert_int_equal(m.decision.env_kept.count, 2);
    assert_true(m.decision.stdio);
    assert_null(m.decision.container);
    stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_what_the_policy_describes),
        cmocka_unit_test(settings_are_the_policys_all_of_them_and_no_others),
        cmocka_unit_test(where_the_policy_says_nothing_there_are_no_settings),
        cmocka_unit_test(a_root_may_always_be_read_only),
        cmocka_unit_test(refuses_devices),
        cmocka_unit_test(refuses_overlays),
        cmocka_unit_test(refuses_changed_processes),
        cmocka_unit_test(refuses_changed_variables),
        cmocka_unit_test(refuses_secret_values_in_reasons),
        cmocka_unit_test(refuses_other_sources),
        cmocka_unit_test(refuses_changed_mounts),
        cmocka_unit_test(refuses_to_take_away_what_is_in_use),
        cmocka_unit_test(refuses_to_create_on_an_unmounted_root),
        cmocka_unit_test(refuses_signals_and_processes),
        cmocka_unit_test(refuses_other_points_by_name),
        cmocka_unit_test(refuses_everything_without_versions),
        cmocka_unit_test(forgets_what_the_guest_could_not_do),
        cmocka_unit_test(leaves_no_trace_of_what_it_denies),
        cmocka_unit_test(keeps_all_where_everything_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
