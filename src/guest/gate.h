/*
 * The gate: everything that the host asks for passes here, is checked, decided by the policy, and
 * only then done by the machine. It knows no system call: what it does goes through machine_ops, so
 * that the whole of it runs (and is fuzzed) on any host.
 *
 * Theory of operation
 *
 * Bytes of the port go into gate.channel (channel_receive), bytes for it come out (channel_output).
 * Until a policy whose SHA-256 is the hardware's HOST_DATA has been set, setting it and powering
 * off are all that is possible; it is set once. Each request is answered: done, or refused with a
 * code and a reason. A refusal leaves nothing behind.
 *
 * Streams that a well-formed request names are opened when it is read. When the request is refused,
 * the guest closes those that it would have sent on, and takes and drops what comes on the others
 * until the host closes them. So both ends agree on what is open whatever the answer is.
 *
 * Starting a process takes time: machine_ops.start begins it, and the machine tells how it came out
 * by gate_created() or gate_create_failed(), and the process's end by gate_exited().
 */
#ifndef CAISSON_GUEST_GATE_H
#define CAISSON_GUEST_GATE_H

#include "agent/exchange.h"
#include "crypto/digest.h"
#include "evidence/runtime_data.h"
#include "format/channel.h"
#include "guest/request.h"
#include "guest/spec.h"

#define GATE_CONTAINERS_MAX 16
#define GATE_PROCESSES_MAX  32   /* beside the containers' first */
#define GATE_WAITING_MAX    16   /* requests without an answer */
#define GATE_REPORT_SIZE    1184 /* the largest: SNP's */
#define GATE_HOST_DATA_AT   0xC0 /* in SNP's */
#define GATE_REPORTS_SNP                                                                           \
    {                                                                                              \
        GATE_REPORT_SIZE, GATE_HOST_DATA_AT, "HOST_DATA"                                           \
    }
#define GATE_CODE_NOT_STARTED 128 /* stands for the exit code of what could not be started */
#define GATE_SCRATCH          "/run/mounts/scratch" /* where the scratch disk is */

struct gate;

/* How the hardware's reports look: bytes, and where the SHA-256 of the policy is in them, for which
 * the machine was launched, and how the hardware calls that. */
struct gate_reports {
    size_t size;
    size_t policy_at;
    const char *binding;
};

/* What a machine can do. All are called after the policy's yes, with checked values. */
struct machine_ops {
    struct gate_reports reports; /* at most GATE_REPORT_SIZE bytes */
    /* Appends a report over this REPORT_DATA, and the certificates that the hardware's owner gives
     * with it, if any. */
    int (*report)(void *machine, const uint8_t report_data[REPORT_DATA_SIZE], struct buf *report,
                  struct buf *certificates, struct error *err);
    int (*set_network)(void *machine, const struct request_set_network *network, struct error *err);
    int (*mount_device)(void *machine, const struct request_mount_device *device,
                        struct error *err);
    /* From now on overlays are on this disk. */
    int (*scratch_mount)(void *machine, const struct request_scratch_mount *scratch,
                         struct error *err);
    int (*mount_overlay)(void *machine, const char *id, struct policy_list layers,
                         struct error *err);
    int (*remove_overlay)(void *machine, const char *id, struct error *err);
    int (*unmount_device)(void *machine, const char *target, struct error *err);
    /* Looks the user up in the container's own files. */
    int (*find_user)(void *machine, const struct request_process *process, struct user *out,
                     struct error *err);
    /* Begins to start a process, which gets these streams (0 for none): a container's first, where
     * `process` is 0, else another one in a container that runs. */
    int (*start)(void *machine, const struct spec *spec, uint64_t process,
                 const uint32_t standard[3], struct error *err);
    int (*signal)(void *machine, const char *id, uint64_t process, unsigned int number,
                  struct error *err);
    int (*resize)(void *machine, const char *id, uint64_t process, unsigned int rows,
                  unsigned int columns, struct error *err);
    /* Whether something takes connections at the machine's address. */
    int (*probe_port)(void *machine, unsigned int port, bool *open, struct error *err);
    /* Stops all containers, or lets them go on. */
    int (*freeze)(void *machine, bool frozen, struct error *err);
    /* Append what a container has used (members of an object), and its processes (an array). */
    int (*usage)(void *machine, const char *id, struct buf *out, struct error *err);
    int (*processes)(void *machine, const char *id, struct buf *out, struct error *err);
    /* Verifies a signed fragment and appends what fragment_read() reads (guest/fragment.h).
     * ERROR_REFUSED where it is not to be believed. */
    int (*verify_fragment)(void *machine, struct span cose, struct buf *answer, struct error *err);
    int (*statistics)(void *machine, uint64_t *total, uint64_t *available, struct error *err);
    /* Bytes, or the end, of a stream to a process. False when no process of the machine's takes
     * this stream. The machine grants (channel_grant) what it took once it is consumed. */
    bool (*stream_data)(void *machine, uint32_t stream, struct span bytes);
    bool (*stream_closed)(void *machine, uint32_t stream);
};

enum gate_container_state {
    CONTAINER_FREE,
    CONTAINER_OVERLAY,
    CONTAINER_STARTED, /* its first process starts, or runs */
    CONTAINER_EXITED
};

struct gate_container {
    enum gate_container_state state;
    char id[REQUEST_CONTAINER_MAX + 1];
    char root[96];
};

/* A container's process, from its request to its end. */
struct gate_process {
    struct gate_container *container; /* NULL for a free slot */
    uint64_t number;                  /* 0 for its first, else that of the request */
    uint64_t request;                 /* that asked for it */
    bool running, terminal;
    uint32_t standard[3];
    char **args; /* one block of memory: the strings lie behind the pointers */
    size_t arg_count;
};

/* Which process: of which container, and by which request (0 for its first). */
struct gate_process_name {
    char id[REQUEST_CONTAINER_MAX + 1];
    uint64_t process;
};

/* A policy or a fragment on its way in; one at a time. */
struct gate_upload {
    struct buf bytes;
    uint32_t stream; /* 0: none */
    uint64_t size;   /* that was told */
    uint64_t request;
    bool overflow;
    int (*finish)(struct gate *gate, struct error *err); /* once the stream is closed */
};

enum gate_phase { GATE_CLOSED, GATE_READING, GATE_OPEN };

struct gate {
    struct channel channel;
    const struct machine_ops *ops;
    void *machine;
    const char *tee; /* borrowed */
    enum gate_phase phase;
    struct gate_upload upload;
    struct policy *policy;
    struct buf text; /* the policy's; empty where it is longer than EXCHANGE_POLICY_MAX */
    struct policy_state *state;
    struct gate_container containers[GATE_CONTAINERS_MAX];
    /* Those that are a container's first have its place; then the others. */
    struct gate_process processes[GATE_CONTAINERS_MAX + GATE_PROCESSES_MAX];
    uint64_t last_id;
    unsigned int waiting;
    bool has_network;
    bool has_scratch;
    bool paused;
    bool power_off; /* the host asked for it; the answer is in the output */
};

/* The ops, the machine and the TEE's name must outlive the gate. The owner calls gate_fini(). */
void gate_init(struct gate *gate, const struct machine_ops *ops, void *machine, const char *tee);
void gate_fini(struct gate *gate);

/* Says hello. */
int gate_start(struct gate *gate, struct error *err);

/* Bytes from the port. An error ends the channel: the machine powers off. */
int gate_receive(struct gate *gate, struct span bytes, struct error *err);

/* The process runs with this number. */
int gate_created(struct gate *gate, const struct gate_process_name *name, int64_t pid,
                 struct error *err);

/* It could not be started; `why` is told to the host. Of a container's first process the overlay is
 * taken away, and the id is used up, since the policy has seen it start. */
int gate_create_failed(struct gate *gate, const struct gate_process_name *name,
                       const struct error *why, struct error *err);

/* It has ended; its output streams are closed already. */
int gate_exited(struct gate *gate, const struct gate_process_name *name, unsigned int code,
                unsigned int number, struct error *err);

#endif
