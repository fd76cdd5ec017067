/* What a platform adds to each container: rules of variables, and mounts. */
#include <stdio.h>

#include "policy/generate_parts.h"

struct fixed_rule {
    const char *name;
    const char *value;
    const char *strategy;
};

/* Names and values as confcom has them. Azure Container Instances gives only the first ones. */
#define ACI_RULES 10
static const struct fixed_rule fixed_rules[] = {
    {"TERM", "xterm", "string"},
    {"(?i)(FABRIC)_.+", ".+", "re2"},
    {"HOSTNAME", ".+", "re2"},
    {"T(E)?MP", ".+", "re2"},
    {"FabricPackageFileName", ".+", "re2"},
    {"HostedServiceName", ".+", "re2"},
    {"IDENTITY_API_VERSION", ".+", "re2"},
    {"IDENTITY_HEADER", ".+", "re2"},
    {"IDENTITY_SERVER_THUMBPRINT", ".+", "re2"},
    {"azurecontainerinstance_restarted_by", ".+", "re2"},
    {"[A-Z0-9_]+_SERVICE_HOST", ".+", "re2"},
    {"[A-Z0-9_]+_SERVICE_PORT", ".+", "re2"},
    {"[A-Z0-9_]+_SERVICE_PORT_[A-Z0-9_]+", ".+", "re2"},
    {"[A-Z0-9_]+_PORT", ".+", "re2"},
    {"[A-Z0-9_]+_PORT_[0-9]+_TCP", ".+", "re2"},
    {"[A-Z0-9_]+_PORT_[0-9]+_TCP_PROTO", ".+", "re2"},
    {"[A-Z0-9_]+_PORT_[0-9]+_TCP_PORT", ".+", "re2"},
    {"[A-Z0-9_]+_PORT_[0-9]+_TCP_ADDR", ".+", "re2"},
};

static const size_t rule_counts[] = {
    [POLICY_PLATFORM_ACI] = ACI_RULES,
    [POLICY_PLATFORM_VIRTUAL_NODE] = sizeof fixed_rules / sizeof *fixed_rules,
    [POLICY_PLATFORM_NONE] = 0,
};

#define OPTIONS(access)                                                                            \
    {                                                                                              \
        (const char *const[]){"rbind", "rshared", (access)}, 3                                     \
    }
#define EMPTY_DIR(path, access)                                                                    \
    {                                                                                              \
        .destination = (path), .type = "bind", .source = POLICY_SOURCE_EMPTY_DIR,                  \
        .options = OPTIONS(access)                                                                 \
    }

static const struct policy_mount aci_mounts[] = {
    {.destination = "/etc/resolv.conf",
     .type = "bind",
     .source = "sandbox:///tmp/atlas/resolvconf/.+",
     .options = OPTIONS("rw")},
};
static const struct policy_mount virtual_node_mounts[] = {
    EMPTY_DIR("/etc/resolv.conf", "rw"),
    EMPTY_DIR("/var/run/secrets/kubernetes.io/serviceaccount", "ro"),
    EMPTY_DIR("/etc/hosts", "rw"),
    EMPTY_DIR("/dev/termination-log", "rw"),
    EMPTY_DIR("/etc/hostname", "rw"),
};

static const struct {
    const struct policy_mount *mounts;
    size_t count;
} platform_mounts[] = {
    [POLICY_PLATFORM_ACI] = {aci_mounts, sizeof aci_mounts / sizeof *aci_mounts},
    [POLICY_PLATFORM_VIRTUAL_NODE] = {virtual_node_mounts,
                                      sizeof virtual_node_mounts / sizeof *virtual_node_mounts},
    [POLICY_PLATFORM_NONE] = {NULL, 0},
};

static bool same_name(const char *assignment, const char *name, size_t size)
{
    return strncmp(assignment, name, size) == 0 && assignment[size] == '=';
}

static bool container_names(const struct policy_draft_container *draft, const char *name,
                            size_t size)
{
    for (size_t i = 0; i < draft->env_count; i++) {
        if (same_name(draft->env[i].text, name, size))
            return true;
    }
    return false;
}

static bool image_names(const struct policy_draft_container *draft, const char *name, size_t size)
{
    for (size_t i = 0; i < draft->image_env.count; i++) {
        if (same_name(draft->image_env.items[i], name, size))
            return true;
    }
    return false;
}

static void put_env_rule(struct writer *writer, const char *pattern, const char *strategy,
                         bool *first)
{
    put(writer, *first ? "{\"pattern\":" : ",{\"pattern\":");
    put_string(writer, pattern);
    put(writer, ",\"required\":false,\"strategy\":");
    put_string(writer, strategy);
    put(writer, "}");
    *first = false;
}

static void put_fixed_rules(struct writer *writer, const struct policy_draft_container *draft,
                            bool *first)
{
    for (size_t i = 0; i < rule_counts[draft->platform]; i++) {
        char pattern[80];
        const char *name = fixed_rules[i].name;
        if (container_names(draft, name, strlen(name)) || image_names(draft, name, strlen(name)))
            continue;
        (void)snprintf(pattern, sizeof pattern, "%s=%s", name, fixed_rules[i].value);
        put_env_rule(writer, pattern, fixed_rules[i].strategy, first);
    }
}

void generate_env_rules(struct writer *writer, const struct policy_draft_container *draft)
{
    bool first = true;
    put(writer, ",\"env_rules\":[");
    for (size_t i = 0; i < draft->env_count; i++)
        put_env_rule(writer, draft->env[i].text, draft->env[i].regex ? "re2" : "string", &first);
    for (size_t i = 0; i < draft->image_env.count; i++) {
        const char *rule = draft->image_env.items[i];
        if (!container_names(draft, rule, strcspn(rule, "=")))
            put_env_rule(writer, rule, "string", &first);
    }
    put_fixed_rules(writer, draft, &first);
    put(writer, "]");
}

static void put_mount(struct writer *writer, const struct policy_mount *mount, bool *first)
{
    put(writer, *first ? "{\"destination\":" : ",{\"destination\":");
    put_string(writer, mount->destination);
    put(writer, ",\"options\":");
    put_list(writer, mount->options);
    put(writer, ",\"source\":");
    put_string(writer, mount->source);
    put(writer, ",\"type\":");
    put_string(writer, mount->type);
    put(writer, "}");
    *first = false;
}

void generate_mounts(struct writer *writer, const struct policy_draft_container *draft)
{
    bool first = true;
    put(writer, ",\"mounts\":[");
    for (size_t i = 0; i < draft->mount_count; i++)
        put_mount(writer, &draft->mounts[i], &first);
    for (size_t i = 0; i < platform_mounts[draft->platform].count; i++)
        put_mount(writer, &platform_mounts[draft->platform].mounts[i], &first);
    put(writer, "]");
}
