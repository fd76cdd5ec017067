/*
 * Container groups of Azure Resource Manager templates: resources of type
 * Microsoft.ContainerInstance/containerGroups and containerGroupProfiles, one policy each.
 *
 * Two ways of reading. Evaluated: expressions are (template/expression.h), each where a policy
 * needs its value; one that depends on the deployment is an error that names it. Exact: as az
 * confcom reads, which replaces [parameters('x')] and [variables('x')] and evaluates nothing.
 *
 * Formats: the ARM template reference of Microsoft.ContainerInstance, and az confcom's output.
 */
#ifndef CAISSON_TEMPLATE_ARM_H
#define CAISSON_TEMPLATE_ARM_H

#include "template/expression.h"
#include "template/group.h"

struct template_arm_options {
    bool exact;                    /* as az confcom reads */
    bool approve_wildcards;        /* a variable whose value is unknown may have any */
    struct expression_facts facts; /* of the deployment, when expressions are evaluated */
    /* Set by the reader: variables left out for want of a value, and the last one's name. */
    size_t left_out;
    const char *left_out_name;
};

/* Appends the groups of a template. `parameters` is a parameter file's text, empty for none. A
 * group's place is its resource's index, TEMPLATE_NO_PLACE for one that a copy loop made.
 * ERROR_INVALID or ERROR_LIMIT with group, container and member; ERROR_UNAVAILABLE for what only
 * the deployment knows. Values of secure parameters and variables stand in no message. */
int template_read_arm(struct span text, struct span parameters,
                      struct template_arm_options *options, struct template_groups *groups,
                      struct error *err);

/* Appends `text`, a template, with the policy (base64) as ccePolicy of the group at `place`; all
 * other bytes stay. ERROR_INVALID where there is no place for it; what was appended is then of no
 * use. */
int template_write_arm(struct span text, size_t place, const char *policy, struct buf *out,
                       struct error *err);

#endif
