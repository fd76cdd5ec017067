/*
 * What every reader of workloads leaves (confcom's JSON, an ARM template, a Kubernetes manifest): a
 * list of container groups, each of which one policy describes. What its images add is still open;
 * template_policy() asks its caller for them and writes the policy.
 *
 * All that a group points at lives in its arena, in the document that was read, or in literals:
 * until template_groups_fini().
 */
#ifndef CAISSON_TEMPLATE_GROUP_H
#define CAISSON_TEMPLATE_GROUP_H

#include <jansson.h>

#include "template/image.h"

#define TEMPLATE_SIZE_MAX       ((size_t)16 << 20) /* bytes of a template's text */
#define TEMPLATE_DEPTH_MAX      48                 /* of nested arrays and objects */
#define TEMPLATE_GROUPS_MAX     256
#define TEMPLATE_CONTAINERS_MAX 256  /* of one group, init containers among them */
#define TEMPLATE_LIST_MAX       4096 /* variables, words, mounts … of one container */
#define TEMPLATE_ARENA_MAX      ((size_t)64 << 20)
#define TEMPLATE_NO_PLACE       SIZE_MAX

struct template_container {
    struct policy_draft_container draft; /* without what the image adds */
    const char *image;                   /* the reference by which it is looked up */
    /* Where the draft has no command: what follows the image's entrypoint in place of its own. */
    struct policy_list args;
    /* More layers above the image's: root hashes in hex, base first. */
    struct policy_list layers_above;
    /* As Kubernetes has it: a group alone is for the image's user, who must not be root. */
    bool image_user, non_root;
    const json_t *seccomp; /* the profile whose digest the draft has; NULL for none */
    /* What an image without command gives: `[]` as on virtual nodes, or `null` as in ACI. */
    bool empty_command;
};

struct template_group {
    const char *name; /* for messages; "" where it has none */
    struct template_container *containers;
    size_t container_count;
    const struct policy_group *word; /* what the policy says of the group as a whole, or NULL */
    const struct policy_draft_fragment *fragments;
    size_t fragment_count;
    bool own_fragments_first;
    bool exclude_default_fragments; /* what the group says itself */
    const char *policy;             /* base64, as the document has it; NULL or "" for none */
    size_t place;                   /* of the group in its document: the reader's own number */
};

struct template_groups {
    struct arena arena;
    json_t *documents; /* an array that keeps what was read alive */
    struct template_group *groups;
    size_t count;
};

/* Ready for a reader to fill. ERROR_MEMORY. The caller calls template_groups_fini() either way. */
int template_groups_init(struct template_groups *groups, struct error *err);
void template_groups_fini(struct template_groups *groups);
#define TEMPLATE_GROUPS_AUTO __attribute__((cleanup(template_groups_fini))) struct template_groups

/* A new, empty group at the end, borrowed until the next one is added. NULL with ERROR_LIMIT or
 * ERROR_MEMORY. */
struct template_group *template_add_group(struct template_groups *groups, struct error *err);

/* Keeps `value`, whose reference is taken over, as long as the groups. NULL with ERROR_MEMORY, for
 * a NULL too. */
json_t *template_keep(struct template_groups *groups, json_t *value, struct error *err);

/* Where images come from: borrowed, until the policy is written. NULL with `err`. */
struct template_images {
    const struct template_image *(*find)(void *context, const char *reference, struct error *err);
    void *context;
};

/* What the caller of a policy chooses, whatever the workload. */
struct template_form {
    enum policy_generation generation;
    bool pretty;
    bool debug;
    bool disable_stdio;
    bool omit_id; /* no id, and no name where the two are equal */
    bool exclude_default_fragments;
    const char *infrastructure_svn;               /* or NULL */
    const struct policy_attestation *attestation; /* of the group's containers, or NULL */
};

/* The containers of one group with what their images add, as its policy describes them: one a
 * container, in the groups' arena. NULL with `err`. */
const struct policy_draft_container *template_drafts(struct template_groups *groups,
                                                     const struct template_group *group,
                                                     const struct template_form *form,
                                                     const struct template_images *images,
                                                     struct error *err);

/* Appends the policy of one group, as policy_generate() does. `groups` gives its arena. */
int template_policy(struct template_groups *groups, const struct template_group *group,
                    const struct template_form *form, const struct template_images *images,
                    struct buf *out, struct error *err);

#endif
