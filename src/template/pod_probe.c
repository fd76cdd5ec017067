/* Probes and hooks of a container. */
#include "template/pod_read.h"

#define SECONDS_MAX 86400

static int read_number(const json_t *object, const char *key, uint64_t max, unsigned int *out,
                       struct error *err)
{
    uint64_t value = *out;
    if (json_find_u64(object, key, max, &value, err) < 0)
        return -1;
    *out = (unsigned int)value;
    return 0;
}

/* A port by number, or by the name that the container gives it. */
static int read_port(const json_t *action, const struct pod_container *container, unsigned int *out,
                     struct error *err)
{
    const json_t *port = json_object_get(action, "port");
    const char *name = json_string_value(port);
    for (size_t i = 0; name && i < container->port_count; i++) {
        if (*name && strcmp(container->ports[i].name, name) == 0) {
            *out = container->ports[i].container_port;
            return 0;
        }
    }
    if (name)
        return error_set(err, ERROR_NOT_FOUND, "the container has no port \"%.64s\"", name);
    if (!json_is_integer(port) || json_integer_value(port) < 1 || json_integer_value(port) > 65535)
        return error_set(err, ERROR_INVALID, "port: expected a number from 1 to 65535, or a name");
    *out = (unsigned int)json_integer_value(port);
    return 0;
}

static int read_headers(const struct pod_reader *reader, const json_t *action,
                        struct pod_probe *out, struct error *err)
{
    json_t *array, *object;
    if (pod_find_list(action, "httpHeaders", &array, &out->header_count, err) < 0)
        return -1;
    struct pod_pair *headers = pod_room(reader, out->header_count, sizeof *headers, err);
    if (!headers)
        return -1;
    for (size_t i = 0; i < out->header_count; i++) {
        if (pod_object_at(array, i, &object, err) < 0 ||
            pod_get_text(object, "name", &headers[i].key, err) < 0 ||
            pod_find_text(object, "value", &headers[i].value, err) < 0)
            return error_context(err, "httpHeaders");
        if (strpbrk(headers[i].key, "\r\n: ") || strpbrk(headers[i].value, "\r\n"))
            return error_set(err, ERROR_INVALID, "httpHeaders: \"%.64s\" is no header",
                             headers[i].key);
    }
    out->headers = headers;
    return 0;
}

static int read_http(const struct pod_reader *reader, const json_t *action,
                     const struct pod_container *container, struct pod_probe *out,
                     struct error *err)
{
    static const struct pod_field fields[] = {{"port", NULL},        {"path", NULL},
                                              {"host", NULL},        {"scheme", NULL},
                                              {"httpHeaders", NULL}, {0}};
    const char *scheme;
    out->kind = POD_PROBE_HTTP;
    if (pod_check_fields(reader, action, fields, err) < 0 ||
        read_port(action, container, &out->port, err) < 0 ||
        pod_find_text(action, "path", &out->path, err) < 0 ||
        pod_find_text(action, "host", &out->host, err) < 0 ||
        pod_find_text(action, "scheme", &scheme, err) < 0 ||
        read_headers(reader, action, out, err) < 0)
        return -1;
    out->https = strcmp(scheme, "HTTPS") == 0;
    if (*scheme && !out->https && strcmp(scheme, "HTTP") != 0)
        return error_set(err, ERROR_INVALID, "scheme \"%.64s\" is not HTTP or HTTPS", scheme);
    if (!*out->path)
        out->path = "/";
    if (*out->path != '/' || strpbrk(out->path, "\r\n "))
        return error_set(err, ERROR_INVALID, "path \"%.128s\" is no path of HTTP", out->path);
    return 0;
}

static int read_tcp(const struct pod_reader *reader, const json_t *action,
                    const struct pod_container *container, struct pod_probe *out, struct error *err)
{
    static const struct pod_field fields[] = {{"port", NULL}, {"host", NULL}, {0}};
    out->kind = POD_PROBE_TCP;
    if (pod_check_fields(reader, action, fields, err) < 0 ||
        read_port(action, container, &out->port, err) < 0)
        return -1;
    return pod_find_text(action, "host", &out->host, err);
}

/* `exec` of a probe or a hook. */
static int read_exec(const struct pod_reader *reader, const json_t *action,
                     struct policy_list *command, struct error *err)
{
    static const struct pod_field fields[] = {{"command", NULL}, {0}};
    if (pod_check_fields(reader, action, fields, err) < 0 ||
        pod_find_texts(reader, action, "command", command, err) < 0)
        return -1;
    return command->count > 0 ? 0 : error_set(err, ERROR_INVALID, "exec without a command");
}

static int read_action(const struct pod_reader *reader, const json_t *probe,
                       const struct pod_container *container, struct pod_probe *out,
                       struct error *err)
{
    json_t *exec, *http, *tcp;
    if (json_find_object(probe, "exec", &exec, err) < 0 ||
        json_find_object(probe, "httpGet", &http, err) < 0 ||
        json_find_object(probe, "tcpSocket", &tcp, err) < 0)
        return -1;
    if (exec) {
        out->kind = POD_PROBE_EXEC;
        return read_exec(reader, exec, &out->command, err);
    }
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (!!http + !!tcp != 1)
        return error_set(err, ERROR_INVALID, "name one of exec, httpGet and tcpSocket");
    return http ? read_http(reader, http, container, out, err)
                : read_tcp(reader, tcp, container, out, err);
}

static int read_timing(const json_t *probe, struct pod_probe *out, struct error *err)
{
    if (read_number(probe, "initialDelaySeconds", SECONDS_MAX, &out->initial_delay_s, err) < 0 ||
        read_number(probe, "periodSeconds", SECONDS_MAX, &out->period_s, err) < 0 ||
        read_number(probe, "timeoutSeconds", SECONDS_MAX, &out->timeout_s, err) < 0 ||
        read_number(probe, "successThreshold", 1000, &out->successes, err) < 0 ||
        read_number(probe, "failureThreshold", 100000, &out->failures, err) < 0 ||
        read_number(probe, "terminationGracePeriodSeconds", SECONDS_MAX, &out->grace_s, err) < 0)
        return -1;
    /* Kubernetes takes 0 for the default. */
    out->period_s = out->period_s ? out->period_s : 10;
    out->timeout_s = out->timeout_s ? out->timeout_s : 1;
    out->successes = out->successes ? out->successes : 1;
    out->failures = out->failures ? out->failures : 3;
    return 0;
}

static int read_probe(const struct pod_reader *reader, const json_t *object, const char *key,
                      const struct pod_container *container, struct pod_probe *out,
                      struct error *err)
{
    static const struct pod_field fields[] = {
        {"exec", NULL},
        {"httpGet", NULL},
        {"tcpSocket", NULL},
        {"grpc", "it needs a client of gRPC outside the container; use tcpSocket"},
        {"initialDelaySeconds", NULL},
        {"periodSeconds", NULL},
        {"timeoutSeconds", NULL},
        {"successThreshold", NULL},
        {"failureThreshold", NULL},
        {"terminationGracePeriodSeconds", NULL},
        {0},
    };
    json_t *probe;
    *out = (struct pod_probe){.path = "/", .host = ""};
    if (json_find_object(object, key, &probe, err) < 0)
        return -1;
    if (!probe)
        return 0;
    if (pod_check_fields(reader, probe, fields, err) < 0 ||
        read_action(reader, probe, container, out, err) < 0 ||
        (reader->reading == POD_STRICT && read_timing(probe, out, err) < 0))
        return error_context(err, "%s", key);
    if (out->successes > 1 && strcmp(key, "readinessProbe") != 0)
        return error_set(err, ERROR_INVALID, "%s: successThreshold has to be 1", key);
    return 0;
}

static int read_sleep(const struct pod_reader *reader, const json_t *action, struct pod_probe *out,
                      struct error *err)
{
    static const struct pod_field fields[] = {{"seconds", NULL}, {0}};
    uint64_t seconds;
    if (pod_check_fields(reader, action, fields, err) < 0 ||
        json_get_u64(action, "seconds", SECONDS_MAX, &seconds, err) < 0)
        return -1;
    out->kind = POD_PROBE_SLEEP;
    out->timeout_s = (unsigned int)seconds;
    return 0;
}

/* POD_CONFCOM looks for exec alone. */
static int read_hook_action(const struct pod_reader *reader, const json_t *hook,
                            const struct pod_container *container, struct pod_probe *out,
                            struct error *err)
{
    json_t *exec, *http, *sleep;
    if (json_find_object(hook, "exec", &exec, err) < 0)
        return -1;
    if (exec) {
        out->kind = POD_PROBE_EXEC;
        return read_exec(reader, exec, &out->command, err);
    }
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (json_find_object(hook, "httpGet", &http, err) < 0 ||
        json_find_object(hook, "sleep", &sleep, err) < 0)
        return -1;
    if (!!http + !!sleep != 1)
        return error_set(err, ERROR_INVALID, "name one of exec, httpGet and sleep");
    return http ? read_http(reader, http, container, out, err)
                : read_sleep(reader, sleep, out, err);
}

static int read_hook(const struct pod_reader *reader, const json_t *lifecycle, const char *key,
                     const struct pod_container *container, struct pod_probe *out,
                     struct error *err)
{
    static const struct pod_field fields[] = {
        {"exec", NULL},
        {"httpGet", NULL},
        {"tcpSocket", "Kubernetes does nothing of that kind; use exec or httpGet"},
        {"sleep", NULL},
        {0}};
    json_t *hook;
    if (json_find_object(lifecycle, key, &hook, err) < 0)
        return -1;
    if (!hook)
        return 0;
    if (pod_check_fields(reader, hook, fields, err) < 0 ||
        read_hook_action(reader, hook, container, out, err) < 0)
        return error_context(err, "lifecycle: %s", key);
    return 0;
}

int pod_read_probes(const struct pod_reader *reader, const json_t *container,
                    struct pod_container *out, struct error *err)
{
    static const struct pod_field fields[] = {{"postStart", NULL}, {"preStop", NULL}, {0}};
    json_t *lifecycle;
    if (read_probe(reader, container, "startupProbe", out, &out->startup, err) < 0 ||
        read_probe(reader, container, "readinessProbe", out, &out->readiness, err) < 0 ||
        read_probe(reader, container, "livenessProbe", out, &out->liveness, err) < 0 ||
        json_find_object(container, "lifecycle", &lifecycle, err) < 0)
        return -1;
    out->post_start = out->pre_stop = (struct pod_probe){.path = "/", .host = ""};
    if (!lifecycle)
        return 0;
    if (pod_check_fields(reader, lifecycle, fields, err) < 0)
        return error_context(err, "lifecycle");
    if (read_hook(reader, lifecycle, "postStart", out, &out->post_start, err) < 0)
        return -1;
    return read_hook(reader, lifecycle, "preStop", out, &out->pre_stop, err);
}
