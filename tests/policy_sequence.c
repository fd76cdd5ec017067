#include "policy_sequence.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

const char policy_sequence_text[] =
    "package policy\napi_version := \"0.11.0\"\nframework_version := \"0.1.0\"\ncontainers := ["
    "{\"command\":[\"a\"],\"env_rules\":[{\"pattern\":\"A=(x+x+)+y|B=.*\",\"strategy\":\"re2\"},"
    "{\"pattern\":\"C=1\",\"strategy\":\"string\",\"required\":true}],\"layers\":[\"" HASH_A
    "\",\"" HASH_B "\"],\"mounts\":[{\"destination\":\"/d\",\"type\":\"bind\",\"source\":"
    "\"sandbox:///t/.+\",\"options\":[\"rw\"]}],\"exec_processes\":[{\"command\":[\"b\"],"
    "\"signals\":[1]}],\"signals\":[2],\"allow_elevated\":true,\"allow_stdio_access\":true,"
    "\"working_dir\":\"/\"},"
    "{\"command\":[\"a\"],\"env_rules\":[],\"layers\":[\"" HASH_A "\",\"" HASH_B "\"],"
    "\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,"
    "\"allow_stdio_access\":false,\"working_dir\":\"/\",\"caisson_read_only_root\":true,"
    "\"caisson_rlimits\":[\"core=0:0\"],\"caisson_sysctls\":[\"net.core.somaxconn=77\"]}]\n"
    "allow_environment_variable_dropping := true\nallow_unencrypted_scratch := true\n"
    "mount_device := data.framework.mount_device\nunmount_device := data.framework.unmount_device\n"
    "mount_overlay := data.framework.mount_overlay\n"
    "unmount_overlay := data.framework.unmount_overlay\n"
    "create_container := data.framework.create_container\n"
    "exec_in_container := data.framework.exec_in_container\n"
    "signal_container_process := data.framework.signal_container_process\n"
    "shutdown_container := data.framework.shutdown_container\n"
    "plan9_mount := data.framework.plan9_mount\nplan9_unmount := data.framework.plan9_unmount\n"
    "scratch_mount := data.framework.scratch_mount\n"
    "scratch_unmount := data.framework.scratch_unmount\n"
    "rw_mount_device := data.framework.rw_mount_device\n";

static const char *const ids[] = {"p", "q", "../p", ""};
static const char *const hashes[] = {HASH_A, HASH_B, "", "x"};
static const char *const devices[] = {"/run/mounts/scsi/m0", "/run/mounts/scsi/m1",
                                      "/run/mounts/scsi/m2", "/etc"};
static const char *const roots[] = {"/p", "/q", "/p", ""};
static const char *const paths[] = {"/p", "/run/mounts/scsi/m0", "/run/mounts/scsi/m1",
                                    "/run/gcs/c/p/mounts/m1"};
static const char *const words[] = {
    "a", "b", "A=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "B=1", "C=1", "B=", "C=1", "\xff"};
static const char *const caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",    "CAP_MKNOD",
    "CAP_NET_RAW", "CAP_SETGID",       "CAP_SETUID",           "CAP_SETFCAP",   "CAP_SETPCAP",
    "CAP_KILL",    "CAP_AUDIT_WRITE",  "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"};
static const enum policy_point path_points[] = {POLICY_UNMOUNT_DEVICE, POLICY_UNMOUNT_OVERLAY,
                                                POLICY_PLAN9_MOUNT, POLICY_PLAN9_UNMOUNT};

static bool ask_process(struct policy_state *state, unsigned int a, unsigned int b,
                        struct policy_decision *decision)
{
    static const char *const rw[] = {"rw"}, *const rlimits[] = {"core=0:0"};
    static const char *const sysctls[] = {"net.core.somaxconn=77"};
    static const struct policy_mount mounts[] = {
        {"/d", "bind", "/run/gcs/c/p/sandboxMounts/t/x", {rw, 1}},
        {"/proc", "proc", "proc", {NULL, 0}}};
    const struct policy_process process = {
        .container_id = ids[a & 3],
        .sandbox_id = ids[b & 3],
        .args = {&words[b & 1], 1},
        .env = {&words[2], (b >> 2) % 7},
        .cwd = "/",
        .user = {"0", "root"},
        .umask = "0022",
        .seccomp_sha256 = "",
        .capabilities = {{{caps, 14}, {caps, 14}, {0}, {caps, 14}, {0}}},
        .privileged = b >> 6 & 1,
        .mounts = mounts,
        .mount_count = (b >> 5 & 1) + (b >> 7 & 1),
        .read_only_root = a >> 3 & 1,
        .rlimits = {rlimits, a >> 3 & 1},
        .sysctls = {sysctls, a >> 3 & 1},
    };
    return a & 4 ? policy_exec_in_container(state, &process, decision)
                 : policy_create_container(state, &process, decision);
}

bool policy_sequence_ask(struct policy_state *state, unsigned int a, unsigned int b,
                         struct policy_decision *decision)
{
    const struct policy_scratch scratch = {paths[b & 3], "ext4", b >> 2 & 1, b >> 3 & 1};
    switch (a >> 4) {
    case 0:
    case 1:
        return policy_mount_device(state, devices[a & 3], hashes[b & 3], decision);
    case 2:
    case 3:
        return policy_mount_overlay(state, ids[a & 3],
                                    (struct policy_list){&devices[b & 1], (b >> 1) % 3},
                                    roots[b >> 4 & 3], decision);
    case 4:
        return policy_signal_container_process(state, ids[a & 3], b & 15, b & 16,
                                               (struct policy_list){&words[1], 1}, decision);
    case 5:
        return policy_shutdown_container(state, ids[a & 3], decision);
    case 6:
        return policy_scratch_point(state, b & 32 ? POLICY_SCRATCH_MOUNT : POLICY_RW_MOUNT_DEVICE,
                                    &scratch, decision);
    case 7:
    case 8:
        return policy_path_point(state, path_points[a & 3], paths[b & 3], decision);
    case 9:
        policy_forget_device(state, devices[a & 3]);
        policy_forget_overlay(state, ids[b & 3]);
        return true;
    default:
        return ask_process(state, a, b, decision);
    }
}

static int put_list(struct buf *out, struct policy_list list, struct error *err)
{
    for (size_t i = 0; i < list.count; i++) {
        if (buf_append_text(out, " ", err) < 0 || buf_append_text(out, list.items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int put_decision(struct buf *out, const struct policy_decision *decision, struct error *err)
{
    if (buf_append_text(out, decision->allowed ? "allowed" : "denied: ", err) < 0 ||
        buf_append_text(out, decision->allowed ? "" : decision->reason, err) < 0)
        return -1;
    if (decision->allowed && (buf_append_text(out, decision->stdio ? " stdio" : "", err) < 0 ||
                              put_list(out, decision->env_kept, err) < 0 ||
                              put_list(out, decision->caps_kept.sets[POLICY_BOUNDING], err) < 0))
        return -1;
    return buf_append_text(out, "\n", err);
}

int policy_sequence_play(struct span policy, struct span pairs, struct buf *out, struct error *err)
{
    POLICY_AUTO model = NULL;
    struct policy_state *state = NULL;
    if (policy_parse(policy, POLICY_STRICT, &model, err) < 0 ||
        policy_state_new(model, &state, err) < 0)
        return -1;
    int outcome = 0;
    for (size_t i = 0; i + 1 < pairs.size && outcome == 0; i += 2) {
        POLICY_DECISION_AUTO decision = {0};
        (void)!policy_sequence_ask(state, pairs.data[i], pairs.data[i + 1], &decision);
        outcome = put_decision(out, &decision, err);
    }
    policy_state_free(state);
    return outcome;
}
