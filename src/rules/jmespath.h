/*
 * JMESPath (jmespath.org/specification.html), the query language of the policy function JmesPath:
 * the whole grammar and all its functions, and equals_ignore_case(), which Microsoft's published
 * policies use.
 *
 * Whoever wrote the expression and the document may be hostile. An expression is bounded when it is
 * read, in size, nodes and depth; a search counts what it does and stops when its steps are used
 * up. A step is about the work of looking at one value, or at 16 bytes of text.
 */
#ifndef CAISSON_RULES_JMESPATH_H
#define CAISSON_RULES_JMESPATH_H

#include "base/span.h"
#include "format/json.h"

#define JMESPATH_SIZE_MAX  16384 /* bytes of an expression */
#define JMESPATH_NODES_MAX 2048  /* a search calls itself at most as deep */
#define JMESPATH_DEPTH_MAX 64    /* nested expressions */

struct jmespath;

/* Reads an expression. NULL with ERROR_LIMIT, or ERROR_INVALID with the column. */
struct jmespath *jmespath_new(struct span text, struct error *err);
void jmespath_free(struct jmespath *expression);
void jmespath_cleanup(struct jmespath **expression);
#define JMESPATH_AUTO __attribute__((cleanup(jmespath_cleanup))) struct jmespath

/* Searches `document`, which is left as it is. The result is the caller's and may share values with
 * the document; null where nothing was found. Takes what it used, and
 * what it will cost to write the result, off `*steps`. NULL with
 * ERROR_LIMIT when they were too few, with ERROR_INVALID for a function that is unknown or does not
 * take such arguments. */
json_t *jmespath_search(const struct jmespath *expression, json_t *document, uint64_t *steps,
                        struct error *err);

#endif
