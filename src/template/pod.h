/*
 * What a Kubernetes manifest says that is to run: the pods of its workloads (Pod, Deployment,
 * StatefulSet, DaemonSet, ReplicaSet, Job, CronJob), with ConfigMaps and Secrets of the same text
 * as data. Policies are made from it, and groups are run from it, so that the two cannot differ.
 *
 * There are two readings. POD_STRICT is Kubernetes' own (its API reference, v1.30): unknown fields
 * are refused, $(NAME) is expanded, envFrom is read, defaults are filled in, and what a
 * confidential machine cannot give (host namespaces, hostPath, devices) is refused with the reason.
 * POD_CONFCOM is that of `az confcom acipolicygen --virtual-node-yaml`, which looks at what it
 * needs and at nothing else, expands nothing and fills in nothing.
 *
 * Everything that a pod points at is borrowed from the `struct pods`. Values of Secrets are in it;
 * no message holds them.
 */
#ifndef CAISSON_TEMPLATE_POD_H
#define CAISSON_TEMPLATE_POD_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "policy/policy.h"

#define POD_TEXT_MAX       ((size_t)4 << 20) /* bytes of a manifest */
#define POD_DEPTH_MAX      48
#define POD_NODES_MAX      100000
#define POD_PODS_MAX       256
#define POD_CONTAINERS_MAX 64   /* of one pod, init containers among them */
#define POD_LIST_MAX       1024 /* variables, words, mounts, volumes, files … of one kind */
#define POD_VALUE_MAX      (128 * 1024)       /* bytes of a variable or an argument */
#define POD_ARENA_MAX      ((size_t)64 << 20) /* bytes of all that is made of a manifest */

enum pod_reading { POD_STRICT, POD_CONFCOM };

/* A label or an annotation. */
struct pod_pair {
    const char *key;
    const char *value;
};

enum pod_source {
    POD_LITERAL,    /* `value`, or what $(NAME) made of it */
    POD_CONFIG_MAP, /* configMapKeyRef, configMapRef */
    POD_SECRET,     /* secretKeyRef, secretRef */
    POD_FIELD,      /* fieldRef; `key` is the path, "status.podIP" */
    POD_RESOURCE,   /* resourceFieldRef; `key` is "limits.memory" */
};

/* An environment variable. */
struct pod_variable {
    const char *name;
    /* NULL where the manifest does not tell: a field that is known only when the pod runs; with
     * POD_CONFCOM also a ConfigMap or Secret that is not in the text, and each fieldRef. */
    const char *value;
    enum pod_source source;
    const char *object; /* the ConfigMap's or Secret's name, the resource's container; "" else */
    const char *key;    /* "" for literals */
    bool optional;
};

/* A file with a value. */
struct pod_file {
    const char *path; /* below the volume, "a/b"; no empty part, "." or ".." */
    struct span content;
    unsigned int mode; /* permission bits */
};

enum pod_volume_type {
    POD_VOLUME_EMPTY_DIR,
    POD_VOLUME_FILES, /* configMap, secret, downwardAPI, projected: `files` */
    POD_VOLUME_OTHER, /* POD_CONFCOM only: azureFile, persistentVolumeClaim … */
};

struct pod_volume {
    const char *name;
    const char *kind; /* the manifest's word: "emptyDir", "configMap", "azureFile" … */
    enum pod_volume_type type;
    bool in_memory;      /* emptyDir with medium Memory */
    uint64_t size_limit; /* bytes of an emptyDir; 0 for none */
    bool read_only;      /* a claim that can only be read: volumeClaimTemplates, ReadOnlyMany */
    const struct pod_file *files; /* sorted by path; POD_STRICT only */
    size_t file_count;
};

struct pod_mount {
    const struct pod_volume *volume;
    const char *path;     /* absolute, and with POD_STRICT normal: no "//", "/./", "/../" */
    const char *sub_path; /* below the volume, "" for all of it */
    bool read_only;       /* as the mount says, or its volume */
};

enum pod_probe_kind {
    POD_PROBE_NONE,
    POD_PROBE_EXEC,
    POD_PROBE_HTTP,
    POD_PROBE_TCP,
    POD_PROBE_SLEEP /* of hooks alone: `timeout_s` long */
};

struct pod_probe {
    enum pod_probe_kind kind;
    struct policy_list command; /* of exec */
    unsigned int port;          /* of http and tcp: a named one is resolved */
    const char *path;           /* of http: "/" by default */
    const char *host;           /* of http and tcp: "" for the pod */
    bool https;
    const struct pod_pair *headers; /* of http */
    size_t header_count;
    unsigned int initial_delay_s; /* seconds, 0 by default */
    unsigned int period_s;        /* 10 */
    unsigned int timeout_s;       /* 1 */
    unsigned int successes;       /* 1 */
    unsigned int failures;        /* 3 */
    unsigned int grace_s;         /* terminationGracePeriodSeconds of the probe; 0 for the pod's */
};

enum pod_flag { POD_UNSET, POD_FALSE, POD_TRUE };

/* A container's security context over its pod's. Ids are -1 where none is given. */
struct pod_security {
    int64_t user;
    int64_t group;
    int64_t fs_group;       /* of the pod: volumes are for it to write, and the process is in it */
    const uint32_t *groups; /* supplementalGroups */
    size_t group_count;
    bool non_root; /* runAsNonRoot */
    enum pod_flag privileged;
    bool own_privileged;      /* the container says so itself, as a boolean */
    enum pod_flag escalation; /* allowPrivilegeEscalation */
    bool read_only_root;
    struct policy_list capabilities_add; /* with POD_STRICT with their prefix, "CAP_KILL" */
    struct policy_list capabilities_drop;
    const char *seccomp; /* base64 of a profile, as on virtual nodes; "" for none */
    /* localhostProfile: a path below the manifest's folder; "" for none, NULL for the default. */
    const char *seccomp_file;
};

/* Of one container. 0 where none is given. */
struct pod_resources {
    uint64_t cpu_request; /* thousandths of a CPU */
    uint64_t cpu_limit;
    uint64_t memory_request; /* bytes */
    uint64_t memory_limit;
};

struct pod_port {
    const char *name;     /* "" for none */
    const char *protocol; /* "TCP", "UDP", "SCTP" */
    unsigned int container_port;
    unsigned int host_port; /* 0 for none */
};

enum pod_restart { POD_RESTART_ALWAYS, POD_RESTART_ON_FAILURE, POD_RESTART_NEVER };

struct pod_container {
    const char *name;
    const char *image;
    bool init;
    bool sidecar; /* an init container with restartPolicy Always: it is started, not awaited */
    struct policy_list command; /* in place of the image's entrypoint and command, unless empty */
    struct policy_list args;    /* in place of the image's command, unless empty */
    const char *working_dir;    /* "" for the image's */
    const struct pod_variable *env;
    size_t env_count;
    const struct pod_mount *mounts;
    size_t mount_count;
    const struct pod_port *ports;
    size_t port_count;
    struct pod_probe startup;
    struct pod_probe readiness;
    struct pod_probe liveness;
    struct pod_probe post_start; /* hooks: exec, http or sleep, and no times */
    struct pod_probe pre_stop;
    struct pod_security security;
    struct pod_resources resources;
    bool tty;
    bool stdin_open;
};

struct pod {
    const char *kind;              /* of the workload: "Pod", "Deployment" … */
    const char *name;              /* of the workload; "" where only a prefix is given */
    const char *namespace;         /* "" where the manifest names none */
    const char *host_name;         /* spec.hostname; "" for the pod's name */
    const struct pod_pair *labels; /* of the pod itself, as are the annotations */
    size_t label_count;
    const struct pod_pair *annotations;
    size_t annotation_count;
    const struct pod_volume *volumes;
    size_t volume_count;
    const struct pod_container *containers; /* the main ones first, then the init ones, in order */
    size_t container_count;
    size_t main_count; /* the first so many of `containers` */
    enum pod_restart restart;
    unsigned int grace_s;           /* terminationGracePeriodSeconds: 30 by default */
    bool share_processes;           /* shareProcessNamespace */
    const struct pod_pair *sysctls; /* names with dots */
    size_t sysctl_count;
    size_t document; /* index of the workload in `struct pods`' documents */
};

struct pods {
    struct arena arena;
    json_t *documents; /* an array: the manifests as they were read, nulls left out */
    json_t *origins;   /* where each stands in the text: [document], or [document, item of a List]
                        */
    struct pod *items;
    size_t count;
};

/*
 * Reads the pods of a manifest, given as JSON: what yaml_read() makes of its text, an array with a
 * value a document. `documents` stays the caller's, and is copied.
 *
 * ERROR_INVALID for what is malformed, ERROR_REFUSED for what is well formed and cannot be had,
 * ERROR_LIMIT, ERROR_NOT_FOUND where no document is a workload; each names document, container and
 * field. The caller calls pods_fini() either way.
 */
int pods_read(const json_t *documents, enum pod_reading reading, struct pods *pods,
              struct error *err);
void pods_fini(struct pods *pods);
#define PODS_AUTO __attribute__((cleanup(pods_fini))) struct pods

#define POD_PLACE_STEPS 8

/* Where a pod's own `metadata` and `spec` are in the text that was read: the document, and the way
 * in it. Keys are borrowed; one that is NULL stands for an element by its index. */
struct pod_place {
    size_t document;
    size_t count;
    const char *keys[POD_PLACE_STEPS];
    size_t indices[POD_PLACE_STEPS];
};

void pod_find_place(const struct pods *pods, size_t index, struct pod_place *out);

/* The value of a label or annotation; NULL where it is absent. */
const char *pod_pair_value(const struct pod_pair *pairs, size_t count, const char *key);

/*
 * Appends a tar with the files that one container gets by its volumes (ConfigMaps, Secrets,
 * downward values): a layer that goes on top of its image's. Nothing where there are none. The
 * mount's folder is opaque, so that it hides what the image has there; a mount of one file
 * (subPath) hides that file only. The same files always give the same bytes: sorted, owned by root,
 * time 0.
 *
 * Folders above a mount get mode 0755, but those whose mode all images agree on (/tmp, /root) that
 * one. ERROR_REFUSED for a mount below what images have as a link (/var/run): name the target
 * (/run) instead.
 */
int pod_files_tar(const struct pod_container *container, struct buf *out, struct error *err);

/* Whether pod_files_tar() appends anything. */
bool pod_has_files(const struct pod_container *container);

#endif
