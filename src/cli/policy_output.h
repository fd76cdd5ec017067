/* Where a policy that was made goes. */
#ifndef CAISSON_CLI_POLICY_OUTPUT_H
#define CAISSON_CLI_POLICY_OUTPUT_H

#include "base/error.h"
#include "base/span.h"

/* Reads the policy back: one that no guest accepts is an error here, not at its start. */
int policy_output_check(struct span policy, struct error *err);

/* Writes the bytes that are measured to `path`, or to the output for NULL and "-". They have no
 * line end: a terminal gets one, a file does not. */
int policy_output_write(const char *path, struct span policy, struct error *err);

#endif
