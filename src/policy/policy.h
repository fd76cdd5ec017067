/*
 * The execution policy (docs/policy.md): what a container group may mount, run and signal.
 *
 * A policy is read once from its text and never changes; a policy_state follows one machine's life
 * under it. Each enforcement point is a function that takes the state, what the host asks for, and
 * a decision to fill in. It returns true only when the policy allows it. A call that is denied
 * leaves the state as it was. Everything that arrives here from a host or an image is hostile.
 *
 * Ownership: a policy outlives its states. A decision borrows strings from the policy and from the
 * process it was asked about, and owns its own arrays: policy_decision_fini() after each call. One
 * decision may be used for many calls one after the other.
 *
 * Nothing here does I/O; a state may be used from one thread.
 */
#ifndef CAISSON_POLICY_POLICY_H
#define CAISSON_POLICY_POLICY_H

#include "base/error.h"
#include "base/span.h"
#include "crypto/digest.h"

#define POLICY_SIZE_MAX ((size_t)4 << 20) /* bytes of text */

struct policy;
struct policy_state;
struct policy_container; /* a container of the policy; see policy_container_*() */

enum policy_flags {
    POLICY_STRICT = 0,
    /* Accept points that are set to {"allowed": true}. Say so loudly where this is used. */
    POLICY_ALLOW_ALL = 1,
};

/* Enforcement points, by their names in the policy's API. */
enum policy_point {
    POLICY_MOUNT_DEVICE,
    POLICY_MOUNT_OVERLAY,
    POLICY_CREATE_CONTAINER,
    POLICY_UNMOUNT_DEVICE,
    POLICY_UNMOUNT_OVERLAY,
    POLICY_EXEC_IN_CONTAINER,
    POLICY_EXEC_EXTERNAL,
    POLICY_SHUTDOWN_CONTAINER,
    POLICY_SIGNAL_CONTAINER_PROCESS,
    POLICY_PLAN9_MOUNT,
    POLICY_PLAN9_UNMOUNT,
    POLICY_GET_PROPERTIES,
    POLICY_DUMP_STACKS,
    POLICY_RUNTIME_LOGGING,
    POLICY_LOAD_FRAGMENT,
    POLICY_SCRATCH_MOUNT,
    POLICY_SCRATCH_UNMOUNT,
    POLICY_RW_MOUNT_DEVICE,
    POLICY_RW_UNMOUNT_DEVICE,
    POLICY_MOUNT_BLOCKDEV,
    POLICY_UNMOUNT_BLOCKDEV,
    POLICY_REGISTRY_CHANGES,
    POLICY_LOG_PROVIDER,
    POLICY_HOST_NETWORK,
    POLICY_LOAD_TRANSPARENCY_TRUST_LIST,
    POLICY_POINT_COUNT
};

/* "mount_device"; never NULL. */
const char *policy_point_name(enum policy_point point);

/* Finds a point by its name; false when there is none. */
bool policy_point_of_name(const char *name, enum policy_point *out);

struct policy_list {
    const char *const *items;
    size_t count;
};

enum policy_capability_set {
    POLICY_BOUNDING,
    POLICY_EFFECTIVE,
    POLICY_INHERITABLE,
    POLICY_PERMITTED,
    POLICY_AMBIENT,
    POLICY_CAPABILITY_SETS
};

struct policy_capabilities {
    struct policy_list sets[POLICY_CAPABILITY_SETS]; /* names: "CAP_CHOWN" */
};

/* A user or a group as the guest found it: its number in decimal and its name, "" where it has
 * none. */
struct policy_identity {
    const char *id;
    const char *name;
};

struct policy_mount {
    const char *destination;
    const char *type;
    const char *source;
    struct policy_list options;
};

/* A process that the host asks for. Absent strings are "", never NULL. */
struct policy_process {
    const char *container_id; /* not for exec_external */
    const char *sandbox_id;   /* the pod's: sandbox:// stands for /run/gcs/c/<it>/sandboxMounts */
    struct policy_list args;
    struct policy_list env; /* "NAME=value" */
    const char *cwd;
    struct policy_identity user;
    const struct policy_identity *groups; /* the user's group and all additional ones */
    size_t group_count;
    const char *umask; /* four octal digits, "0022" */
    bool no_new_privileges;
    struct policy_capabilities capabilities;
    /* From here on for create_container only. */
    bool privileged;
    bool read_only_root;
    const char *seccomp_sha256; /* hex, "" for no profile */
    const struct policy_mount *mounts;
    size_t mount_count;
    struct policy_list rlimits; /* "nofile=1024:4096", soft and hard, -1 for none */
    struct policy_list sysctls; /* "net.core.somaxconn=1024" */
};

#define POLICY_SETTINGS_MAX 32 /* of rlimits, and of sysctls */

struct policy_decision {
    bool allowed;
    bool stdio; /* the process may use its standard streams */
    enum policy_point point;
    /* What the process gets, in the order given, doubles removed (create and exec). */
    struct policy_list env_kept;
    struct policy_capabilities caps_kept; /* create and exec_in_container */
    /* The first of the policy's containers that the process agrees with; NULL where none or where
     * the point is {"allowed": true}. */
    const struct policy_container *container;
    /* Why not: the value, the rule and the nearest container. Values of variables are left out. */
    char reason[ERROR_TEXT_SIZE];
    void *memory; /* the arrays above */
};

/* Reads a policy. ERROR_INVALID or ERROR_LIMIT with line number and construct; nothing that the
 * reader does not know is passed over. The caller frees *out with policy_free(). */
int policy_parse(struct span text, unsigned int flags, struct policy **out, struct error *err);
void policy_free(struct policy *policy);
void policy_cleanup(struct policy **policy);
#define POLICY_AUTO __attribute__((cleanup(policy_cleanup))) struct policy *

/* True when some point is {"allowed": true}: every output that shows the policy must say so. */
bool policy_allows_all(const struct policy *policy);

const char *policy_api_version(const struct policy *policy); /* "" where absent */
const char *policy_svn(const struct policy *policy);         /* of a fragment; NULL where absent */
const char *policy_framework_version(const struct policy *policy); /* "" where absent */

size_t policy_container_count(const struct policy *policy);
const struct policy_container *policy_container_at(const struct policy *policy, size_t index);

/* What a container of the policy says. The name is for people: nothing decides by it. */
const char *policy_container_name(const struct policy_container *container);
struct policy_list policy_container_command(const struct policy_container *container);
struct policy_list policy_container_layers(
    const struct policy_container *container); /* base first */
const char *policy_container_working_dir(const struct policy_container *container);
bool policy_container_stdio(const struct policy_container *container);
bool policy_container_elevated(const struct policy_container *container);
bool policy_container_no_new_privileges(const struct policy_container *container);

/* The layer of the container that holds a pod's namespaces on other platforms. */
#define POLICY_PAUSE_LAYER "16b514057a06ad665f92c02863aca074fd5976c755d26bff16365299169e8415"

/* What a policy says of its containers together (`caisson_group`, docs/policy.md). Numbers are rows
 * of `containers`. */
enum policy_restart { POLICY_RESTART_ALWAYS, POLICY_RESTART_ON_FAILURE, POLICY_RESTART_NEVER };

/* "Always", "OnFailure", "Never": Kubernetes' words, which the policy uses too. */
extern const char *const policy_restart_names[]; /* by enum policy_restart */
bool policy_restart_of_name(const char *name, enum policy_restart *out);

struct policy_empty_dir {
    const char *name;
    bool memory;        /* never on a disk */
    uint64_t size;      /* bytes; 0 for no limit of its own */
    unsigned int group; /* whose it is, and what is made in it; 0 for root's */
};

struct policy_rows {
    const size_t *items;
    size_t count;
};

bool policy_has_row(struct policy_rows rows, size_t row);

struct policy_group {
    struct policy_rows init;       /* run one after the other, each to a good end */
    struct policy_rows sidecars;   /* of `init`: these are started, and not waited for */
    struct policy_rows containers; /* then these are started, in this order */
    enum policy_restart restart;
    bool shared_ipc, shared_pid;
    const struct policy_empty_dir *empty_dirs;
    size_t empty_dir_count;
};

/* NULL where the policy says nothing of it. */
const struct policy_group *policy_get_group(const struct policy *policy);

/* What a policy says of secrets and of the services that hold them (`caisson_attestation`,
 * docs/secrets.md). */
struct policy_service {
    const char *url;   /* https://NAME or https://NAME:PORT */
    const char *roots; /* PEM: its certificate must chain to one of these */
};

/* A resource of a key broker, as a file or as a variable (the other one is NULL). */
struct policy_secret {
    unsigned int service;   /* place in `services` */
    unsigned int container; /* row of `containers` */
    const char *resource;   /* REPOSITORY/TYPE/TAG */
    const char *path;       /* absolute, in the container */
    const char *variable;   /* its name */
    unsigned int mode;      /* of the file, 0 to 0777, and whose it is */
    unsigned int owner;
};

struct policy_attestation {
    const struct policy_service *services;
    size_t service_count;
    const struct policy_secret *secrets;
    size_t secret_count;
    bool api; /* the containers may ask the machine for evidence, tokens and keys */
};

/* NULL where the policy says nothing of it. */
const struct policy_attestation *policy_get_attestation(const struct policy *policy);

#define POLICY_NO_ROW SIZE_MAX

/* The row of `containers` that the started container is; POLICY_NO_ROW for a row of a fragment's,
 * and for a container that was not started. */
size_t policy_row_of(struct policy_state *state, const char *container_id);

/* The caller frees *out with policy_state_free(). */
int policy_state_new(const struct policy *policy, struct policy_state **out, struct error *err);
void policy_state_free(struct policy_state *state);

void policy_decision_fini(struct policy_decision *decision);
#define POLICY_DECISION_AUTO __attribute__((cleanup(policy_decision_fini))) struct policy_decision

#define POLICY_ASK __attribute__((warn_unused_result)) bool

/* A layer: `root_hash` is 64 lower-case digits, `target` /run/mounts/scsi/mN. */
POLICY_ASK policy_mount_device(struct policy_state *state, const char *target,
                               const char *root_hash, struct policy_decision *decision);

/* `layers` are targets of mounted devices, topmost first; `target` is where the root will be. */
POLICY_ASK policy_mount_overlay(struct policy_state *state, const char *container_id,
                                struct policy_list layers, const char *target,
                                struct policy_decision *decision);

POLICY_ASK policy_create_container(struct policy_state *state, const struct policy_process *process,
                                   struct policy_decision *decision);

POLICY_ASK policy_exec_in_container(struct policy_state *state,
                                    const struct policy_process *process,
                                    struct policy_decision *decision);

/* A process in the guest itself: args, env and cwd decide. */
POLICY_ASK policy_exec_external(struct policy_state *state, const struct policy_process *process,
                                struct policy_decision *decision);

/* `args` are those of the process that gets the signal; used only where it is not the first one. */
POLICY_ASK policy_signal_container_process(struct policy_state *state, const char *container_id,
                                           uint32_t signal, bool is_init, struct policy_list args,
                                           struct policy_decision *decision);

POLICY_ASK policy_shutdown_container(struct policy_state *state, const char *container_id,
                                     struct policy_decision *decision);

/* A signed piece of policy (docs/policy.md): who signed it has been verified, its text has not. */
struct policy_fragment {
    const char *issuer; /* did:x509:… */
    const char *feed;
    bool has_svn; /* of the signed header */
    uint64_t svn;
    struct span text;
};

/* What is loaded must fit into evidence, which names it: a fragment takes so many bytes there, and
 * its issuer, feed and svn as JSON. */
#define POLICY_IDENTITY_SIZE  104
#define POLICY_IDENTITIES_MAX 11776

/* Loads a fragment: where a rule of the policy, or of a loaded fragment, names its issuer and its
 * feed, and its svn suffices, what this rule includes holds from then on. Rules that give it
 * parameters load it once for each of them. The same one twice is loaded once. */
POLICY_ASK policy_load_fragment(struct policy_state *state, const struct policy_fragment *fragment,
                                struct policy_decision *decision);

/* Reads a fragment's text as load_fragment would and, with it alone, nothing else: for tools that
 * make and show fragments. `parameters` is a JSON object, as a rule gives it; ERROR_NOT_FOUND where
 * the text wants one that neither has a value there nor a default. With NULL only its svn and its
 * framework's version are read. The caller frees *out with policy_free(). */
int policy_parse_fragment(struct span text, const char *parameters, struct policy **out,
                          struct error *err);

/* What was loaded, in that order. */
struct policy_fragment_identity {
    const char *issuer;
    const char *feed;
    const char *svn;             /* the one that counted: "5", or "1.2.0" */
    uint8_t digest[SHA256_SIZE]; /* of the text */
};
size_t policy_fragment_count(const struct policy_state *state);
const struct policy_fragment_identity *policy_fragment_at(const struct policy_state *state,
                                                          size_t index);

POLICY_ASK policy_unmount_device(struct policy_state *state, const char *target,
                                 struct policy_decision *decision);
POLICY_ASK policy_unmount_overlay(struct policy_state *state, const char *target,
                                  struct policy_decision *decision);

/* Points about one path: unmount_device, rw_unmount_device, unmount_overlay, scratch_unmount,
 * plan9_mount, plan9_unmount, mount_blockdev, unmount_blockdev. */
POLICY_ASK policy_path_point(struct policy_state *state, enum policy_point point,
                             const char *target, struct policy_decision *decision);

struct policy_scratch {
    const char *target;
    const char *filesystem; /* rw_mount_device: "ext4" or "xfs" */
    bool encrypted;
    bool ensure_filesystem; /* rw_mount_device */
};

POLICY_ASK policy_mount_scratch(struct policy_state *state, const struct policy_scratch *scratch,
                                struct policy_decision *decision);

/* scratch_mount and rw_mount_device. */
POLICY_ASK policy_scratch_point(struct policy_state *state, enum policy_point point,
                                const struct policy_scratch *scratch,
                                struct policy_decision *decision);

/* Points without arguments: get_properties, dump_stacks, runtime_logging, host_network, and those
 * that this build denies by name (registry_changes, log_provider, …). */
POLICY_ASK policy_plain_point(struct policy_state *state, enum policy_point point,
                              struct policy_decision *decision);

/* The container's first process has ended: what create_container allows later depends on it. */
void policy_container_exited(struct policy_state *state, const char *container_id,
                             unsigned int code);

/* How many containers the policy demands (all rows but a pod's pause container; with a group, the
 * group's), how many of them run, and how many have come to the good end that they may have. The
 * machine is whole when the latter two make up the first. */
struct policy_standing {
    size_t demanded;
    size_t running;
    size_t done;
};

struct policy_standing policy_get_standing(const struct policy_state *state);

/* After the guest could not do what was allowed: these take back what the call recorded, so that a
 * failure leaves nothing mounted behind. An id for which create_container was allowed stays used
 * up. The caller vouches that the root is unmounted and that nothing runs in it. A device that is a
 * layer of a mounted root stays. */
void policy_forget_device(struct policy_state *state, const char *target);
void policy_forget_overlay(struct policy_state *state, const char *container_id);
void policy_forget_scratch(struct policy_state *state, const char *target);

#endif
