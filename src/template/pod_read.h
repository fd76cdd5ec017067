/* How the parts of a manifest are read: one context, and the readers of its parts. Internal to the
 * pod_*.c files. */
#ifndef CAISSON_TEMPLATE_POD_READ_H
#define CAISSON_TEMPLATE_POD_READ_H

#include "format/json.h"
#include "template/pod.h"

struct pod_reader {
    struct pods *pods;
    enum pod_reading reading;
    struct pod *pod;    /* that is being filled: its head is there before its parts are read */
    const json_t *spec; /* the pod's */
};

/* A field that an object may have. With a reason, only false, or empty. */
struct pod_field {
    const char *name;
    const char *refusal; /* why it cannot be had; NULL for what is read, or makes no difference */
};

/* POD_STRICT: refuses fields that are not in the table, which ends with a NULL name. */
int pod_check_fields(const struct pod_reader *reader, const json_t *object,
                     const struct pod_field *fields, struct error *err);

/* Zeroed room that lives as long as the pods; NULL with ERROR_LIMIT past POD_ARENA_MAX. */
void *pod_room(const struct pod_reader *reader, size_t count, size_t size, struct error *err);
const char *pod_format(const struct pod_reader *reader, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An array of objects of at most POD_LIST_MAX; *out is NULL where it is absent. */
int pod_find_list(const json_t *object, const char *key, json_t **out, size_t *count,
                  struct error *err);
/* Element `index`, an object. */
int pod_object_at(const json_t *array, size_t index, json_t **out, struct error *err);

/* The text, or "" where it is absent. */
int pod_find_text(const json_t *object, const char *key, const char **out, struct error *err);
/* The text, which has to be there and not empty. */
int pod_get_text(const json_t *object, const char *key, const char **out, struct error *err);
/* A list of texts; absent is empty. */
int pod_find_texts(const struct pod_reader *reader, const json_t *object, const char *key,
                   struct policy_list *out, struct error *err);
/* Members of an object that are texts: labels, annotations. */
int pod_find_pairs(const struct pod_reader *reader, const json_t *object, const char *key,
                   const struct pod_pair **out, size_t *count, struct error *err);

/* --- pod_data.c: ConfigMaps and Secrets of the same manifest --- */

/* The document of that kind ("ConfigMap", "Secret") and name, in the pod's namespace; NULL where
 * there is none. */
const json_t *pod_find_data(const struct pod_reader *reader, const char *kind, const char *name);
/* The value of a key, decoded: false where the key is absent, -1 with `err` for what is malformed,
 * 1 where it is there. */
int pod_data_value(const struct pod_reader *reader, const json_t *object, const char *key,
                   struct span *out, struct error *err);
/* All keys of an object, sorted: data and binaryData of a ConfigMap, data and stringData of a
 * Secret. */
int pod_data_keys(const struct pod_reader *reader, const json_t *object, struct policy_list *out,
                  struct error *err);

/* --- pod_value.c: downward values --- */

/* fieldRef: *out is NULL for what is known only when the pod runs. ERROR_INVALID for an unknown
 * path. */
int pod_field_value(const struct pod_reader *reader, const char *path, const char **out,
                    struct error *err);
/* resourceFieldRef of a container, by the manifest's own name; "" is the container `own`. *out is
 * NULL where the manifest sets no such limit. POD_CONFCOM: the quantity as it is written. */
int pod_resource_value(const struct pod_reader *reader, const json_t *reference, const json_t *own,
                       const char **out, struct error *err);

/* --- parts --- */

int pod_read_volumes(struct pod_reader *reader, const json_t *claims, struct error *err);
int pod_read_mounts(const struct pod_reader *reader, const json_t *container,
                    struct pod_container *out, struct error *err);
/* `container` is the JSON, `out` what is being filled. */
int pod_read_env(const struct pod_reader *reader, const json_t *container,
                 struct pod_container *out, struct error *err);
/* Replaces $(NAME) by the container's variables, of which the first `known` count. ERROR_REFUSED
 * for one whose value is not known. */
int pod_expand(const struct pod_reader *reader, const struct pod_container *container, size_t known,
               const char *text, const char **out, struct error *err);
int pod_read_probes(const struct pod_reader *reader, const json_t *container,
                    struct pod_container *out, struct error *err);
int pod_read_security(const struct pod_reader *reader, const json_t *container,
                      struct pod_container *out, struct error *err);
/* What the pod's security context says of all containers: sysctls. */
int pod_read_sysctls(struct pod_reader *reader, struct error *err);
int pod_read_resources(const struct pod_reader *reader, const json_t *container,
                       struct pod_resources *out, struct error *err);
int pod_read_containers(struct pod_reader *reader, struct error *err);

/* POD_STRICT: names of containers and volumes are labels of DNS (RFC 1123): 1 to 63 of [a-z0-9-],
 * no
 * "-" first or last. */
int pod_check_name(const struct pod_reader *reader, const char *name, struct error *err);

/* Whether a path is absolute and has no empty part, "." or "..". */
bool pod_is_normal_path(const char *path);

#endif
