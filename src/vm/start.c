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

/* An enclave in this process' network gets its services' addresses by it, and no name server. */
static int queue_network(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    if (!config->network && config->service_count == 0)
        return 0;
    json_t *servers = config->network ? json_pack("[s]", PASST_NAME_SERVER) : json_array();
    json_t *services = json_array();
    for (size_t i = 0; services && i < config->service_count; i++)
        (void)json_array_append_new(services, json_string(config->services[i]));
    return request_step(monitor, "set_network",
                        json_pack("{s:o, s:s, s:i, s:s, s:o, s:s}", "services", services, "address",
                                  PASST_GUEST, "prefix", PASST_PREFIX, "gateway", PASST_GATEWAY,
                                  "dns", servers, "hostname", config->process.hostname),
                        err);
}

/* Overlays come to be on the disk that is mounted before them, whose number is the last. */
static int queue_scratch(struct monitor *monitor, struct error *err)
{
    if (monitor->config->scratch_size == 0)
        return 0;
    return request_step(monitor, "scratch_mount",
                        json_pack("{s:i}", "lun", (int)monitor->config->disk_count), err);
}

static void target_of(size_t disk, char target[48])
{
    (void)snprintf(target, 48, "/run/mounts/scsi/m%zu", disk);
}

static int queue_devices(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    for (size_t i = 0; i < config->disk_count; i++) {
        char hash[2 * SHA256_SIZE + 1];
        char target[48];
        hex_encode(span_of(config->disks[i].root_hash, SHA256_SIZE), hash);
        target_of(i, target);
        if (request_step(
                monitor, "mount_device",
                json_pack("{s:i, s:s, s:s}", "lun", (int)i, "root_hash", hash, "target", target),
                err) < 0)
            return -1;
    }
    return 0;
}

/* `layers` may be NULL: all disks. */
static int queue_overlay(struct monitor *monitor, const char *id, const size_t *layers,
                         size_t count, struct error *err)
{
    json_t *targets = json_array();
    for (size_t i = 0; targets && i < count; i++) {
        char target[48];
        target_of(layers ? layers[i] : i, target);
        (void)json_array_insert_new(targets, 0, json_string(target)); /* topmost first */
    }
    return request_step(monitor, "mount_overlay",
                        json_pack("{s:s, s:o}", "id", id, "layers", targets), err);
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

static json_t *mount_json(const struct policy_mount *mount)
{
    json_t *options = json_array();
    for (size_t i = 0; options && i < mount->options.count; i++)
        (void)json_array_append_new(options, json_string(mount->options.items[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "destination", mount->destination, "type", mount->type,
                     "source", mount->source, "options", options);
}

/* What every container of a policy may have, the guest's own resolv.conf, and its own. */
static json_t *mounts_json(const struct monitor *monitor, const struct start_container *container)
{
    static const char *const options[] = {"rbind", "rshared", "rw"};
    static const struct policy_mount resolver = {
        .destination = "/etc/resolv.conf",
        .type = "bind",
        .source = "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/resolv.conf",
        .options = {options, 3}};
    json_t *mounts = json_array();
    if (mounts && monitor->config->network)
        (void)json_array_append_new(mounts, mount_json(&resolver));
    for (size_t i = 0; mounts && i < container->mount_count; i++)
        (void)json_array_append_new(mounts, mount_json(&container->mounts[i]));
    return mounts;
}

/* The caller's own words about what the container is confined by, over the usual ones. */
static json_t *confine(json_t *args, const json_t *confinement)
{
    json_t *mounts = json_object_get(args, "mounts");
    if (!args || !confinement)
        return args;
    (void)json_array_extend(mounts, json_object_get(confinement, "mounts"));
    json_incref(mounts);
    /* jansson takes a mutable object and leaves it alone. */
    (void)json_object_update(args, (json_t *)(uintptr_t)confinement);
    (void)json_object_set_new(args, "mounts", mounts);
    return args;
}

static json_t *container_json(const struct monitor *monitor,
                              const struct start_container *container)
{
    const struct vm_process *process = container->process;
    json_t *args = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:o, s:s, s:b, s:i, s:i, s:i, s:i, "
        "s:i}",
        "id", container->id, "args", texts_json(process->args), "env", texts_json(process->env),
        "cwd", process->cwd, "user", process->user, "umask", (int)process->umask, "capabilities",
        capabilities_json(), "no_new_privileges", process->no_new_privileges, "privileged", false,
        "read_only_root", process->read_only_root, "mounts", mounts_json(monitor, container),
        "hostname", process->hostname, "terminal", process->terminal, "rows", (int)process->rows,
        "columns", (int)process->columns, "stdin", (int)container->streams[0], "stdout",
        (int)container->streams[1], "stderr", (int)container->streams[2]);
    return confine(args, process->confinement);
}

/* A process gets what its container has: where that is not the usual, too. */
json_t *start_exec_json(const char *id, const struct vm_process *process, char *const *args)
{
    static const char *const shared[] = {"capabilities", "no_new_privileges", "groups"};
    json_t *request = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:i, s:i, s:i, s:i, s:i}", "id", id, "args",
        texts_json(args), "env", texts_json(process->env), "cwd", process->cwd, "user",
        process->user, "umask", (int)process->umask, "capabilities", capabilities_json(),
        "no_new_privileges", process->no_new_privileges, "terminal", false, "rows", 0, "columns", 0,
        "stdin", 0, "stdout", 0, "stderr", 0);
    for (size_t i = 0; request && i < sizeof shared / sizeof *shared; i++) {
        json_t *own = json_object_get(process->confinement, shared[i]);
        if (own)
            (void)json_object_set(request, shared[i], own);
    }
    return request;
}

int start_queue_container(struct monitor *monitor, const struct start_container *container,
                          session_answer *created, void *argument, struct error *err)
{
    if (queue_overlay(monitor, container->id, container->layers, container->layer_count, err) < 0)
        return -1;
    return session_request(monitor->session, "create_container", container_json(monitor, container),
                           created, argument, err);
}

static int queue_only_container(struct monitor *monitor, struct error *err)
{
    const struct vm_process *process = &monitor->config->process;
    const struct start_container container = {
        .id = monitor->config->name,
        .process = process,
        .layer_count = monitor->config->disk_count,
        .streams = {process->input ? SESSION_STDIN : 0, SESSION_STDOUT,
                    process->terminal ? 0 : SESSION_STDERR},
    };
    if (session_open_streams(monitor->session, process->input, !process->terminal, err) < 0)
        return -1;
    return start_queue_container(monitor, &container, on_created, monitor, err);
}

static int queue_fragments(struct monitor *monitor, struct error *err)
{
    const struct vm_config *config = monitor->config;
    for (size_t i = 0; i < config->fragment_count; i++) {
        if (session_upload(monitor->session, "load_fragment", SESSION_FRAGMENT + (uint32_t)i,
                           config->fragments[i], on_step, monitor, err) < 0)
            return -1;
    }
    return 0;
}

int start_queue(struct monitor *monitor, struct error *err)
{
    if (session_set_policy(monitor->session, monitor->config->policy, on_step, monitor, err) < 0 ||
        queue_fragments(monitor, err) < 0 || queue_network(monitor, err) < 0 ||
        queue_scratch(monitor, err) < 0 || queue_devices(monitor, err) < 0)
        return -1;
    return monitor->config->member_count > 0 ? monitor_group_begin(monitor, err)
                                             : queue_only_container(monitor, err);
}
