#include "cli/group_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/group_confine.h"
#include "layer/layer.h"
#include "os/fd.h"

#define PLAN_ARENA_MAX ((size_t)64 << 20)
#define EMPTY_DIRS     "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/emptydir/" /* docs/guest.md */
#define UMASK_DEFAULT  022
#define HOOK_HTTP_MS   30000

void group_plan_init(struct group_plan *plan, const char *folder)
{
    *plan = (struct group_plan){.arena = {.limit = PLAN_ARENA_MAX}, .folder = folder};
}

void group_plan_fini(struct group_plan *plan)
{
    for (size_t i = 0; i < plan->made_count; i++)
        (void)unlink(plan->disks[i].path);
    free(plan->disks);
    json_decref(plan->confinements);
    arena_fini(&plan->arena);
    *plan = (struct group_plan){0};
}

static void *room(struct group_plan *plan, size_t count, size_t size, struct error *err)
{
    void *out = arena_take(&plan->arena, count, size);
    if (!out)
        (void)error_memory(err);
    return out;
}

/* NULL with `err`. */
__attribute__((format(printf, 3, 4))) static char *say(struct group_plan *plan, struct error *err,
                                                       const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    char *out = size < 0 ? NULL : arena_text(&plan->arena, text);
    if (size >= 0)
        free(text);
    if (!out)
        (void)error_memory(err);
    return out;
}

/* --- disks ------------------------------------------------------------------------------------ */

/* The place of a layer's disk, which is added where it is not there. */
static int add_disk(struct group_plan *plan, const char *path, const uint8_t hash[SHA256_SIZE],
                    size_t *place, struct error *err)
{
    for (size_t i = 0; i < plan->disk_count; i++) {
        if (memcmp(plan->disks[i].root_hash, hash, SHA256_SIZE) == 0) {
            *place = i;
            return 0;
        }
    }
    struct vm_disk *grown = reallocarray(plan->disks, plan->disk_count + 1, sizeof *grown);
    char *copy = arena_text(&plan->arena, path);
    if (grown)
        plan->disks = grown;
    if (!grown || !copy)
        return error_memory(err);
    *place = plan->disk_count++;
    grown[*place] = (struct vm_disk){.path = copy};
    memcpy(grown[*place].root_hash, hash, SHA256_SIZE);
    return 0;
}

static int read_span(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    struct span *rest = arg;
    (void)err;
    *got = rest->size < size ? rest->size : size;
    if (*got > 0)
        memcpy(out, rest->data, *got);
    *rest = span_of(rest->data + *got, rest->size - *got);
    return 0;
}

int group_plan_add_layer(struct group_plan *plan, struct span tar, char hex[65], struct error *err)
{
    const struct layer_source source = {.read = read_span, .arg = &tar};
    struct layer_result result;
    size_t place;
    size_t before = plan->disk_count;
    TEXT_AUTO path = text_format("%s/values-XXXXXX", plan->folder);
    if (!path)
        return error_memory(err);
    FD_AUTO fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot make a file in %s", plan->folder);
    if (layer_build(&source, NULL, fd, &result, err) < 0 ||
        add_disk(plan, path, result.root_hash, &place, err) < 0) {
        (void)unlink(path);
        return error_context(err, "the layer of values as files");
    }
    if (plan->disk_count == before)
        (void)unlink(path); /* another container has the same */
    plan->made_count = plan->disk_count;
    hex_encode(span_of(result.root_hash, sizeof result.root_hash), hex);
    return 0;
}

static int find_disk(const struct group_plan *plan, const char *hex, size_t *place,
                     struct error *err)
{
    uint8_t hash[SHA256_SIZE];
    bool good = hex_decode(span_of_text(hex), hash, sizeof hash);
    for (size_t i = 0; good && i < plan->disk_count; i++) {
        if (memcmp(plan->disks[i].root_hash, hash, sizeof hash) == 0) {
            *place = i;
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "there is no disk of the layer %.64s", hex);
}

static int set_layers(struct group_plan *plan, const struct group_source *source, size_t index,
                      struct vm_member *member, struct error *err)
{
    const struct policy_draft_container *draft = &source->drafts[index];
    const struct image_disk *disks;
    size_t count;
    size_t place;
    if (workload_images_disks(source->images, source->group->containers[index].image, &disks,
                              &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (add_disk(plan, disks[i].path, disks[i].root_hash, &place, err) < 0)
            return -1;
    }
    size_t *layers = room(plan, draft->layers.count, sizeof *layers, err);
    for (size_t i = 0; layers && i < draft->layers.count; i++) {
        if (find_disk(plan, draft->layers.items[i], &layers[i], err) < 0)
            return -1;
    }
    member->layers = layers;
    member->layer_count = draft->layers.count;
    return layers ? 0 : -1;
}

/* --- the process ------------------------------------------------------------------------------ */

static char **words(struct group_plan *plan, struct policy_list list, struct error *err)
{
    char **out = room(plan, list.count + 1, sizeof *out, err);
    for (size_t i = 0; out && i < list.count; i++) {
        out[i] = arena_text(&plan->arena, list.items[i]);
        if (!out[i]) {
            (void)error_memory(err);
            return NULL;
        }
    }
    return out;
}

static bool is_set(char *const *env, const char *assignment)
{
    size_t size = strcspn(assignment, "=") + 1;
    for (; *env; env++) {
        if (strncmp(*env, assignment, size) == 0)
            return true;
    }
    return false;
}

/* What is known of a field only here. NULL where it is not known at all. */
static const char *field_value(const struct pod_variable *variable)
{
    bool address = strcmp(variable->key, "status.podIP") == 0 ||
                   strcmp(variable->key, "status.podIPs") == 0;
    return variable->source == POD_FIELD && address ? PASST_GUEST : NULL;
}

/* The pod's variables, then those of the image that it does not set, then the host name. */
static char **environment(struct group_plan *plan, const struct pod_container *container,
                          const struct policy_draft_container *draft, struct error *err)
{
    size_t count = 0;
    char **env = room(plan, container->env_count + draft->image_env.count + 2, sizeof *env, err);
    for (size_t i = 0; env && i < container->env_count; i++) {
        const struct pod_variable *variable = &container->env[i];
        const char *value = variable->value ? variable->value : field_value(variable);
        if (value && !(env[count++] = say(plan, err, "%s=%s", variable->name, value)))
            return NULL;
    }
    for (size_t i = 0; env && i < draft->image_env.count; i++) {
        if (is_set(env, draft->image_env.items[i]))
            continue;
        if (!(env[count++] = say(plan, err, "%s", draft->image_env.items[i])))
            return NULL;
    }
    if (env && !is_set(env, "HOSTNAME=") &&
        !(env[count] = say(plan, err, "HOSTNAME=%s", plan->hostname)))
        return NULL;
    return env;
}

/* "USER:GROUP". A user alone is in the groups that the image's files give it. */
static const char *user_of(struct group_plan *plan, const struct pod_security *security,
                           const char *image, struct error *err)
{
    if (security->user >= 0 && security->group >= 0)
        return say(plan, err, "%lld:%lld", (long long)security->user, (long long)security->group);
    if (security->user >= 0)
        return say(plan, err, "%lld", (long long)security->user);
    if (security->group >= 0)
        return say(plan, err, "%.*s:%lld", (int)strcspn(image, ":"), *image ? image : "0",
                   (long long)security->group);
    return say(plan, err, "%s", image);
}

static int set_process(struct group_plan *plan, const struct group_source *source, size_t index,
                       struct vm_member *member, struct error *err)
{
    const struct pod_container *container = &source->pod->containers[index];
    const struct policy_draft_container *draft = &source->drafts[index];
    const char *image_user = workload_images_user(source->images,
                                                  source->group->containers[index].image);
    struct vm_process *process = &member->process;
    process->args = words(plan, draft->command, err);
    process->env = environment(plan, container, draft, err);
    process->user = user_of(plan, &container->security, image_user, err);
    process->cwd = draft->working_dir && *draft->working_dir ? draft->working_dir : "/";
    process->hostname = plan->hostname;
    process->umask = UMASK_DEFAULT;
    process->no_new_privileges = draft->no_new_privileges;
    process->read_only_root = draft->read_only_root;
    if (!process->args || !process->env || !process->user)
        return -1;
    if (draft->command.count == 0)
        return error_set(err, ERROR_INVALID, "neither the image nor the manifest names a program");
    member->stop_signal = draft->stop_signal ? policy_signal_number(draft->stop_signal) : 0;
    return 0;
}

static int set_confinement(struct group_plan *plan, const struct group_source *source, size_t index,
                           struct vm_process *process, struct error *err)
{
    json_t *confinement = group_confine(&source->pod->containers[index],
                                        &source->group->containers[index], &source->drafts[index],
                                        err);
    if (!confinement)
        return -1;
    if (json_array_append_new(plan->confinements, confinement) < 0)
        return error_memory(err);
    process->confinement = confinement;
    return 0;
}

/* --- mounts ----------------------------------------------------------------------------------- */

static int set_mounts(struct group_plan *plan, const struct pod_container *container,
                      struct vm_member *member, struct error *err)
{
    static const char *const writable[] = {"rbind", "rshared", "rw"};
    static const char *const readable[] = {"rbind", "rshared", "ro"};
    struct policy_mount *mounts = room(plan, container->mount_count, sizeof *mounts, err);
    if (!mounts)
        return -1;
    member->mounts = mounts;
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct pod_mount *mount = &container->mounts[i];
        if (mount->volume->type != POD_VOLUME_EMPTY_DIR)
            continue; /* its files are a layer */
        const char *source = say(plan, err, EMPTY_DIRS "%s%s%s", mount->volume->name,
                                 *mount->sub_path ? "/" : "", mount->sub_path);
        if (!source)
            return -1;
        mounts[member->mount_count++] = (struct policy_mount){
            .destination = mount->path,
            .type = "bind",
            .source = source,
            .options = {mount->read_only ? readable : writable, 3}};
    }
    return 0;
}

/* --- ports and probes ------------------------------------------------------------------------- */

static int add_port(struct group_plan *plan, const struct port_rule *rule, struct error *err)
{
    size_t count = plan->port_count + plan->probe_port_count;
    if (count >= PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d ports", PORTS_MAX);
    plan->ports[count] = *rule;
    return 0;
}

static int set_ports(struct group_plan *plan, const struct pod_container *container,
                     struct error *err)
{
    for (size_t i = 0; i < container->port_count; i++) {
        const struct pod_port *port = &container->ports[i];
        struct port_rule rule = {.address = "0.0.0.0",
                                 .host = (uint16_t)port->host_port,
                                 .guest = (uint16_t)port->container_port,
                                 .udp = strcmp(port->protocol, "UDP") == 0};
        if (port->host_port == 0)
            continue;
        if (!rule.udp && strcmp(port->protocol, "TCP") != 0)
            return error_set(err, ERROR_REFUSED, "port %u: only TCP and UDP are published",
                             port->container_port);
        if (port_rule_check_free(&rule, err) < 0 || add_port(plan, &rule, err) < 0)
            return -1;
        plan->port_count++;
    }
    return 0;
}

/* A port of the host's loopback that is free a moment ago, for passt to forward. */
static int free_port(uint16_t *port, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    FD_AUTO fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return error_system(err, errno, "cannot find a free port");
    *port = ntohs(address.sin_port);
    return 0;
}

static int forward_to(struct group_plan *plan, unsigned int guest, uint16_t *host,
                      struct error *err)
{
    struct port_rule rule = {.address = "127.0.0.1", .guest = (uint16_t)guest};
    for (size_t i = plan->port_count; i < plan->port_count + plan->probe_port_count; i++) {
        if (plan->ports[i].guest == guest) {
            *host = plan->ports[i].host;
            return 0;
        }
    }
    if (free_port(&rule.host, err) < 0 || add_port(plan, &rule, err) < 0)
        return -1;
    plan->probe_port_count++;
    *host = rule.host;
    return 0;
}

static int set_http(struct group_plan *plan, const struct pod_probe *probe, bool network,
                    struct vm_probe *out, struct error *err)
{
    struct http_header *headers = room(plan, probe->header_count, sizeof *headers, err);
    const char *host = probe->host;
    if (!headers)
        return -1;
    if (probe->https || !network)
        return error_set(err, ERROR_REFUSED, "http probes need a network, and no TLS is spoken");
    for (size_t i = 0; i < probe->header_count; i++) {
        if (strcasecmp(probe->headers[i].key, "Host") == 0)
            host = probe->headers[i].value;
        else
            headers[out->http.header_count++] = (struct http_header){probe->headers[i].key,
                                                                     probe->headers[i].value};
    }
    out->http.path = probe->path;
    out->http.host = host;
    out->http.headers = headers;
    out->http.timeout_ms = out->timeout_ms;
    return forward_to(plan, probe->port, &out->http.port, err);
}

/* A probe or a hook. */
static int set_asked(struct group_plan *plan, const struct pod_probe *probe, bool network,
                     uint32_t timeout_ms, struct vm_probe *how, struct error *err)
{
    *how = (struct vm_probe){.timeout_ms = timeout_ms};
    if (*probe->host && probe->kind == POD_PROBE_TCP)
        return error_set(err, ERROR_REFUSED, "a tcp probe of another host than the pod");
    switch (probe->kind) {
    case POD_PROBE_EXEC:
        how->kind = VM_PROBE_EXEC;
        how->command = words(plan, probe->command, err);
        return how->command ? 0 : -1;
    case POD_PROBE_TCP:
        how->kind = VM_PROBE_TCP;
        how->port = (uint16_t)probe->port;
        return 0;
    case POD_PROBE_HTTP:
        how->kind = VM_PROBE_HTTP;
        return set_http(plan, probe, network, how, err);
    case POD_PROBE_SLEEP:
        how->kind = VM_PROBE_SLEEP;
        how->timeout_ms = probe->timeout_s * 1000 + 1;
        return 0;
    case POD_PROBE_NONE:
        break;
    }
    return 0;
}

static int set_probe(struct group_plan *plan, const struct pod_probe *probe, bool network,
                     struct group_probe_plan *when, struct vm_probe *how, struct error *err)
{
    if (probe->kind == POD_PROBE_NONE)
        return 0;
    *when = (struct group_probe_plan){.delay_ms = probe->initial_delay_s * 1000,
                                      .period_ms = probe->period_s * 1000,
                                      .successes = probe->successes,
                                      .failures = probe->failures,
                                      .grace_ms = probe->grace_s * 1000};
    return set_asked(plan, probe, network, probe->timeout_s * 1000, how, err);
}

/* A command takes what time it takes: the one before the end is cut off by the member's own. */
static int set_hooks(struct group_plan *plan, const struct pod_container *container, bool network,
                     struct vm_member *member, struct error *err)
{
    const struct {
        enum group_probe kind;
        const struct pod_probe *hook;
        bool *there;
    } hooks[] = {{GROUP_POST_START, &container->post_start, &member->plan.post_start},
                 {GROUP_PRE_STOP, &container->pre_stop, &member->plan.pre_stop}};
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        uint32_t timeout_ms = hooks[i].hook->kind == POD_PROBE_HTTP ? HOOK_HTTP_MS : 0;
        *hooks[i].there = hooks[i].hook->kind != POD_PROBE_NONE;
        if (set_asked(plan, hooks[i].hook, network, timeout_ms, &member->probes[hooks[i].kind],
                      err) < 0)
            return error_context(err, "a hook");
    }
    return 0;
}

static int set_probes(struct group_plan *plan, const struct pod_container *container, bool network,
                      struct vm_member *member, struct error *err)
{
    const struct {
        enum group_probe kind;
        const struct pod_probe *probe;
    } probes[] = {{GROUP_STARTUP, &container->startup},
                  {GROUP_READINESS, &container->readiness},
                  {GROUP_LIVENESS, &container->liveness}};
    for (size_t i = 0; i < GROUP_PROBES; i++) {
        enum group_probe kind = probes[i].kind;
        if (set_probe(plan, probes[i].probe, network, &member->plan.probes[kind],
                      &member->probes[kind], err) < 0)
            return error_context(err, "a probe");
    }
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int set_member(struct group_plan *plan, const struct group_source *source, size_t index,
                      struct error *err)
{
    static const enum policy_restart restarts[] = {
        [POD_RESTART_ALWAYS] = POLICY_RESTART_ALWAYS,
        [POD_RESTART_ON_FAILURE] = POLICY_RESTART_ON_FAILURE,
        [POD_RESTART_NEVER] = POLICY_RESTART_NEVER,
    };
    const struct pod_container *container = &source->pod->containers[index];
    struct vm_member *member = &plan->members[index];
    member->image = container->image;
    member->plan.name = container->name;
    member->plan.init = container->init;
    member->plan.sidecar = container->sidecar;
    member->plan.restart = restarts[source->pod->restart];
    member->plan.grace_ms = source->pod->grace_s * 1000;
    if (set_process(plan, source, index, member, err) < 0 ||
        set_confinement(plan, source, index, &member->process, err) < 0 ||
        set_layers(plan, source, index, member, err) < 0 ||
        set_mounts(plan, container, member, err) < 0)
        return -1;
    if (set_hooks(plan, container, source->network, member, err) < 0)
        return -1;
    return set_probes(plan, container, source->network, member, err);
}

int group_plan_make(struct group_plan *plan, const struct group_source *source, struct error *err)
{
    const struct pod *pod = source->pod;
    size_t count = pod->container_count;
    if (count > MACHINE_MEMBERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu containers; one machine takes %d", count,
                         MACHINE_MEMBERS_MAX);
    plan->members = room(plan, count, sizeof *plan->members, err);
    plan->names = room(plan, count + 1, sizeof *plan->names, err);
    plan->title = say(plan, err, "%s %s", pod->kind, *pod->name ? pod->name : "(unnamed)");
    plan->hostname = *pod->host_name ? pod->host_name : pod->name;
    if (!plan->members || !plan->names || !plan->title)
        return -1;
    plan->confinements = json_array();
    if (!plan->confinements)
        return error_memory(err);
    /* Published ports first: those for probes stand behind them. */
    for (size_t i = 0; i < count; i++) {
        plan->names[i] = arena_text(&plan->arena, pod->containers[i].name);
        if (!plan->names[i])
            return error_memory(err);
        if (set_ports(plan, &pod->containers[i], err) < 0)
            return error_context(err, "container %s", pod->containers[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        if (set_member(plan, source, i, err) < 0)
            return error_context(err, "container %s", pod->containers[i].name);
    }
    plan->member_count = count;
    return 0;
}
