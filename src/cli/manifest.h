/* Kubernetes manifests as files: read for policies, and to be run. */
#ifndef CAISSON_CLI_MANIFEST_H
#define CAISSON_CLI_MANIFEST_H

#include "template/pod_policy.h"

/* Reads the pods of the YAML (or JSON) at `path`. The caller calls pods_fini() either way. */
int manifest_read(const char *path, enum pod_reading reading, struct pods *pods, struct error *err);

/* The root hash of the layer that a tar makes, in hex: for template_pod_options.layer. */
int manifest_hash_layer(void *context, struct span tar, char hex[65], struct error *err);

#endif
