/*
 * The host's requests (docs/protocol.md), from untrusted JSON to checked values. What passes here
 * is well formed: every key known, of its type and within its limits; whether it is allowed is not
 * decided here. request_fini() ends all that
 * it points to.
 */
#ifndef CAISSON_GUEST_REQUEST_H
#define CAISSON_GUEST_REQUEST_H

#include <netinet/in.h>

#include "crypto/digest.h"
#include "guest/spec.h"
#include "policy/policy.h"

#define REQUEST_ID_MAX        ((1ULL << 53) - 1)
#define REQUEST_LAYERS_MAX    256
#define REQUEST_MOUNTS_MAX    64
#define REQUEST_LIST_MAX      4096 /* arguments, variables, options: together bounded by the frame */
#define REQUEST_CONTAINER_MAX 64   /* characters of a container's id */
#define REQUEST_DNS_MAX       3
#define REQUEST_HOSTNAME_MAX  64
#define REQUEST_NONCE_MAX     64
#define REQUEST_MEMORY_MAX    (1ULL << 50) /* bytes; limits of a container */
#define REQUEST_CPU_MAX       1024000      /* thousandths of a CPU */
#define REQUEST_COUNT_MAX     4194304      /* processes */
#define REQUEST_MEMORY_LIMIT  (4 << 20)    /* bytes that reading one may take */

enum request_op {
    REQUEST_SET_POLICY,
    REQUEST_LOAD_FRAGMENT,
    REQUEST_SET_NETWORK,
    REQUEST_MOUNT_DEVICE,
    REQUEST_SCRATCH_MOUNT,
    REQUEST_MOUNT_OVERLAY,
    REQUEST_CREATE_CONTAINER,
    REQUEST_EXEC,
    REQUEST_SIGNAL,
    REQUEST_RESIZE,
    REQUEST_SHUTDOWN,
    REQUEST_UNMOUNT_OVERLAY,
    REQUEST_UNMOUNT_DEVICE,
    REQUEST_PAUSE,
    REQUEST_UNPAUSE,
    REQUEST_ATTEST,
    REQUEST_STATISTICS,
    REQUEST_PROBE_PORT,
    REQUEST_USAGE,
    REQUEST_PROCESSES,
    REQUEST_POWER_OFF,
    REQUEST_POINT, /* a point of the policy that is known by name and always denied */
};

/* set_policy and load_fragment: bytes that come on a stream. */
struct request_upload {
    uint32_t stream;
    uint64_t size;
};

struct request_addresses {
    struct in_addr items[REQUEST_DNS_MAX];
    size_t count;
};

struct request_set_network {
    struct in_addr address, gateway;
    unsigned int prefix;
    struct request_addresses dns;
    struct request_addresses services; /* of the policy's caisson_attestation, in its order */
    const char *hostname;
};

struct request_mount_device {
    unsigned int lun;
    const char *root_hash; /* 64 lower-case digits */
    const char *target;    /* "/run/mounts/scsi/mN" */
};

struct request_scratch_mount {
    unsigned int lun; /* the disk that is written to */
};

struct request_mount_overlay {
    const char *id;
    struct policy_list layers; /* targets, topmost first */
};

/* A container's first process, or one more (then without what is the container's: mounts, host
 * name, privileges, limits). */
struct request_process {
    const char *id, *cwd, *user, *hostname;
    struct policy_list args, env;
    struct policy_list groups; /* besides those that the user is in; may be empty */
    unsigned int umask;
    struct policy_capabilities capabilities;
    bool no_new_privileges, privileged, read_only_root, terminal;
    const struct policy_mount *mounts;
    size_t mount_count;
    unsigned int rows, columns;
    uint32_t standard[3];                     /* streams of stdin, stdout, stderr; 0 for none */
    const struct value *seccomp;              /* NULL for no profile */
    char seccomp_sha256[2 * SHA256_SIZE + 1]; /* as policies have it: "" for none */
    struct policy_list rlimits, sysctls;      /* as in struct policy_process */
    struct spec_limits limits;
};

/* `process` is the number of the request that started it; 0 for the container's first. */
struct request_signal {
    const char *id;
    uint64_t process;
    unsigned int signal;
};

struct request_resize {
    const char *id;
    uint64_t process;
    unsigned int rows, columns;
};

/* What is about one container, or one layer's place. */
struct request_object {
    const char *name;
};

struct request_attest {
    uint8_t nonce[REQUEST_NONCE_MAX];
    size_t nonce_size;
};

union request_args {
    struct request_upload upload;
    struct request_set_network set_network;
    struct request_mount_device mount_device;
    struct request_scratch_mount scratch_mount;
    struct request_mount_overlay mount_overlay;
    struct request_process process;
    struct request_signal signal;
    struct request_resize resize;
    struct request_object object;
    struct request_attest attest;
    unsigned int port; /* of probe_port */
};

struct request {
    uint64_t id; /* 0 where the message has none that can be read */
    enum request_op op;
    enum policy_point point; /* of REQUEST_POINT */
    union request_args args;
    struct arena memory; /* what the above points to */
};

/* Reads one control message. Fails with ERROR_INVALID or ERROR_LIMIT; out->id is set as far as it
 * could be read, so that the refusal can be answered. request_fini() is needed in every case. */
int request_parse(struct span message, struct request *out, struct error *err);
void request_fini(struct request *request);
#define REQUEST_AUTO __attribute__((cleanup(request_fini))) struct request

#endif
