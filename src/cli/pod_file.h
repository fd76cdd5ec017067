/* Kubernetes manifests as files: read for policies, and to be run. */
#ifndef CAISSON_CLI_POD_FILE_H
#define CAISSON_CLI_POD_FILE_H

#include "template/pod_policy.h"

/* Reads the pods of the YAML (or JSON) at `path`. The caller calls pods_fini() either way. */
int pod_file_read(const char *path, enum pod_reading reading, struct pods *pods, struct error *err);

/* The root hash of the layer that a tar makes, in hex: for template_pod_options.layer. */
int pod_file_hash_layer(void *context, struct span tar, char hex[65], struct error *err);

/* A seccomp profile at `path` below the folder of the manifest, no link followed out of it, as a
 * container with these capabilities gets it. NULL with `err`; else the caller's to json_decref().
 */
json_t *pod_file_profile(const char *manifest, const char *path, uint64_t capabilities,
                         struct error *err);

/* Puts a policy, in base64, into the annotation of a pod, by the pod's index. */
int pod_file_annotate(struct pods *pods, size_t index, struct span policy, struct error *err);

/* Writes the pods' documents to `path`, whole or not at all: the same values as YAML, without
 * comments. */
int pod_file_write(const char *path, const struct pods *pods, struct error *err);

#endif
