/*
 * Downward values: what a pod may ask about itself. Some stand in the manifest; the rest is known
 * only when the pod runs (Kubernetes, "Downward API").
 */
#include "template/pod_read.h"

#include <inttypes.h>
#include <stdio.h>

#include "template/quantity.h"

/* Whether every pod of the workload has this name: others get a suffix. */
static bool has_own_name(const struct pod *pod)
{
    return strcmp(pod->kind, "Pod") == 0 && *pod->name;
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

/* metadata.labels['KEY'] and metadata.annotations['KEY']; false for another path. A key that is not
 * there is empty, as in Kubernetes. */
static bool subscript(const struct pod_reader *reader, const char *path, const char **out,
                      struct error *err, int *status)
{
    static const char labels[] = "metadata.labels['";
    static const char annotations[] = "metadata.annotations['";
    const struct pod *pod = reader->pod;
    bool is_label = strncmp(path, labels, strlen(labels)) == 0;
    if (!is_label && strncmp(path, annotations, strlen(annotations)) != 0)
        return false;
    const char *start = path + strlen(is_label ? labels : annotations);
    size_t size = strlen(start);
    if (size <= 2 || strcmp(start + size - 2, "']") != 0)
        return false;
    const char *key = pod_format(reader, err, "%.*s", (int)(size - 2), start);
    *status = key ? 0 : -1;
    if (key) {
        const char *value = is_label ? pod_pair_value(pod->labels, pod->label_count, key)
                                     : pod_pair_value(pod->annotations, pod->annotation_count, key);
        *out = value ? value : "";
    }
    return true;
}

int pod_field_value(const struct pod_reader *reader, const char *path, const char **out,
                    struct error *err)
{
    static const char *const late[] = {"metadata.uid",   "spec.nodeName", "status.hostIP",
                                       "status.hostIPs", "status.podIP",  "status.podIPs"};
    int status = 0;
    *out = NULL;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (strcmp(path, "metadata.name") == 0) {
        *out = has_own_name(reader->pod) ? reader->pod->name : NULL;
        return 0;
    }
    if (strcmp(path, "metadata.namespace") == 0) {
        *out = or_null(reader->pod->namespace);
        return 0;
    }
    if (strcmp(path, "spec.serviceAccountName") == 0) {
        const char *name = json_string_value(json_object_get(reader->spec, "serviceAccountName"));
        *out = or_null(name) ? name : "default";
        return 0;
    }
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        if (strcmp(path, late[i]) == 0)
            return 0;
    }
    if (subscript(reader, path, out, err, &status))
        return status;
    return error_set(err, ERROR_INVALID, "fieldPath \"%.128s\" is unknown", path);
}

static const json_t *find_container(const struct pod_reader *reader, const char *name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(reader->spec, lists[i]);
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *container = json_array_get(list, j);
            const char *its = json_string_value(json_object_get(container, "name"));
            if (its && strcmp(its, name) == 0)
                return container;
        }
    }
    return NULL;
}

/* A quantity may be written as a number. */
static int quantity_text(const struct pod_reader *reader, const json_t *value, const char **out,
                         struct error *err)
{
    *out = NULL;
    if (json_is_string(value))
        *out = json_string_value(value);
    else if (json_is_integer(value))
        *out = pod_format(reader, err, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        *out = pod_format(reader, err, "%.9g", json_real_value(value));
    else
        return error_set(err, ERROR_INVALID, "expected a quantity, found %s", json_kind(value));
    return *out ? 0 : -1;
}

/* The quantity over the divisor, rounded up: ExtractContainerResourceValue(). A CPU's default unit
 * is 1. */
static int divide(const struct pod_reader *reader, const char *quantity, const json_t *reference,
                  const char **out, struct error *err)
{
    const json_t *member = json_object_get(reference, "divisor");
    const char *divisor = "1";
    uint64_t value, by;
    if ((member && quantity_text(reader, member, &divisor, err) < 0) ||
        quantity_parse(quantity, &value, err) < 0 || quantity_parse(divisor, &by, err) < 0)
        return -1;
    by = by ? by : 1000; /* "0" stands for the default */
    *out = pod_format(reader, err, "%" PRIu64, value / by + (value % by > 0));
    return *out ? 0 : -1;
}

static const json_t *find_quantity(const json_t *container, const char *resource)
{
    const json_t *resources = json_object_get(container, "resources");
    const char *dot = strchr(resource, '.');
    char list[16];
    if (!dot || (size_t)(dot - resource) >= sizeof list)
        return NULL;
    (void)snprintf(list, sizeof list, "%.*s", (int)(dot - resource), resource);
    return json_object_get(json_object_get(resources, list), dot + 1);
}

static bool is_resource(const char *resource)
{
    static const char *const known[] = {
        "limits.cpu",   "limits.memory",   "limits.ephemeral-storage",
        "requests.cpu", "requests.memory", "requests.ephemeral-storage"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i], resource) == 0)
            return true;
    }
    return false;
}

int pod_resource_value(const struct pod_reader *reader, const json_t *reference, const json_t *own,
                       const char **out, struct error *err)
{
    const char *resource, *name, *text;
    *out = NULL;
    if (pod_get_text(reference, "resource", &resource, err) < 0 ||
        pod_find_text(reference, "containerName", &name, err) < 0)
        return -1;
    if (reader->reading == POD_STRICT && !is_resource(resource))
        return error_set(err, ERROR_INVALID, "resource \"%.64s\" is unknown", resource);
    const char *own_name = json_string_value(json_object_get(own, "name"));
    const json_t *container = *name ? find_container(reader, name) : own;
    if (!container)
        return error_set(err, ERROR_NOT_FOUND, "the pod has no container \"%.64s\"", name);
    if (reader->reading == POD_CONFCOM && *name && (!own_name || strcmp(own_name, name) != 0))
        return error_set(err, ERROR_INVALID, "resourceFieldRef of another container, \"%.64s\"",
                         name);
    const json_t *quantity = find_quantity(container, resource);
    if (!quantity)
        return 0;
    if (quantity_text(reader, quantity, &text, err) < 0)
        return -1;
    if (reader->reading == POD_STRICT)
        return divide(reader, text, reference, out, err);
    *out = text;
    return 0;
}
