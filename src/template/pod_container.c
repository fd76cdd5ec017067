/* A pod's containers. */
#include "template/pod_read.h"

static const struct pod_field container_fields[] = {
    {"name", NULL},
    {"image", NULL},
    {"imagePullPolicy", NULL},
    {"command", NULL},
    {"args", NULL},
    {"workingDir", NULL},
    {"ports", NULL},
    {"env", NULL},
    {"envFrom", NULL},
    {"resources", NULL},
    {"resizePolicy", NULL},
    {"restartPolicy", NULL},
    {"volumeMounts", NULL},
    {"volumeDevices", "devices of the host cannot be had"},
    {"livenessProbe", NULL},
    {"readinessProbe", NULL},
    {"startupProbe", NULL},
    {"lifecycle", NULL},
    {"securityContext", NULL},
    {"stdin", NULL},
    {"stdinOnce", NULL},
    {"tty", NULL},
    {"terminationMessagePath", NULL},
    {"terminationMessagePolicy", NULL},
    {0},
};

static int read_port(const struct pod_reader *reader, const json_t *object, struct pod_port *out,
                     struct error *err)
{
    static const struct pod_field fields[] = {{"name", NULL},     {"containerPort", NULL},
                                              {"hostPort", NULL}, {"hostIP", NULL},
                                              {"protocol", NULL}, {0}};
    uint64_t inside = 0, outside = 0;
    if (pod_check_fields(reader, object, fields, err) < 0 ||
        pod_find_text(object, "name", &out->name, err) < 0 ||
        pod_find_text(object, "protocol", &out->protocol, err) < 0 ||
        json_get_u64(object, "containerPort", 65535, &inside, err) < 0 ||
        json_find_u64(object, "hostPort", 65535, &outside, err) < 0)
        return -1;
    if (inside == 0)
        return error_set(err, ERROR_INVALID, "containerPort is 0");
    if (!*out->protocol)
        out->protocol = "TCP";
    if (strcmp(out->protocol, "TCP") != 0 && strcmp(out->protocol, "UDP") != 0 &&
        strcmp(out->protocol, "SCTP") != 0)
        return error_set(err, ERROR_INVALID, "protocol \"%.64s\" is not TCP, UDP or SCTP",
                         out->protocol);
    out->container_port = (unsigned int)inside;
    out->host_port = (unsigned int)outside;
    return 0;
}

static int read_ports(const struct pod_reader *reader, const json_t *container,
                      struct pod_container *out, struct error *err)
{
    json_t *array, *object;
    size_t count;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (pod_find_list(container, "ports", &array, &count, err) < 0)
        return -1;
    struct pod_port *ports = pod_room(reader, count, sizeof *ports, err);
    if (!ports)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(array, i, &object, err) < 0 ||
            read_port(reader, object, &ports[i], err) < 0)
            return error_context(err, "ports");
    }
    out->ports = ports;
    out->port_count = count;
    return 0;
}

/* POD_STRICT: $(NAME) replaced in every word. */
static int expand_words(const struct pod_reader *reader, const struct pod_container *container,
                        struct policy_list *words, struct error *err)
{
    if (reader->reading == POD_CONFCOM)
        return 0;
    const char **items = pod_room(reader, words->count, sizeof *items, err);
    if (!items)
        return -1;
    for (size_t i = 0; i < words->count; i++) {
        if (pod_expand(reader, container, container->env_count, words->items[i], &items[i], err) <
            0)
            return -1;
    }
    words->items = items;
    return 0;
}

static int read_command(const struct pod_reader *reader, const json_t *container,
                        struct pod_container *out, struct error *err)
{
    if (pod_find_texts(reader, container, "command", &out->command, err) < 0 ||
        pod_find_texts(reader, container, "args", &out->args, err) < 0 ||
        expand_words(reader, out, &out->command, err) < 0 ||
        expand_words(reader, out, &out->args, err) < 0)
        return error_context(err, "command and args");
    if (reader->reading == POD_CONFCOM) {
        out->working_dir = "";
        return 0;
    }
    if (pod_find_text(container, "workingDir", &out->working_dir, err) < 0)
        return -1;
    if (*out->working_dir && *out->working_dir != '/')
        return error_set(err, ERROR_INVALID, "workingDir \"%.128s\" is not absolute",
                         out->working_dir);
    return 0;
}

static int read_terminal(const struct pod_reader *reader, const json_t *container,
                         struct pod_container *out, struct error *err)
{
    const char *policy;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (json_find_bool(container, "tty", &out->tty, err) < 0 ||
        json_find_bool(container, "stdin", &out->stdin_open, err) < 0 ||
        pod_find_text(container, "restartPolicy", &policy, err) < 0)
        return -1;
    out->sidecar = out->init && strcmp(policy, "Always") == 0;
    if (*policy && !out->sidecar)
        return error_set(err, ERROR_REFUSED,
                         "restartPolicy \"%.64s\": of a container, only Always "
                         "for an init container",
                         policy);
    return 0;
}

/* confcom takes the image for a missing name. */
static int read_head(const struct pod_reader *reader, const json_t *object,
                     struct pod_container *out, struct error *err)
{
    if (pod_get_text(object, "image", &out->image, err) < 0 ||
        pod_find_text(object, "name", &out->name, err) < 0)
        return -1;
    if (*out->name)
        return pod_check_name(reader, out->name, err);
    if (reader->reading == POD_STRICT)
        return error_set(err, ERROR_INVALID, "without a name");
    out->name = out->image;
    return 0;
}

static int read_container(const struct pod_reader *reader, const json_t *object,
                          struct pod_container *out, struct error *err)
{
    if (read_head(reader, object, out, err) < 0)
        return -1;
    if (pod_check_fields(reader, object, container_fields, err) < 0 ||
        read_ports(reader, object, out, err) < 0 || pod_read_env(reader, object, out, err) < 0 ||
        read_command(reader, object, out, err) < 0 ||
        pod_read_mounts(reader, object, out, err) < 0 ||
        pod_read_probes(reader, object, out, err) < 0 ||
        pod_read_security(reader, object, out, err) < 0 ||
        pod_read_resources(reader, object, &out->resources, err) < 0 ||
        read_terminal(reader, object, out, err) < 0)
        return error_context(err, "\"%.64s\"", out->name);
    return 0;
}

/* Init containers that are awaited have nobody to ask for a probe (Kubernetes refuses it too). */
static int check_container(const struct pod_reader *reader, const struct pod_container *container,
                           struct error *err)
{
    const struct pod *pod = reader->pod;
    bool probed = container->startup.kind || container->readiness.kind || container->liveness.kind;
    bool hooked = container->post_start.kind || container->pre_stop.kind;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (container->init && !container->sidecar && probed)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is an init container, which has no probes",
                         container->name);
    if (container->init && !container->sidecar && hooked)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is an init container, which has no hooks",
                         container->name);
    for (const struct pod_container *other = pod->containers; other < container; other++) {
        if (strcmp(other->name, container->name) == 0)
            return error_set(err, ERROR_INVALID, "\"%.64s\" is there twice", container->name);
    }
    return 0;
}

static int read_list(struct pod_reader *reader, struct pod_container *containers, json_t *list,
                     bool init, struct error *err)
{
    json_t *object;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct pod_container *out = &containers[reader->pod->container_count];
        out->init = init;
        if (pod_object_at(list, i, &object, err) < 0 ||
            read_container(reader, object, out, err) < 0 || check_container(reader, out, err) < 0)
            return error_context(err, init ? "init container" : "container");
        reader->pod->container_count++;
    }
    return 0;
}

int pod_read_containers(struct pod_reader *reader, struct error *err)
{
    json_t *mains, *inits;
    size_t main_count, init_count;
    if (pod_find_list(reader->spec, "containers", &mains, &main_count, err) < 0 ||
        pod_find_list(reader->spec, "initContainers", &inits, &init_count, err) < 0)
        return -1;
    if (main_count == 0)
        return error_set(err, ERROR_INVALID, "the pod has no containers");
    if (main_count + init_count > POD_CONTAINERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu containers; at most %d are accepted",
                         main_count + init_count, POD_CONTAINERS_MAX);
    struct pod_container *containers = pod_room(reader, main_count + init_count, sizeof *containers,
                                                err);
    if (!containers)
        return -1;
    reader->pod->containers = containers;
    reader->pod->main_count = main_count;
    if (read_list(reader, containers, mains, false, err) < 0)
        return -1;
    return read_list(reader, containers, inits, true, err);
}
