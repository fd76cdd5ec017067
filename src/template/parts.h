/*
 * The parts of a container that ARM templates and confcom's JSON write alike, and Kubernetes
 * nearly: each reads one member and puts it into a draft.
 */
#ifndef CAISSON_TEMPLATE_PARTS_H
#define CAISSON_TEMPLATE_PARTS_H

#include "template/read.h"

/* `command`: absent or empty leaves it to the image. */
int template_read_command(const struct template_reader *reader, json_t *properties,
                          struct policy_draft_container *out, struct error *err);

/* Appends one process that may be started later: for probes, hooks, and the like. `out` must have
 * room in its exec_processes, made with template_room_for_execs(). */
int template_room_for_execs(const struct template_reader *reader,
                            struct policy_draft_container *out, size_t count, struct error *err);
void template_add_exec(struct policy_draft_container *out, struct policy_list command);

/* A probe (`livenessProbe`, …): its exec.command, which has to be there where exec is. */
int template_read_probe(const struct template_reader *reader, json_t *properties, const char *key,
                        struct policy_draft_container *out, struct error *err);

/*
 * `securityContext`, the object itself or NULL: privileged, allowPrivilegeEscalation, runAsUser,
 * runAsGroup, capabilities, seccompProfile (base64 of JSON). Members that it lacks leave the draft
 * as it is, so that a pod's context may be read before its container's.
 */
int template_read_security(const struct template_reader *reader, json_t *context,
                           struct policy_draft_container *out, struct error *err);

/*
 * The hash of a seccomp profile's JSON as ACI takes it (format/seccomp.h). `out` takes 65 bytes.
 * ERROR_INVALID for what is no JSON object.
 */
int template_seccomp_hash(struct span json, char out[65], struct error *err);

/* The source of a volume of that kind ("azureFile", "emptyDir", …); NULL for an unknown one. */
const char *template_mount_source(const char *kind);

/* `configMap` of a container, whose keyValuePairs come as files: one more mount, counted in
 * out->mount_count, where it is there. */
int template_read_config_map(const struct template_reader *reader, json_t *properties,
                             struct policy_mount *mount, struct policy_draft_container *out,
                             struct error *err);

/* Fills in a bind mount with confcom's options. */
int template_fill_mount(const char *source, const char *destination, bool read_only,
                        struct policy_mount *out, struct error *err);

/* `fragments` of a document: feed, issuer, includes, minimum_svn of each; other members are left.
 */
int template_read_fragments(const struct template_reader *reader, json_t *document, const char *key,
                            const struct policy_draft_fragment **out, size_t *count,
                            struct error *err);

#endif
