/* What the files of the reader of ARM templates share; not for others. */
#ifndef CAISSON_TEMPLATE_ARM_PARTS_H
#define CAISSON_TEMPLATE_ARM_PARTS_H

#include "template/arm.h"
#include "template/expression.h"
#include "template/parts.h"

struct arm {
    struct template_reader reader;
    struct template_arm_options *options;
    json_t *document;
    json_t *parameters; /* what the template declares; an object, or NULL */
    json_t *given;      /* what the parameter file gives; an object, or NULL */
    json_t *variables;  /* an object, or NULL */
    struct expression_scope scope;
    json_t *parameter_values; /* evaluated before */
    json_t *variable_values;
};

/* The member of that key in any case, as it stands; NULL where it is absent. */
json_t *arm_member(json_t *object, const char *key);

/* Refuses parameters that the template does not declare. */
int arm_check_given(const struct arm *arm, struct error *err);

/* confcom's replacement: for template_reader.replace, with the arm as context. */
const char *arm_exact_text(void *context, const char *text, struct error *err);

/* Whether the text refers to a parameter or variable that has no value. ERROR_INVALID for one that
 * is not declared. */
int arm_exact_is_open(const struct arm *arm, const char *text, bool *out, struct error *err);

/* What Python's str() makes of a value. */
int arm_python_text(const json_t *value, struct buf *out, struct error *err);

/* Makes the reader evaluate expressions. arm_evaluate_fini() after the last of them. */
int arm_evaluate_init(struct arm *arm, struct error *err);
void arm_evaluate_fini(struct arm *arm);

/* The groups of one resource: containers, init containers, volumes. */
int arm_read_group(const struct arm *arm, json_t *resource, struct template_group *group,
                   struct error *err);

#endif
