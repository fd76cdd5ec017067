/*
 * Writes the text of policies as Python's json.dumps does: ASCII only, `,` and `:` without blanks,
 * or indented by two. A writer's first error stops it, so that it is asked once, at the end.
 */
#ifndef CAISSON_POLICY_WRITE_H
#define CAISSON_POLICY_WRITE_H

#include "base/buf.h"
#include "policy/policy.h"

struct policy_writer {
    struct buf *out;
    struct error *err;
    bool failed;
};

/* Text as it is. */
void policy_put(struct policy_writer *writer, const char *text);

/* A string with its quotes. ERROR_INVALID when it is not UTF-8. */
void policy_put_string(struct policy_writer *writer, const char *text);
void policy_put_bool(struct policy_writer *writer, bool value);
void policy_put_list(struct policy_writer *writer, struct policy_list list);

/* Compact JSON, which this writer made, spread over lines: json.dumps(indent=2). */
void policy_put_pretty(struct policy_writer *writer, struct span compact);

#endif
