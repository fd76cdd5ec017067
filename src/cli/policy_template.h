/* `caisson policy generate --arm` and `--input`. */
#ifndef CAISSON_CLI_POLICY_TEMPLATE_H
#define CAISSON_CLI_POLICY_TEMPLATE_H

#include "cli/args.h"
#include "image/image.h"

/* Its options, for the command's table, beside those of manifests. */
#define POLICY_TEMPLATE_OPTIONS                                                                    \
    {.name = "arm",                                                                                \
     .operand = "FILE",                                                                            \
     .help = "Describe the container groups of this ARM template, and no IMAGE"},                  \
        {.name = "parameters",                                                                     \
         .operand = "FILE",                                                                        \
         .help = "Take the template's parameters from FILE"},                                      \
        {.name = "subscription",                                                                   \
         .operand = "ID",                                                                          \
         .help = "What subscription().subscriptionId is in the template"},                         \
        {.name = "resource-group",                                                                 \
         .operand = "NAME",                                                                        \
         .help = "What resourceGroup().name is in the template"},                                  \
        {.name = "location",                                                                       \
         .operand = "NAME",                                                                        \
         .help = "What resourceGroup().location is in the template"},                              \
        {.name = "approve-wildcards",                                                              \
         .help = "Let variables be any whose value only the deployment knows"},                    \
        {.name = "diff",                                                                           \
         .help = "Tell what differs from the policy in the template; exit with 1 if anything"},    \
    {                                                                                              \
        .name = "input", .operand = "FILE",                                                        \
        .help = "Describe the containers of this JSON, az confcom's own, and no IMAGE"             \
    }

/* Whether one of the two was asked for. */
bool policy_template_wanted(const struct args *args);

/* Makes the policies. The exit status, or -1. */
int policy_generate_template(const struct args *args, const struct image_options *options,
                             struct error *err);

#endif
