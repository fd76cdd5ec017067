/* Manifests for tests: YAML in, pods out. */
#ifndef CAISSON_TESTS_TEMPLATE_MANIFEST_H
#define CAISSON_TESTS_TEMPLATE_MANIFEST_H

#include "../check.h"

#include "format/yaml.h"
#include "template/pod.h"

static const struct yaml_limits manifest_limits = {
    .size = POD_TEXT_MAX, .depth = POD_DEPTH_MAX, .nodes = POD_NODES_MAX};

static inline int manifest_read(const char *text, enum pod_reading reading, struct pods *pods,
                                struct error *err)
{
    json_auto_t *documents = yaml_read(span_of_text(text), &manifest_limits, err);
    if (!documents)
        fail_msg("%s: %s", text, err->text);
    return pods_read(documents, reading, pods, err);
}

static inline int manifest_refuse(const char *text, enum pod_reading reading, struct error *err)
{
    PODS_AUTO pods = {0};
    return manifest_read(text, reading, &pods, err);
}

/* The text is refused, with these words. */
static inline void manifest_check_refused(const char *text, enum error_code code, const char *words)
{
    struct error err;
    check_error(manifest_refuse(text, POD_STRICT, &err), &err, code);
    if (!strstr(err.text, words))
        fail_msg("%s: \"%s\" does not hold \"%s\"", text, err.text, words);
}

/* A pod with one container, whose further fields, and the pod's, are given. */
#define MANIFEST_HEAD                                                                              \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {name: p, namespace: ns, labels: {a: '1'}}\n"                                       \
    "spec:\n"                                                                                      \
    "  containers:\n"
#define MANIFEST_POD(container, spec)                                                              \
    MANIFEST_HEAD "  - {name: c, image: 'i:1'" container "}\n" spec

#endif
