/* A policy in memory, as load.c builds it and the decisions read it. Internal to this folder. */
#ifndef CAISSON_POLICY_MODEL_H
#define CAISSON_POLICY_MODEL_H

#include "base/arena.h"
#include "policy/points.h"
#include "policy/regex.h"

#define CAPABILITY_NAMES_MAX 64 /* distinct names in a policy, the kernel's own included */

enum strategy {
    STRATEGY_NEVER, /* an incomplete rule: matches nothing, as in the reference */
    STRATEGY_STRING,
    STRATEGY_RE2,
    STRATEGY_ANY,
    STRATEGY_ID,
    STRATEGY_NAME,
};

struct matcher {
    enum strategy strategy;
    const char *pattern;
    const struct regex *regex; /* STRATEGY_RE2 */
};

struct env_rule {
    bool in_parts;      /* name and value are matched apart */
    struct matcher all; /* "NAME=value", or the name alone */
    struct matcher value;
    bool required;
};

enum source_kind { SOURCE_EQUAL, SOURCE_SANDBOX, SOURCE_HUGEPAGES, SOURCE_PLAN9 };

struct mount_rule {
    const char *destination;
    const char *type;
    const char *source;
    enum source_kind kind;
    const struct regex *rest; /* what follows the prefix: SOURCE_SANDBOX and SOURCE_HUGEPAGES */
    struct policy_list options;
};

struct exec_rule {
    struct policy_list command;
    const uint32_t *signals;
    size_t signal_count;
};

struct user_rule {
    struct matcher user;
    const struct matcher *groups;
    size_t group_count;
    const char *umask;
};

struct capability_list {
    uint64_t mask; /* bits are indexes into policy.capability_names */
    size_t count;  /* of the list, doubles counted */
};

struct policy_container {
    size_t index;
    bool external; /* a row of external_processes: fields below `stdio` are unused */
    const char *name;
    bool has_command; /* false for null, which no process matches */
    struct policy_list command;
    const struct env_rule *env_rules;
    size_t env_rule_count;
    const char *working_dir;
    bool stdio;
    struct policy_list layers;
    const struct mount_rule *mounts;
    size_t mount_count;
    const struct exec_rule *exec;
    size_t exec_count;
    const uint32_t *signals;
    size_t signal_count;
    bool allow_elevated;
    bool no_new_privileges;
    bool has_capabilities; /* false for null: the defaults, by elevation */
    struct capability_list capabilities[POLICY_CAPABILITY_SETS];
    const char *seccomp_sha256;
    struct user_rule user;
    struct policy_list rlimits, sysctls; /* all that it has: as in struct policy_process */
    bool read_only_root;
};

/* What a fragment adds where its rule includes it; the others change nothing here. */
enum fragment_include {
    INCLUDE_CONTAINERS = 1U << 0,
    INCLUDE_FRAGMENTS = 1U << 1,
    INCLUDE_EXTERNALS = 1U << 2,
    INCLUDE_PLATFORM = 1U << 3,
    INCLUDE_NAMESPACE = 1U << 4, /* nothing asks for it, but for what it rules out */
    INCLUDE_ALL = ~0U,
};

struct fragment_rule {
    const char *issuer;
    const char *feed;
    const char *minimum_svn; /* decimal text, however it was written */
    unsigned int includes;   /* of enum fragment_include */
    bool needs_receipts;     /* nothing here verifies them */
    const char *parameters;  /* an object's text as JSON; NULL where none are given */
};

/* Rules that hold for every container (framework 0.5.0). */
struct platform_rules {
    const struct env_rule *env_rules;
    size_t env_rule_count;
    const struct mount_rule *mounts;
    size_t mount_count;
};

enum point_rule { RULE_ABSENT, RULE_FRAMEWORK, RULE_ALLOW_ALL };

struct regex_entry {
    const char *pattern;
    struct regex *regex;
};

struct policy_version {
    bool has;
    struct version number;
    const char *text; /* "" where it has none */
};

/* A policy, or a fragment of one, which has no points and no flags. */
struct policy {
    struct arena arena; /* its text too, which the rest borrows from */
    struct policy_version api;
    struct policy_version framework;
    struct policy_container *containers;
    size_t container_count;
    struct policy_container *externals;
    size_t external_count;
    struct fragment_rule *fragments;
    size_t fragment_count;
    struct platform_rules platform;
    struct policy_group group;
    bool has_group;
    struct policy_attestation attestation;
    bool has_attestation;
    enum point_rule points[POLICY_POINT_COUNT];
    bool point_stdio[POLICY_POINT_COUNT]; /* RULE_ALLOW_ALL */
    bool allow_properties_access;
    bool allow_dump_stacks;
    bool allow_runtime_logging;
    bool allow_environment_variable_dropping;
    bool allow_unencrypted_scratch;
    bool allow_capability_dropping;
    bool allow_host_network;
    bool allow_log_provider_dropping; /* nothing here asks for it */
    const char *svn_text;             /* of a fragment: as written; NULL where absent */
    /* Names by their bits. A fragment's table goes on from that of what was loaded before it, so
     * that a bit means one name in all of them. */
    const char *capability_names[CAPABILITY_NAMES_MAX];
    uint8_t capability_order[CAPABILITY_NAMES_MAX]; /* the bits, sorted by name */
    size_t capability_name_count;
    uint64_t default_capabilities;    /* of an unprivileged container */
    uint64_t privileged_capabilities; /* all that the reference knows */
    void *regexes; /* tsearch(3)'s tree of struct regex_entry: each pattern is compiled once */
};

/* The compiled pattern, shared. NULL when memory ran out. */
const struct regex *policy_intern_regex(struct policy *policy, const char *pattern);

/* The bit of a capability's name; -1 where the policy does not know it. */
int policy_capability_bit(const struct policy *policy, const char *name);

/* Mounts that every container may have, and those for elevated ones: containerd's defaults. */
extern const struct mount_rule policy_default_mounts[];
extern const size_t policy_default_mount_count;
extern const struct mount_rule policy_privileged_mounts[];
extern const size_t policy_privileged_mount_count;

#endif
