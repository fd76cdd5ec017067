/*
 * YAML from outside as JSON values: what Kubernetes' manifests are written in. libyaml reads the
 * text; what its scalars mean follows sigs.k8s.io/yaml (goyaml.v2/resolve.go), which is what
 * kubectl and the API server read them by: YAML 1.1 with `yes`, `on` and `y` as booleans, without
 * base-60 numbers, and with timestamps as strings. Host programs only: the guest has no YAML.
 *
 * The text may be hostile. Size, depth, nodes and anchors are limited; what an alias repeats counts
 * again, so that no text grows much beyond its own size. Duplicate keys, tags, zero bytes, keys
 * that are no scalars, infinities and integers beyond 64 bits are refused. A merge (`<<`) may not
 * say again what its mapping said before: readers of YAML disagree on which of the two wins.
 */
#ifndef CAISSON_FORMAT_YAML_H
#define CAISSON_FORMAT_YAML_H

#include <jansson.h>

#include "base/buf.h"

#define YAML_ANCHORS_MAX 256 /* of one document */

struct yaml_limits {
    size_t size;  /* bytes of text; the scalars with all repetitions may be as large again */
    size_t depth; /* nested sequences and mappings, at most JSON_DEPTH_MAX */
    size_t nodes; /* scalars, sequences and mappings of all documents, with all repetitions */
};

/* Reads all documents of a text: an array with a value a document, the caller's (json_decref); an
 * empty document leaves nothing. NULL with ERROR_LIMIT for what exceeds a limit, ERROR_INVALID for
 * all else, both with line and column. */
json_t *yaml_read(struct span text, const struct yaml_limits *limits, struct error *err);

/* What a plain scalar means: a new value, or NULL for one that JSON cannot hold (ERROR_INVALID).
 * `text` is UTF-8. */
json_t *yaml_resolve(const char *text, struct error *err);

#endif
