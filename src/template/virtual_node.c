#include "template/virtual_node.h"

#define EMPTY_DIR(path, access)                                                                    \
    {                                                                                              \
        .destination = (path), .type = "bind", .source = POLICY_SOURCE_EMPTY_DIR, .options = {     \
            (const char *const[]){"rbind", "rshared", (access)},                                   \
            3                                                                                      \
        }                                                                                          \
    }

const struct policy_draft_rule template_identity_rules[TEMPLATE_IDENTITY_RULES] = {
    {"AZURE_CLIENT_ID=.+", true},
    {"AZURE_TENANT_ID=.+", true},
    {"AZURE_FEDERATED_TOKEN_FILE=.+", true},
    {"AZURE_AUTHORITY_HOST=.+", true},
};

const struct policy_mount template_identity_mount = EMPTY_DIR("/var/run/secrets/azure/tokens",
                                                              "ro");

const struct policy_mount template_privileged_mounts[TEMPLATE_PRIVILEGED_MOUNTS] = {
    EMPTY_DIR("/sys/fs/cgroup", "rw"),
    EMPTY_DIR("/sys", "rw"),
};
