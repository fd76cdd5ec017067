/*
 * Pods as container groups, for policies: what confcom writes for ACI's virtual nodes. In the
 * strict reading the same form binds more: values as files by a layer of each container, order and
 * restarts by the policy's word of its group.
 */
#ifndef CAISSON_TEMPLATE_POD_POLICY_H
#define CAISSON_TEMPLATE_POD_POLICY_H

#include "template/group.h"
#include "template/pod.h"

struct template_pod_options {
    enum pod_reading reading; /* that the pods were read by */
    bool approve_wildcards;   /* POD_CONFCOM: what ConfigMaps and Secrets do not tell may be any */
    /* POD_STRICT: makes a layer's disk of a tar, and gives its root hash in hex. */
    int (*layer)(void *context, struct span tar, char hex[65], struct error *err);
    /* A profile by its path below the manifest's folder, or the default one (NULL), as a container
     * with these capabilities (bit N: number N) gets it; the reference is handed over. NULL: such
     * profiles are refused. */
    json_t *(*profile)(void *context, const char *path, uint64_t capabilities, struct error *err);
    void *context;
};

/* Appends a group a pod, in their order; its `place` is the pod's index. The pods must outlive the
 * groups. ERROR_NOT_FOUND for the value of a Secret that is not in the manifest, ERROR_REFUSED for
 * what a policy cannot bind; each names pod and container. */
int template_read_pods(const struct pods *pods, const struct template_pod_options *options,
                       struct template_groups *groups, struct error *err);

#endif
