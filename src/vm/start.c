/* The start of a container: the requests by which a guest that is up gets its policy, its network,
 * its layers and its process (docs/protocol.md). They are queued at once and sent as the protocol
 * allows; the first refusal ends the machine. */
#include <stdio.h>

#include "base/hex.h"
#include "vm/monitor_state.h"

static void on_step(void *argument, const json_t *result, const struct error *refusal)
{
    if (!result)
        monitor_end(argument, refusal);
}

static void on_created(void *argument, const json_t *result, const struct error *refusal)
{
    if (!result)
        monitor_end(argument, refusal);
    else
        monitor_run_begins(argument);
}

static int request_step(struct monitor *monitor, const char *op, json_t *args, struct error *err)
{
    return session_request(monitor->session, op, args, on_step, monitor, err);
}

static int queue_network(struct monitor *monitor, struct error *err)
{
    if (!monitor->config->network)
        return 0;
    return request_step(monitor, "set_network",
                        json_pack("{s:s, s:i, s:s, s:[s], s:s}", "address", PASST_GUEST, "prefix",
                                  PASST_PREFIX, "gateway", PASST_GATEWAY, "dns", PASST_NAME_SERVER,
                                  "hostname", monitor->config->process.hostname),
                        err);
}

static int queue_layers(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    json_t *targets = json_array();
    for (size_t i = 0; i < config->disk_count; i++) {
        char hash[2 * SHA256_SIZE + 1];
        char target[48];
        hex_encode(span_of(config->disks[i].root_hash, SHA256_SIZE), hash);
        (void)snprintf(target, sizeof target, "/run/mounts/scsi/m%zu", i);
        (void)json_array_insert_new(targets, 0, json_string(target)); /* topmost first */
        if (request_step(
                monitor, "mount_device",
                json_pack("{s:i, s:s, s:s}", "lun", (int)i, "root_hash", hash, "target", target),
                err) < 0) {
            json_decref(targets);
            return -1;
        }
    }
    return request_step(monitor, "mount_overlay",
                        json_pack("{s:s, s:o}", "id", config->name, "layers", targets), err);
}

static json_t *texts_json(char *const *texts)
{
    json_t *array = json_array();
    for (; array && texts && *texts; texts++)
        (void)json_array_append_new(array, json_string(*texts));
    return array;
}

/* The capabilities of an unprivileged container, as Docker has them. */
static json_t *capabilities_json(void)
{
    static const char *const names[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
        "CAP_KILL",    "CAP_AUDIT_WRITE",
    };
    json_t *set = json_array();
    for (size_t i = 0; set && i < sizeof names / sizeof *names; i++)
        (void)json_array_append_new(set, json_string(names[i]));
    json_t *sets = json_pack("{s:O, s:O, s:O, s:[], s:[]}", "bounding", set, "effective", set,
                             "permitted", set, "inheritable", "ambient");
    json_decref(set);
    return sets;
}

/* What every container of a policy may have: the guest's own resolv.conf. */
static json_t *mounts_json(const struct monitor *monitor)
{
    if (!monitor->config->network)
        return json_array();
    char source[192];
    (void)snprintf(source, sizeof source,
                   "/run/gcs/c/%s/sandboxMounts/tmp/atlas/resolvconf/resolv.conf",
                   monitor->config->name);
    return json_pack("[{s:s, s:s, s:s, s:[s, s, s]}]", "destination", "/etc/resolv.conf", "type",
                     "bind", "source", source, "options", "rbind", "rshared", "rw");
}

static int queue_container(struct monitor *monitor, struct error *err)
{
    const struct vm_process *process = &monitor->config->process;
    if (session_open_streams(monitor->session, process->input, !process->terminal, err) < 0)
        return -1;
    json_t *args = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:o, s:s, s:b, s:i, s:i, s:i, s:i, "
        "s:i}",
        "id", monitor->config->name, "args", texts_json(process->args), "env",
        texts_json(process->env), "cwd", process->cwd, "user", process->user, "umask",
        (int)process->umask, "capabilities", capabilities_json(), "no_new_privileges",
        process->no_new_privileges, "privileged", false, "read_only_root", process->read_only_root,
        "mounts", mounts_json(monitor), "hostname", process->hostname, "terminal",
        process->terminal, "rows", (int)process->rows, "columns", (int)process->columns, "stdin",
        process->input ? (int)SESSION_STDIN : 0, "stdout", (int)SESSION_STDOUT, "stderr",
        process->terminal ? 0 : (int)SESSION_STDERR);
    return session_request(monitor->session, "create_container", args, on_created, monitor, err);
}

int start_queue(struct monitor *monitor, struct error *err)
{
    if (session_set_policy(monitor->session, monitor->config->policy, on_step, monitor, err) < 0 ||
        queue_network(monitor, err) < 0 || queue_layers(monitor, err) < 0)
        return -1;
    return queue_container(monitor, err);
}
