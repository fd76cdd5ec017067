/* From a module's statements to a policy: every key known, every type checked. Internal. */
#ifndef CAISSON_POLICY_LOAD_H
#define CAISSON_POLICY_LOAD_H

#include "policy/model.h"
#include "policy/rego.h"

/* How one array of the policy is read; errors name the row: containers[3]. */
struct loader {
    struct policy *policy;
    struct error *err;
};

/* Reads a policy's text or, where `names` is given, a fragment's, whose capabilities get the bits
 * that they have there. What is read borrows names from it. */
int load_text_of_module(struct span text, const struct policy *names, unsigned int flags,
                        struct policy **out, struct error *err);

/* A fragment's; the reference wants the package in its first line, where the reader would pass over
 * comments. */
int load_text_of_fragment(struct span text, const struct policy *names, struct policy **out,
                          struct error *err);

/* Each reads one statement's value into the policy; -1 with the error set. */
int load_containers(struct loader *loader, const json_t *array);
int load_externals(struct loader *loader, const json_t *array);
int load_fragments(struct loader *loader, const json_t *array);
int load_platform_rules(struct loader *loader, const json_t *array);
int load_group(struct loader *loader, const json_t *object); /* after the containers */

/* Parts, in load_parts.c. `key` is the member of `object`. */
int load_text(struct loader *loader, const json_t *object, const char *key, const char **out);
int load_list(struct loader *loader, const json_t *object, const char *key,
              struct policy_list *out);
int load_env_rules(struct loader *loader, const json_t *object, const struct env_rule **out,
                   size_t *count);
int load_mounts(struct loader *loader, const json_t *object, const struct mount_rule **out,
                size_t *count);
int load_signals(struct loader *loader, const json_t *object, uint32_t extra, const uint32_t **out,
                 size_t *count);
int load_user(struct loader *loader, const json_t *object, struct user_rule *out);

/* Collects the names of all capabilities before the containers are read. */
int load_capability_names(struct loader *loader, const json_t *containers);
int load_capabilities(struct loader *loader, const json_t *object, struct policy_container *out);

#endif
