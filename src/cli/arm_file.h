/* ARM templates as files: read for policies, compared with the policies in them, and written. */
#ifndef CAISSON_CLI_ARM_FILE_H
#define CAISSON_CLI_ARM_FILE_H

#include "template/arm.h"

struct arm_file {
    const char *path;
    struct buf text; /* as it was read; edited by arm_file_put() */
};

/* Reads a template and, unless it is NULL, its parameter file. Warns of variables that were left
 * out. The caller calls arm_file_fini() either way. */
int arm_file_read(struct arm_file *file, const char *path, const char *parameters,
                  struct template_arm_options *options, struct template_groups *groups,
                  struct error *err);
void arm_file_fini(struct arm_file *file);
#define ARM_FILE_AUTO __attribute__((cleanup(arm_file_fini))) struct arm_file

/* Puts a policy into the group's place of the text that is held. */
int arm_file_put(struct arm_file *file, const struct template_group *group, struct span policy,
                 struct error *err);

/* Replaces the file, whole or not at all; it keeps its mode. */
int arm_file_write(const struct arm_file *file, struct error *err);

/* Appends what the group's own policy (the first) and this one (the second) differ in, without
 * values; nothing where they are the same bytes. For groups of any reader. */
int arm_file_compare(const struct template_group *group, struct span policy, struct buf *out,
                     struct error *err);

#endif
