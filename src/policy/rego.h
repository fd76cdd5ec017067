/*
 * The text of a policy: a Rego module of one fixed shape (docs/policy.md), read statement by
 * statement.
 *
 *     package IDENT
 *     import future.keywords.every | in
 *     IDENT := JSON | data.framework.IDENT
 *
 * with comments, trailing commas and backtick strings. There is no Rego evaluator here: what is not
 * of this shape is refused with its line.
 */
#ifndef CAISSON_POLICY_REGO_H
#define CAISSON_POLICY_REGO_H

#include "format/json.h"

#define REGO_IDENT_MAX  64
#define REGO_DEPTH_MAX  16
#define REGO_STATEMENTS 128 /* in one module */

enum rego_kind {
    REGO_JSON,   /* IDENT := JSON */
    REGO_ALIAS,  /* IDENT := data.framework.IDENT, the same one */
    REGO_REASON, /* reason := {"errors": data.framework.errors} and its two other forms */
};

struct rego_statement {
    enum rego_kind kind;
    char name[REGO_IDENT_MAX + 1];
    json_t *value; /* REGO_JSON */
    unsigned int line;
};

struct rego_module {
    char package[REGO_IDENT_MAX + 1];
    struct rego_statement statements[REGO_STATEMENTS];
    size_t count;
};

/* Reads the whole text. ERROR_INVALID or ERROR_LIMIT naming line and construct. On success the
 * caller calls rego_module_fini(); on failure nothing is left. */
int rego_read(struct span text, struct rego_module *out, struct error *err);
void rego_module_fini(struct rego_module *module);

/* The statement that defines `name`, or NULL. */
const struct rego_statement *rego_find(const struct rego_module *module, const char *name);

#endif
