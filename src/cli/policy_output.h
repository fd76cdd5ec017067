/* Where a policy that was made goes. */
#ifndef CAISSON_CLI_POLICY_OUTPUT_H
#define CAISSON_CLI_POLICY_OUTPUT_H

#include "base/error.h"
#include "base/span.h"
#include "cli/args.h"
#include "template/group.h"

/* The group that --workload names, or the only one. `place` and `noun` are what file and group are
 * called in messages: "manifest", "workload". */
int policy_output_choose(const struct args *args, const struct template_groups *groups,
                         const char *place, const char *noun, size_t *out, struct error *err);

/* Reads the policy back: one that no guest accepts is an error here, not at its start. */
int policy_output_check(struct span policy, struct error *err);

/* The SHA-256 of a policy in hex: the HOST_DATA of machines that enforce it. */
void policy_output_hash(struct span policy, char hex[65]);

/* Writes the bytes that are measured to `path`, or to the output for NULL and "-". They have no
 * line end: a terminal gets one, a file does not. */
int policy_output_write(const char *path, struct span policy, struct error *err);

#endif
