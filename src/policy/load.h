/*
 * From a module's statements to a policy: every key known, every type checked. Texts are borrowed
 * from the policy's own copy of the module. Internal.
 *
 * A decoder's context is the policy, and its version the framework's, since keys that an older
 * framework had not are passed over as in the reference, and defaults stand.
 */
#ifndef CAISSON_POLICY_LOAD_H
#define CAISSON_POLICY_LOAD_H

#include "format/fields.h"
#include "policy/list.h"
#include "policy/model.h"
#include "policy/rego.h"

#define LOAD_SINCE(minor, patch) ((minor)*1000U + (patch)) /* framework 0.minor.patch */

static inline struct policy *policy_of(const struct decoder *decoder)
{
    return decoder->context;
}

/* What a fragment's text is read with. */
struct load_fragment {
    const struct policy *names; /* its capabilities get the bits that they have there; what is read
                                 * borrows names from it */
    const char *parameters; /* the values, a JSON object; NULL: only svn and framework are read */
};

/* Reads a policy's text or, where `fragment` is given, a fragment's. */
int load_text_of_module(struct span text, const struct load_fragment *fragment, unsigned int flags,
                        struct policy **out, struct error *err);

/* A fragment's; the reference wants the package in its first line, where the reader would pass over
 * comments. */
int load_text_of_fragment(struct span text, const struct load_fragment *fragment,
                          struct policy **out, struct error *err);

enum load_place {
    LOAD_POLICY = 1U << 0,
    LOAD_FRAGMENT = 1U << 1,
    LOAD_HEAD = 1U << 2, /* of a fragment: what it is, without its rows */
    LOAD_BOTH = LOAD_POLICY | LOAD_FRAGMENT,
    LOAD_ALL = LOAD_BOTH | LOAD_HEAD,
};

/* Reads those statements that define what a policy, or a fragment, holds. */
int load_definitions(struct policy *policy, const struct rego_module *module, enum load_place place,
                     struct error *err);
bool load_is_definition(const char *name, enum load_place place);

field_reader load_group;       /* of a struct policy; after the containers */
field_reader load_attestation; /* alike */

/* Parameters of fragments, in parameters.c. */
field_reader load_parameters_api; /* its shape alone */
field_reader load_parameters;     /* const char *: of a struct fragment_rule */

/* Puts values where a fragment's text has parameter("NAME"): those of `given`, a JSON object, each
 * of which parameters_api must name; else their defaults. What is put there lies in `texts`, as the
 * module's own texts do. */
int parameters_fill(struct rego_module *module, const char *given, struct arena *texts,
                    struct error *err);

/* Parts of containers, in load_parts.c. */
row_reader load_env_rule;            /* struct env_rule */
row_reader load_mount;               /* struct mount_rule */
field_reader load_signals;           /* the pointer; their number goes to field->count */
field_reader load_container_signals; /* and those that old frameworks allow beside */
field_reader load_user;              /* struct user_rule */
field_reader load_capabilities;      /* of a struct policy_container */

/* The names of all capabilities that the framework knows. */
int load_capability_names(struct decoder *decoder);

#endif
