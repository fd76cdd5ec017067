/*
 * Expressions of Azure Resource Manager templates: "[concat(parameters('a'), '-x')]", evaluated as
 * far as they can be without the deployment. Function names are looked up in any case.
 *
 * An expression comes from whoever wrote the template: its text, its nesting, the number of its
 * steps and the bytes that it makes are bounded. Values that it makes belong to its scope.
 *
 * Source: Microsoft's reference "ARM template functions", and "Template syntax" for the quoting.
 */
#ifndef CAISSON_TEMPLATE_EXPRESSION_H
#define CAISSON_TEMPLATE_EXPRESSION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

#define EXPRESSION_SIZE_MAX  24576       /* bytes of one expression: ARM's own limit */
#define EXPRESSION_DEPTH_MAX 32          /* of nested calls, and of expressions in values */
#define EXPRESSION_STEPS_MAX 100000      /* calls, in one scope */
#define EXPRESSION_VALUE_MAX (1U << 20)  /* bytes of one text that is made */
#define EXPRESSION_BYTES_MAX (32U << 20) /* bytes of all that is made in one scope */
#define EXPRESSION_LOOP_MAX  800         /* rounds of a copy loop: ARM's own limit */

/* NULL, after a call that sets an error: `return NOTHING(error_set(…));` */
#define NOTHING(call) ((void)(call), NULL)

/* A copy loop that is under way: what copyIndex() tells. */
struct expression_loop {
    const struct expression_loop *outer;
    const char *name;
    json_int_t index;
};

/* What the deployment would know, where the caller does: else NULL. */
struct expression_facts {
    const char *subscription; /* its id */
    const char *resource_group;
    const char *location;
};

struct expression_scope {
    /* Values of parameters and variables, borrowed. NULL with `err`. */
    json_t *(*parameter)(void *context, const char *name, struct error *err);
    json_t *(*variable)(void *context, const char *name, struct error *err);
    void *context;
    struct expression_facts facts;
    const struct expression_loop *loops; /* the innermost first */
    struct arena arena;                  /* its limit is the caller's to set */
    json_t *kept;                        /* an array; the caller makes and releases it */
    size_t steps;
    size_t bytes;
    size_t depth;
    bool told; /* the error under way has its expression */
};

/* Whether a text is an expression: it begins with one bracket and ends with one. */
bool expression_is(const char *text);

/* What stands for a text: the value of an expression, "[x]" for "[[x]", else the text itself (NULL
 * never). NULL with ERROR_INVALID (malformed, or a wrong argument), ERROR_LIMIT, or
 * ERROR_UNAVAILABLE for what only the deployment knows; the message has the expression, never a
 * value. */
json_t *expression_evaluate(struct expression_scope *scope, json_t *text, struct error *err);

/* Evaluates all texts in a value; keys stay. Copy loops in objects are unrolled. */
json_t *expression_evaluate_all(struct expression_scope *scope, json_t *value, struct error *err);

/* The value itself, or, where its object has a member "copy" with loops, one with what they make in
 * its place; other texts in it are left. */
json_t *expression_unroll(struct expression_scope *scope, json_t *value, struct error *err);

/* The value with its texts written so that evaluating them once more gives them back. */
json_t *expression_protect(struct expression_scope *scope, json_t *value, struct error *err);

/* Keeps a new reference as long as the scope. NULL with ERROR_MEMORY for NULL. */
json_t *expression_keep(struct expression_scope *scope, json_t *value, struct error *err);

#endif
