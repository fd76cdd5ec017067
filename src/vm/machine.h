/*
 * A utility VM with a container or a group of them in it, from the host's side: started, watched by
 * a monitor of its own that outlives the command that started it, and spoken to over the monitor's
 * socket.
 *
 * Theory of operation
 *
 * machine_start() forks the monitor, which owns QEMU, passt, the channel to the guest, and the
 * simulated secure processor. QEMU and passt die with the monitor, whatever kills it. The starter
 * holds one connection to the monitor from the beginning; where the machine is `owned`, the end of
 * that connection ends the machine. Others connect by the machine's name (vm/client.h).
 *
 * Nothing that the monitor does is trusted by the guest; the guest may be hostile to the monitor
 * too.
 */
#ifndef CAISSON_VM_MACHINE_H
#define CAISSON_VM_MACHINE_H

#include <jansson.h>

#include "vm/group.h"
#include "vm/http_probe.h"
#include "vm/passt.h"
#include "vm/qemu_args.h"
#include "vm/tsc.h"

#define MACHINE_MEMBERS_MAX 16 /* what one guest takes (docs/protocol.md) */

struct vm_disk {
    const char *path;
    uint8_t root_hash[SHA256_SIZE];
};

/* What create_container is asked for; lists are NULL-terminated. */
struct vm_process {
    char *const *args;
    char *const *env;
    const char *cwd;
    const char *user;
    const char *hostname;
    uint32_t umask;
    bool no_new_privileges;
    bool read_only_root;
    bool terminal;
    bool input; /* has a standard input */
    uint32_t rows;
    uint32_t columns;
    /* Keys of create_container that replace the usual ones, but that "mounts" are added to them;
     * NULL for none. */
    const json_t *confinement;
};

enum vm_probe_kind { VM_PROBE_EXEC, VM_PROBE_HTTP, VM_PROBE_TCP, VM_PROBE_SLEEP };

/* How one probe or hook of a member is made; when, says its plan. */
struct vm_probe {
    enum vm_probe_kind kind;
    uint32_t timeout_ms;         /* of exec and tcp, 0 for none; of sleep how long, at least 1 */
    char *const *command;        /* exec */
    struct http_probe_plan http; /* its port is one of the machine's own published ones */
    uint16_t port;               /* tcp: the container's */
};

/* A container of a group. */
struct vm_member {
    struct group_member_plan plan;
    const char *image;
    struct vm_process process; /* no terminal, no input */
    const size_t *layers;      /* places in `disks`, the bottom layer first */
    size_t layer_count;
    const struct policy_mount *mounts;
    size_t mount_count;
    uint32_t stop_signal;
    struct vm_probe probes[GROUP_ASKED];
};

/* Paths, for the kinds of machines that are enclaves. */
struct vm_enclave {
    const char *program; /* caisson-enclave-host */
    const char *image;
    const char *signature;
    const char *agent; /* its attestation agent's disk, which goes last; NULL for none */
    /* Of the simulated platform; NULL for a processor: what enclaves' keys derive from, and, for
     * quotes that programs ask for, its key and the certificates of that. */
    const char *fuse, *quote_key, *quote_chain;
};

struct vm_config {
    const char *name;
    const char *image;        /* the reference, for people */
    const char *guest_folder; /* vmlinux, bzImage, initrd, parts, cmdline, cmdline.simulated */
    const char *psp_folder;   /* of the simulated secure processor */
    enum vm_tee tee;
    struct vm_enclave enclave;
    bool kvm;
    struct tsc_look tsc; /* without KVM: an early one spares the start of QEMU a wait */
    bool network;
    bool host_network; /* of an enclave: it has no network of its own, but this process' */
    bool auto_remove;
    bool owned; /* ends with the connection that machine_start() returns */
    uint32_t memory_mib;
    uint32_t vcpus;
    const struct vm_disk *disks; /* the bottom layer first */
    size_t disk_count;
    const struct vm_member *members; /* of a group: then `process` is only told to people */
    size_t member_count;             /* 0 for the one container that `process` is */
    uint64_t scratch_size;      /* bytes of an encrypted disk for what is written; 0 for memory */
    const char *scratch_folder; /* where the file behind it is, which has no name */
    const struct port_rule *ports;
    size_t port_count;
    size_t probe_port_count; /* behind those of `ports`: for http probes, nobody else's business */
    struct span policy;
    const struct span *fragments; /* signed; loaded in this order */
    size_t fragment_count;        /* at most 64 */
    /* Of the policy's services, in its order: what names they have is the policy's to say. */
    const char *const *services;
    size_t service_count;
    bool attests;       /* the policy has caisson_attestation */
    bool maps_loopback; /* the gateway's address is the host's loopback: one of the services is */
    struct vm_process process;
    uint32_t stop_signal;      /* what asks the container to end; 0 for SIGTERM */
    bool same_user;            /* started by root, QEMU and passt are root's too: for tests */
    uint32_t boot_timeout_ms;  /* 0 for the default; the next two NULL for theirs */
    const char *qemu_program;  /* NULL for QEMU_PROGRAM */
    const char *passt_program; /* NULL for PASST_PROGRAM */
};

#define MACHINE_SCRATCH_MIN (320ULL << 20) /* src/guest/scratch.h */
#define MACHINE_SCRATCH_MAX (16ULL << 40)

/*
 * Makes the machine's record and starts its monitor. Everything in `config` need live only until
 * the call returns. *client_fd is a connection to the monitor (vm/client.h). ERROR_REFUSED when the
 * name is in use.
 */
int machine_start(const struct vm_config *config, int *client_fd, struct error *err);

#endif
