/* `caisson policy generate --kubernetes`. */
#ifndef CAISSON_CLI_POLICY_MANIFEST_H
#define CAISSON_CLI_POLICY_MANIFEST_H

#include "cli/args.h"
#include "image/image.h"

/* Its options, for the command's table. */
#define POLICY_MANIFEST_OPTIONS                                                                    \
    {.name = "kubernetes",                                                                         \
     .operand = "FILE",                                                                            \
     .help = "Describe the pods of this Kubernetes manifest, and no IMAGE"},                       \
        {.name = "workload",                                                                       \
         .operand = "NAME",                                                                        \
         .help = "Of several workloads or container groups, the one of this name"},                \
        {.name = "images",                                                                         \
         .operand = "LOCK",                                                                        \
         .help = "Take images from this lock alone (see policy lock)"},                            \
    {                                                                                              \
        .name = "write",                                                                           \
        .help = "Write the policies into the manifest (as annotations) or the ARM template"        \
    }

/* Makes the policies of the manifest that --kubernetes names. The exit status, or -1. */
int policy_generate_manifest(const struct args *args, const struct image_options *options,
                             struct error *err);

#endif
