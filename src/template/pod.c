#include "template/pod.h"

#include <stdlib.h>

#include "template/pod_read.h"

/* Kinds that run pods, and where their pod is. */
static const struct workload {
    const char *kind;
    const char *api;
    const char *path[4]; /* to what has `spec` and `metadata` of the pod */
    bool once;           /* Jobs end; what runs on must restart */
} workloads[] = {
    {"Pod", "v1", {NULL}, false},
    {"Deployment", "apps/v1", {"spec", "template", NULL}, false},
    {"StatefulSet", "apps/v1", {"spec", "template", NULL}, false},
    {"DaemonSet", "apps/v1", {"spec", "template", NULL}, false},
    {"ReplicaSet", "apps/v1", {"spec", "template", NULL}, false},
    {"Job", "batch/v1", {"spec", "template", NULL}, true},
    {"CronJob", "batch/v1", {"spec", "jobTemplate", "spec", "template"}, true},
};

static const char host_namespace[] = "a namespace of the host: the machine is there to have its "
                                     "own";
static const char hidden[] = "it is not supported";

static const struct pod_field spec_fields[] = {
    {"containers", NULL},
    {"initContainers", NULL},
    {"ephemeralContainers", "containers are named when the policy is made"},
    {"volumes", NULL},
    {"restartPolicy", NULL},
    {"terminationGracePeriodSeconds", NULL},
    {"shareProcessNamespace", NULL},
    {"securityContext", NULL},
    {"hostname", NULL},
    {"hostNetwork", host_namespace},
    {"hostPID", host_namespace},
    {"hostIPC", host_namespace},
    {"hostUsers",
     NULL}, /* true is what there is outside; inside the machine nothing is the host's */
    {"hostAliases", hidden},
    {"dnsConfig", hidden},
    {"resourceClaims", "devices cannot be had"},
    {"resources", hidden},
    {"setHostnameAsFQDN", hidden},
    {"subdomain", NULL},
    {"os", NULL},
    {"activeDeadlineSeconds", NULL},
    {"affinity", NULL},
    {"automountServiceAccountToken", NULL},
    {"dnsPolicy", NULL},
    {"enableServiceLinks", NULL},
    {"imagePullSecrets", NULL},
    {"nodeName", NULL},
    {"nodeSelector", NULL},
    {"overhead", NULL},
    {"preemptionPolicy", NULL},
    {"priority", NULL},
    {"priorityClassName", NULL},
    {"readinessGates", NULL},
    {"runtimeClassName", NULL},
    {"schedulerName", NULL},
    {"schedulingGates", NULL},
    {"serviceAccount", NULL},
    {"serviceAccountName", NULL},
    {"tolerations", NULL},
    {"topologySpreadConstraints", NULL},
    {0},
};

static const struct workload *find_workload(const json_t *document)
{
    const char *kind = json_string_value(json_object_get(document, "kind"));
    for (size_t i = 0; kind && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].kind, kind) == 0)
            return &workloads[i];
    }
    return NULL;
}

static json_t *pod_of(json_t *document, const struct workload *workload)
{
    for (size_t i = 0; i < 4 && workload->path[i]; i++)
        document = json_object_get(document, workload->path[i]);
    return document;
}

static int read_restart(const struct pod_reader *reader, const struct workload *workload,
                        struct error *err)
{
    static const char *const names[] = {"Always", "OnFailure", "Never"};
    const char *text;
    if (pod_find_text(reader->spec, "restartPolicy", &text, err) < 0)
        return -1;
    if (!*text)
        text = names[POD_RESTART_ALWAYS];
    for (unsigned int i = 0; i < 3; i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        bool always = i == POD_RESTART_ALWAYS;
        if (strcmp(workload->kind, "Pod") != 0 && always == workload->once)
            return error_set(err, ERROR_INVALID, "restartPolicy \"%s\": a %s needs %s", text,
                             workload->kind, workload->once ? "OnFailure or Never" : "Always");
        reader->pod->restart = (enum pod_restart)i;
        return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "restartPolicy \"%.64s\" is not Always, OnFailure or Never", text);
}

static int read_spec(struct pod_reader *reader, const struct workload *workload, struct error *err)
{
    struct pod *pod = reader->pod;
    uint64_t grace = 30;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (pod_check_fields(reader, reader->spec, spec_fields, err) < 0 ||
        read_restart(reader, workload, err) < 0 ||
        json_find_u64(reader->spec, "terminationGracePeriodSeconds", 86400, &grace, err) < 0 ||
        json_find_bool(reader->spec, "shareProcessNamespace", &pod->share_processes, err) < 0)
        return -1;
    pod->grace_s = (unsigned int)grace;
    if (pod_read_sysctls(reader, err) < 0)
        return -1;
    return pod_find_text(reader->spec, "hostname", &pod->host_name, err);
}

/* Name and namespace are the workload's, labels and annotations the pod's. */
static int read_metadata(const struct pod_reader *reader, const json_t *document,
                         const json_t *template, struct error *err)
{
    struct pod *pod = reader->pod;
    json_t *own, *inner;
    if (json_find_object(document, "metadata", &own, err) < 0 ||
        json_find_object(template, "metadata", &inner, err) < 0 ||
        pod_find_text(own, "name", &pod->name, err) < 0 ||
        pod_find_text(own, "namespace", &pod->namespace, err) < 0 ||
        pod_find_pairs(reader, inner, "labels", &pod->labels, &pod->label_count, err) < 0 ||
        pod_find_pairs(reader, inner, "annotations", &pod->annotations, &pod->annotation_count,
                       err) < 0)
        return error_context(err, "metadata");
    return 0;
}

static int check_version(const struct pod_reader *reader, const json_t *document,
                         const struct workload *workload, struct error *err)
{
    const char *api;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (pod_get_text(document, "apiVersion", &api, err) < 0)
        return -1;
    return strcmp(api, workload->api) == 0
               ? 0
               : error_set(err, ERROR_INVALID, "apiVersion \"%.64s\": a %s is of %s", api,
                           workload->kind, workload->api);
}

static int check_claims(const struct pod_reader *reader, const json_t *claims, struct error *err)
{
    if (reader->reading == POD_CONFCOM || json_array_size(claims) == 0)
        return 0;
    return error_set(err, ERROR_REFUSED,
                     "volumeClaimTemplates: the data would lie outside the "
                     "machine, where the host can read and change it");
}

static int read_pod(struct pods *pods, enum pod_reading reading, json_t *document, struct pod *pod,
                    struct error *err)
{
    const struct workload *workload = find_workload(document);
    const json_t *template = pod_of(document, workload);
    const json_t *claims = json_object_get(json_object_get(document, "spec"),
                                           "volumeClaimTemplates");
    struct pod_reader reader = {.pods = pods, .reading = reading, .pod = pod};
    json_t *spec;
    *pod = (struct pod){.kind = workload->kind, .name = "", .namespace = "", .host_name = ""};
    if (check_version(&reader, document, workload, err) < 0 ||
        read_metadata(&reader, document, template, err) < 0)
        return -1;
    if (json_get_object(template, "spec", &spec, err) < 0)
        return error_context(err, "the pod");
    reader.spec = spec;
    if (read_spec(&reader, workload, err) < 0 || check_claims(&reader, claims, err) < 0 ||
        pod_read_volumes(&reader, claims, err) < 0)
        return -1;
    return pod_read_containers(&reader, err);
}

/* Two ConfigMaps of one name: which of them counts would depend on the reader. */
static int check_unique(const json_t *documents, size_t index, struct error *err)
{
    const json_t *own = json_array_get(documents, index);
    const char *kind = json_string_value(json_object_get(own, "kind"));
    if (!kind || (strcmp(kind, "ConfigMap") != 0 && strcmp(kind, "Secret") != 0))
        return 0;
    for (size_t i = 0; i < index; i++) {
        const json_t *other = json_array_get(documents, i);
        const json_t *mine = json_object_get(own, "metadata");
        const json_t *its = json_object_get(other, "metadata");
        if (json_equal(json_object_get(own, "kind"), json_object_get(other, "kind")) &&
            json_equal(json_object_get(mine, "name"), json_object_get(its, "name")) &&
            (json_equal(json_object_get(mine, "namespace"), json_object_get(its, "namespace")) ||
             (!json_object_get(mine, "namespace") && !json_object_get(its, "namespace"))))
            return error_set(err, ERROR_INVALID, "a %s of that name is there already", kind);
    }
    return 0;
}

static void drop_nulls(json_t *value)
{
    const char *key;
    json_t *member;
    void *next;
    size_t index;
    json_object_foreach_safe(value, next, key, member)
    {
        if (json_is_null(member))
            (void)json_object_del(value, key);
        else
            drop_nulls(member);
    }
    json_array_foreach (value, index, member)
        drop_nulls(member);
}

/* A document, or, for a List (kubectl get -o yaml), each of its items. */
static int add_document(struct pods *pods, size_t number, json_t *document, struct error *err)
{
    const char *kind = json_string_value(json_object_get(document, "kind"));
    json_t *items = json_object_get(document, "items");
    if (!json_is_object(document))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(document));
    size_t count = kind && strcmp(kind, "List") == 0 ? json_array_size(items) : 0;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_object(json_array_get(items, i)))
            return error_set(err, ERROR_INVALID, "items[%zu]: expected an object, found %s", i,
                             json_kind(json_array_get(items, i)));
        if (json_array_append(pods->documents, json_array_get(items, i)) < 0 ||
            json_array_append_new(pods->origins, json_pack("[i, i]", (int)number, (int)i)) < 0)
            return error_memory(err);
    }
    if (count == 0 && (json_array_append(pods->documents, document) < 0 ||
                       json_array_append_new(pods->origins, json_pack("[i]", (int)number)) < 0))
        return error_memory(err);
    return 0;
}

static int add_documents(struct pods *pods, json_t *copy, struct error *err)
{
    drop_nulls(copy);
    for (size_t i = 0; i < json_array_size(copy); i++) {
        if (add_document(pods, i, json_array_get(copy, i), err) < 0)
            return error_context(err, "document %zu", i + 1);
    }
    return 0;
}

static size_t count_workloads(const json_t *documents)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(documents); i++)
        count += find_workload(json_array_get(documents, i)) != NULL;
    return count;
}

static int read_all(struct pods *pods, enum pod_reading reading, struct error *err)
{
    size_t count = count_workloads(pods->documents);
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "no document is a Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, "
                         "Job or CronJob");
    if (count > POD_PODS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu workloads; at most %d are accepted", count,
                         POD_PODS_MAX);
    pods->items = arena_take(&pods->arena, count, sizeof *pods->items);
    if (!pods->items)
        return error_memory(err);
    for (size_t i = 0; i < json_array_size(pods->documents); i++) {
        json_t *document = json_array_get(pods->documents, i);
        struct pod *pod = &pods->items[pods->count];
        if (check_unique(pods->documents, i, err) < 0)
            return error_context(err, "document %zu", i + 1);
        if (!find_workload(document))
            continue;
        if (read_pod(pods, reading, document, pod, err) < 0)
            return error_context(err, "document %zu, %s \"%.64s\"", i + 1, pod->kind, pod->name);
        pod->document = i;
        pods->count++;
    }
    return 0;
}

int pods_read(const json_t *documents, enum pod_reading reading, struct pods *pods,
              struct error *err)
{
    *pods = (struct pods){
        .arena = {.limit = POD_ARENA_MAX}, .documents = json_array(), .origins = json_array()};
    json_auto_t *copy = json_deep_copy(documents);
    if (!pods->documents || !pods->origins || !copy)
        return error_memory(err);
    return add_documents(pods, copy, err) < 0 ? -1 : read_all(pods, reading, err);
}

void pod_find_place(const struct pods *pods, size_t index, struct pod_place *out)
{
    size_t document = pods->items[index].document;
    const json_t *origin = json_array_get(pods->origins, document);
    const struct workload *workload = find_workload(json_array_get(pods->documents, document));
    *out = (struct pod_place){.document = (size_t)json_integer_value(json_array_get(origin, 0))};
    if (json_array_size(origin) > 1) {
        out->keys[0] = "items";
        out->indices[1] = (size_t)json_integer_value(json_array_get(origin, 1));
        out->count = 2;
    }
    for (size_t i = 0; i < 4 && workload->path[i]; i++)
        out->keys[out->count++] = workload->path[i];
}

void pods_fini(struct pods *pods)
{
    json_decref(pods->documents);
    json_decref(pods->origins);
    arena_fini(&pods->arena);
    *pods = (struct pods){0};
}
