/* A policy in a person's words: who may run what, and what is weak about it. */
#ifndef CAISSON_POLICY_DESCRIBE_H
#define CAISSON_POLICY_DESCRIBE_H

#include "base/buf.h"
#include "policy/policy.h"

/* Appends lines of UTF-8 text. Values of variables are left out. */
int policy_describe(const struct policy *policy, struct buf *out, struct error *err);

/* The same of a fragment's parameters: their names and defaults. Nothing for a text without any. */
int policy_describe_parameters(struct span text, struct buf *out, struct error *err);

#endif
