/*
 * The text of a policy: a Rego module of one fixed shape (docs/policy.md), read statement by
 * statement.
 *
 *     package IDENT
 *     import future.keywords.every | in
 *     IDENT := JSON | data.framework.IDENT
 *
 * with comments, trailing commas and backtick strings. In the rows of a fragment parameter("NAME")
 * and parameter("NAME").MEMBER may stand for a value. There is no Rego evaluator here: what is not
 * of this shape is refused with its line.
 */
#ifndef CAISSON_POLICY_REGO_H
#define CAISSON_POLICY_REGO_H

#include "format/value.h"

#define REGO_IDENT_MAX  64
#define REGO_DEPTH_MAX  16
#define REGO_STATEMENTS 128 /* in one module */
#define REGO_MEMORY_MAX                                                                            \
    ((size_t)64 << 20) /* bytes; a policy of 4 MiB takes less than half of it                      \
                        */

enum rego_kind {
    REGO_JSON,   /* IDENT := JSON */
    REGO_ALIAS,  /* IDENT := data.framework.IDENT, the same one */
    REGO_REASON, /* reason := {"errors": data.framework.errors} and its two other forms */
};

struct rego_statement {
    enum rego_kind kind;
    char name[REGO_IDENT_MAX + 1];
    struct value value; /* REGO_JSON */
    unsigned int line;
};

struct rego_module {
    char package[REGO_IDENT_MAX + 1];
    struct rego_statement statements[REGO_STATEMENTS];
    size_t count;
    struct value_hole *holes; /* that stand for parameters, the last first */
    struct arena values;      /* of the statements, but for their texts */
};

/* Reads the whole text; the texts in it lie in `texts` and live as long. ERROR_INVALID or
 * ERROR_LIMIT naming line and construct. On success the caller calls rego_module_fini(); on failure
 * nothing is left. */
int rego_read(struct span text, struct arena *texts, struct rego_module *out, struct error *err);
void rego_module_fini(struct rego_module *module);

/* The statement that defines `name`, or NULL. */
const struct rego_statement *rego_find(const struct rego_module *module, const char *name);

#endif
