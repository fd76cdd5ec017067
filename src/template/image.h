/*
 * What a policy needs to know of an image, wherever it comes from (a lock, the store), and the one
 * place where it goes into a container's draft.
 *
 * A reader of workloads (a template, a manifest) fills a draft with what the workload says: id,
 * name, command, variables, mounts, user … template_add_image() then adds what it left open, by
 * confcom's rules.
 */
#ifndef CAISSON_TEMPLATE_IMAGE_H
#define CAISSON_TEMPLATE_IMAGE_H

#include "base/arena.h"
#include "policy/generate.h"

struct template_image {
    struct policy_list env; /* "NAME=value" */
    struct policy_list entrypoint;
    struct policy_list cmd;
    const char *working_dir; /* "" where the image has none, as below */
    const char *user;
    const char *stop_signal;
    struct policy_list layers; /* root hashes in hex, base first */
};

/*
 * Adds the image's layers, variables and stop signal; its entrypoint and command where the draft
 * has no command, its folder where the draft's is NULL or "", its user where the draft names
 * neither user nor group. A draft without command for an image without one stays without
 * (has_command false).
 *
 * What is made lives in the arena; what is borrowed lives as long as the image. ERROR_LIMIT,
 * ERROR_MEMORY.
 */
int template_add_image(struct policy_draft_container *draft, const struct template_image *image,
                       struct arena *arena, struct error *err);

/* As above for a sidecar of the platform itself: only layers and folder; POLICY_PLATFORM_NONE. */
void template_add_sidecar_image(struct policy_draft_container *draft,
                                const struct template_image *image);

/* Whether the reference names a sidecar of the platform (confcom's list). */
bool template_is_sidecar(const char *reference);

/* a followed by b, in the arena; NULL without memory or past the arena's limit. */
const char *const *template_join(struct policy_list a, struct policy_list b, struct arena *arena);

#endif
