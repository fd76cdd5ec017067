/*
 * Writes policies as `az confcom acipolicygen` does, byte for byte, from drafts: what an image, a
 * template or a command line asks for, already resolved. Nothing is looked up here.
 *
 * confcom's output has changed with its versions; a generation names one of its forms.
 */
#ifndef CAISSON_POLICY_GENERATE_H
#define CAISSON_POLICY_GENERATE_H

#include "base/buf.h"
#include "policy/policy.h"

enum policy_generation {
    POLICY_GENERATION_A,  /* confcom up to 1.4: api 0.10.0 */
    POLICY_GENERATION_A2, /* about 2.0 to 2.1.0: api 0.11.0, rw_mount_device */
    POLICY_GENERATION_A3, /* 2.1.1: exec_processes without doubles */
    POLICY_GENERATION_B,  /* 2.2 and 2.3: signals 9 and 15 by default */
    POLICY_GENERATION_C,  /* 2.2 with --prerelease-policy-api: api 0.12.0, framework 0.5.0 */
    POLICY_GENERATION_DEFAULT = POLICY_GENERATION_B
};

/* A user or a group: an empty strategy means any. */
struct policy_draft_identity {
    const char *pattern;
    const char *strategy; /* "id", "name", "re2", or NULL */
};

/* A variable: "NAME=value", or a regex of that. */
struct policy_draft_rule {
    const char *text;
    bool regex;
};

/* What a container gets without asking: variables and mounts of the place where it runs. */
enum policy_platform {
    POLICY_PLATFORM_ACI,          /* Azure Container Instances */
    POLICY_PLATFORM_VIRTUAL_NODE, /* its virtual nodes of Kubernetes */
    POLICY_PLATFORM_NONE,         /* nothing: a sidecar of the platform itself */
};

#define POLICY_SOURCE_EMPTY_DIR "sandbox:///tmp/atlas/emptydir/.+"

struct policy_draft_container {
    enum policy_platform platform;
    const char *id;   /* the image's reference as written; NULL leaves the key out */
    const char *name; /* NULL leaves the key out */
    bool has_command; /* false writes null: neither the image nor the caller names one */
    struct policy_list command;
    const struct policy_draft_rule *env; /* the caller's, which win over the image's */
    size_t env_count;
    struct policy_list image_env; /* the image's "NAME=value" */
    struct policy_list layers;    /* root hashes in hex, base first */
    const char *working_dir;      /* "" stands for "/" */
    const char *stop_signal;      /* of the image: "SIGQUIT"; "" for none */
    const struct policy_list *exec_processes;
    size_t exec_count;
    bool exec_kill;                    /* these may be killed */
    const struct policy_mount *mounts; /* before the platform's */
    size_t mount_count;
    struct policy_draft_identity user;
    struct policy_draft_identity group;
    const struct policy_draft_identity *groups; /* more of the process; none matters beside "any" */
    size_t group_count;
    const char *umask; /* four octal digits; NULL for 0022 */
    struct policy_list capabilities_add;
    struct policy_list capabilities_drop;
    bool privileged;
    bool no_new_privileges;
    const char *seccomp_sha256; /* "" for none */
    /* Members of Caisson's own, left out where they say nothing (docs/policy.md). */
    bool read_only_root;
    struct policy_list rlimits, sysctls; /* as in struct policy_process */
};

/* A fragment that the policy lets the machine load. */
struct policy_draft_fragment {
    const char *feed;
    struct policy_list includes;
    const char *issuer;
    const char *minimum_svn;
};

struct policy_draft {
    enum policy_generation generation;
    const struct policy_draft_container *containers; /* the pause container follows by itself */
    size_t container_count;
    const struct policy_group *group;             /* of these containers; NULL for no word of one */
    const struct policy_attestation *attestation; /* alike */
    const struct policy_draft_fragment *fragments; /* besides the default one */
    size_t fragment_count;
    bool own_fragments_first;       /* before the default one */
    bool pretty;                    /* --outraw-pretty-print: containers over many lines */
    bool infrastructure;            /* the module of the platform's sidecars: containers only */
    bool no_pause;                  /* no pause container */
    bool host_network;              /* generation C only */
    bool debug;                     /* --debug-mode */
    bool disable_stdio;             /* --disable-stdio */
    bool exclude_default_fragments; /* --exclude-default-fragments */
    const char *infrastructure_svn; /* of the first fragment; NULL leaves it as it is */
};

/* Appends the policy's text: the bytes that are measured, without a line end after the last line.
 * ERROR_INVALID for text that is not UTF-8 or a root hash that is none. */
int policy_generate(const struct policy_draft *draft, struct buf *out, struct error *err);

/* A user or group by its text, which is borrowed: digits are an id, all else a name. */
struct policy_draft_identity policy_draft_identity(const char *text);

/* Reads an image's user, "USER" or "USER:GROUP", as confcom does: digits are an id. `room` takes
 * the parts and must live as long as the identities. ERROR_LIMIT when it is longer than the room.
 */
#define POLICY_USER_MAX 256
int policy_draft_user(const char *text, char room[POLICY_USER_MAX],
                      struct policy_draft_container *out, struct error *err);

/* The bounding, effective and permitted set of a draft's container, sorted: what its policy has.
 * `set` takes the names, which are borrowed. ERROR_LIMIT. */
#define POLICY_DRAFT_CAPABILITIES_MAX 128
int policy_draft_capabilities(const struct policy_draft_container *draft,
                              const char *set[POLICY_DRAFT_CAPABILITIES_MAX],
                              struct policy_list *out, struct error *err);

/* The number of a signal's name, "SIGQUIT"; 0 for what confcom's table lacks. */
unsigned int policy_signal_number(const char *name);

#endif
