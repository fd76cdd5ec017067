/*
 * What a container is confined by, in Docker's words: capabilities, seccomp, tmpfs mounts, limits,
 * sysctls. It goes into a generated policy and into the request to the guest alike, so that the two
 * cannot differ; what a control group may take goes into the request alone.
 */
#ifndef CAISSON_CLI_CONFINEMENT_H
#define CAISSON_CLI_CONFINEMENT_H

#include <jansson.h>

#include "cli/args.h"
#include "crypto/digest.h"
#include "policy/generate.h"

#define CONFINEMENT_MOUNTS_MAX       16
#define CONFINEMENT_OPTIONS_MAX      16
#define CONFINEMENT_CAPABILITIES_MAX 64
#define CONFINEMENT_GROUPS_MAX       32 /* what a guest takes */

struct confinement_tmpfs {
    char *text; /* what the others point into */
    const char *options[CONFINEMENT_OPTIONS_MAX];
};

struct confinement_settings {
    char *words[POLICY_SETTINGS_MAX]; /* as in struct policy_process */
    size_t count;
};

struct confinement {
    uint64_t capabilities; /* bit N: the kernel's number N */
    bool no_new_privileges, read_only_root;
    struct confinement_settings rlimits, sysctls;
    json_t *seccomp; /* NULL for no profile */
    char seccomp_sha256[2 * SHA256_SIZE + 1];
    struct confinement_tmpfs tmpfs[CONFINEMENT_MOUNTS_MAX];
    struct policy_mount mounts[CONFINEMENT_MOUNTS_MAX];
    size_t mount_count;
    /* How the capabilities differ from the default ones. */
    const char *added[CONFINEMENT_CAPABILITIES_MAX], *dropped[CONFINEMENT_CAPABILITIES_MAX];
    size_t added_count, dropped_count;
    struct policy_draft_identity groups[CONFINEMENT_GROUPS_MAX]; /* by --group-add */
    size_t group_count;
    unsigned int umask;
    char umask_text[5]; /* as policies have it: "0022" */
};

/* The options, for a command's table. */
#define CONFINEMENT_OPTIONS                                                                        \
    {.name = "cap-add",                                                                            \
     .operand = "NAME",                                                                            \
     .repeats = true,                                                                              \
     .help = "Give this capability, or ALL"},                                                      \
        {.name = "cap-drop",                                                                       \
         .operand = "NAME",                                                                        \
         .repeats = true,                                                                          \
         .help = "Take this capability away, or ALL"},                                             \
        {.name = "group-add",                                                                      \
         .operand = "GROUP",                                                                       \
         .repeats = true,                                                                          \
         .help = "Put the process into this group too, by name or number"},                        \
        {.name = "umask", .operand = "MODE", .help = "The file mode mask, in octal (0022)"},       \
        {.name = "security-opt",                                                                   \
         .operand = "OPTION",                                                                      \
         .repeats = true,                                                                          \
         .help = "seccomp=default, seccomp=FILE, seccomp=unconfined (where none is given), "       \
                 "no-new-privileges"},                                                             \
        {.name = "tmpfs",                                                                          \
         .operand = "DIR[:OPTIONS]",                                                               \
         .repeats = true,                                                                          \
         .help = "Mount a folder in memory (noexec,nosuid,nodev; size=64m)"},                      \
        {.name = "mount",                                                                          \
         .operand = "type=tmpfs,dst=DIR[,…]",                                                      \
         .repeats = true,                                                                          \
         .help = "The same, in words: tmpfs-size, tmpfs-mode, readonly"},                          \
        {.name = "shm-size", .operand = "SIZE", .help = "The size of /dev/shm (64m)"},             \
        {.name = "read-only", .help = "Mount the root file system read-only"},                     \
        {.name = "ulimit",                                                                         \
         .operand = "NAME=SOFT[:HARD]",                                                            \
         .repeats = true,                                                                          \
         .help = "A resource limit, as nofile; -1 for none"},                                      \
    {                                                                                              \
        .name = "sysctl", .operand = "NAME=VALUE", .repeats = true,                                \
        .help = "A setting of the container's IPC, or of TCP"                                      \
    }

/* Reads them. ERROR_USAGE or ERROR_REFUSED names the option. The caller calls confinement_fini()
 * either way. */
int confinement_read(const struct args *args, struct confinement *out, struct error *err);
void confinement_fini(struct confinement *confinement);

/* Puts it into a container's draft, which borrows. */
void confinement_describe(const struct confinement *confinement,
                          struct policy_draft_container *draft);

/* Puts it into a process that a policy is asked about; `names` holds its capabilities. Borrows. */
void confinement_ask(const struct confinement *confinement,
                     const char *names[CONFINEMENT_CAPABILITIES_MAX],
                     struct policy_process *process);

/* The keys of create_container that it decides (vm/machine.h), for the caller to json_decref();
 * NULL with ERROR_LIMIT where memory runs out. */
json_t *confinement_request(const struct confinement *confinement, struct error *err);

/* --tmpfs, --mount and --shm-size, for confinement_read(). */
int confinement_read_mounts(const struct args *args, struct confinement *out, struct error *err);

/* --ulimit and --sysctl, alike. */
int confinement_read_settings(const struct args *args, struct confinement *out, struct error *err);
void confinement_settings_fini(struct confinement_settings *settings);

/* Borrows. */
struct policy_list confinement_list(const struct confinement_settings *settings);

#define LIMIT_OPTIONS                                                                              \
    {                                                                                              \
        .name = "pids-limit", .operand = "COUNT",                                                  \
        .help = "How many processes and threads the container may have"                            \
    }

/* Adds "limits" to the request. ERROR_USAGE for what is malformed. */
int confinement_add_limits(const struct args *args, json_t *request, struct error *err);

#endif
