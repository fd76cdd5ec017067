/* Kubernetes manifests as files: read for policies, and to be run. */
#ifndef CAISSON_CLI_POD_FILE_H
#define CAISSON_CLI_POD_FILE_H

#include "template/pod_policy.h"

/* A manifest whose text is changed: initialise with {0}. */
struct pod_manifest {
    const char *path;
    struct buf text;
};

/* Reads the pods of the YAML (or JSON) at `path`; `file`, which may be NULL, keeps the text. The
 * caller calls pods_fini() and pod_manifest_fini() either way. */
int pod_file_read(const char *path, enum pod_reading reading, struct pods *pods,
                  struct pod_manifest *file, struct error *err);
void pod_manifest_fini(struct pod_manifest *file);
#define POD_MANIFEST_AUTO __attribute__((cleanup(pod_manifest_fini))) struct pod_manifest

/* The root hash of the layer that a tar makes, in hex: for template_pod_options.layer. */
int pod_file_hash_layer(void *context, struct span tar, char hex[65], struct error *err);

/* A seccomp profile at `path` below the folder of the manifest, no link followed out of it, as a
 * container with these capabilities gets it. NULL with `err`; else the caller's to json_decref().
 */
json_t *pod_file_profile(const char *manifest, const char *path, uint64_t capabilities,
                         struct error *err);

/* Puts a policy, in base64, into the annotation of a pod, by the pod's index. All other bytes of
 * the text stay as they are. ERROR_REFUSED where that cannot be done. */
int pod_file_annotate(struct pod_manifest *file, const struct pods *pods, size_t index,
                      struct span policy, struct error *err);

/* Writes the text back, whole or not at all. */
int pod_file_write(const struct pod_manifest *file, struct error *err);

#endif
