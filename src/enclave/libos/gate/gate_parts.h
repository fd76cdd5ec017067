/* What the gate's files share; nobody else includes it: gate.c (what happens), gate_machine.c
 * (layers, users, reports), gate_mounts.c (file systems in memory), gate_start.c (the program),
 * gate_exec.c (further ones), gate_agent.c (the attestation agent), gate_secrets.c (the first one's
 * secrets), gate_keep.c (what it is to be, until they are there), gate_process.c (what all
 * processes have in common), gate_figures.c (top and stats). */
#ifndef CAISSON_ENCLAVE_LIBOS_GATE_GATE_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_GATE_GATE_PARTS_H

#include <limits.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/files/root.h"
#include "enclave/libos/gate/gate.h"
#include "enclave/libos/gate/gate_exec.h"
#include "enclave/libos/processes/limits.h"
#include "enclave/libos/program/load.h"
#include "guest/gate.h"

#define LAYER_TARGET_MAX 64

struct gate_layer {
    char target[LAYER_TARGET_MAX]; /* "" for a free place */
    struct root_layer layer;
};

enum program_state {
    PROGRAM_NONE,
    PROGRAM_ROOT,    /* its root is mounted */
    PROGRAM_WAITS,   /* for its secrets: from now on there are other threads, and the lock */
    PROGRAM_LOADED,  /* it may begin */
    PROGRAM_RUNNING, /* or about to: its thread was asked for */
    PROGRAM_ENDED,   /* the gate has told */
};

/* While the first process' secrets come: what it is to be, and what the host sends meanwhile. */
struct gate_kept {
    struct spec spec; /* args, env, cwd, user, umask, capabilities, and what is not the request's */
    struct user user;
    char *cwd;
    struct buf input;
    bool input_ended;
};

/* The one container of an enclave. */
struct container {
    struct gate gate;
    struct door_start start;
    struct gate_layer layers[REQUEST_LAYERS_MAX];
    char id[REQUEST_CONTAINER_MAX + 1];
    enum program_state state;
    struct vfs *vfs;                   /* the first process' */
    struct request_addresses dns;      /* of the network's; none without one */
    struct request_addresses services; /* of the policy's services, as the host tells them */
    struct program program;
    uint64_t stack;
    uint32_t standard[3]; /* streams of the channel; 0 for none */

    /* For further processes: the files as the container has them, whatever its first process makes
     * of its own view, and the limits that it began with. */
    struct vfs view;
    struct limits limits;
    struct exec execs[GATE_PROCESSES_MAX];
    struct gate_streams first; /* of the first process, where it has a terminal */
    struct gate_kept kept;
};

extern const struct machine_ops enclave_machine_ops;

#define GATE_WORDS_MAX (UINT64_C(1) << 20) /* bytes */

/* gate_process.c. Says which process could not be started, and why: by an errno. -1. */
int gate_cannot(const char *what, int status, struct error *err);
/* The user, groups, capabilities and umask. */
void gate_become(struct process *process, const struct spec *spec);
/* Looks the program up in the container's PATH, as a shell would; else it is a path already. */
int gate_find_program(struct vfs *vfs, const struct spec *spec, char path[PATH_MAX],
                      struct error *err);
/* The path, the arguments and the environment; the words are in `texts`. */
int gate_put_words(const struct spec *spec, const char *path, struct buf *texts,
                   struct program_words *out, struct error *err);

/* gate_machine.c. How many blocks of data the disk says that it has; nothing vouches for it yet. */
int gate_read_blocks(struct root_layer *layer, struct error *err);

/* gate_agent.c: the attestation agent, where the policy lets programs ask it. */
int gate_prepare_agent(struct container *all, const struct spec *spec, struct error *err);
/* The agent's root, over its disk, or why it is not there; and what an agent is for: to serve, or
 * to bring the secrets of a row. */
const struct vfs *gate_agent_root(struct error *err);
int gate_put_agent_config(const struct container *all, const struct spec *spec, size_t row,
                          struct buf *out, struct error *err);

/* gate_secrets.c. Whether the first process gets any. */
bool gate_wants_secrets(const struct spec *spec);
/* What can be refused before anybody is asked, then the asking. */
int gate_ask_for_secrets(struct container *all, const struct spec *spec, struct error *err);
/* While the program waits, behind each event: begins what follows when they have come, or tells
 * that they do not. An error is the channel's. */
int gate_secrets_pump(struct container *all, struct error *err);
/* Of the host's input for a program that waits: kept until it begins, then given to it. */
bool gate_keep_input(struct container *all, struct span bytes);
void gate_give_input(struct container *all);

/* gate_keep.c: a copy of what the request says, and its end. */
int gate_keep_spec(const struct spec *spec, struct gate_kept *out, struct error *err);
void gate_kept_fini(struct gate_kept *kept);
/* Adds a variable to those that are kept. */
int gate_keep_variable(struct gate_kept *kept, const char *name, struct span value,
                       struct error *err);

/* gate_start.c: the second half of a start, from the container's files to the loaded program. */
int gate_finish_start(struct container *all, const struct spec *spec, struct error *err);

/* gate_mounts.c: the specification's mounts. */
int gate_mount_all(struct container *all, const struct spec *spec, struct error *err);

/* gate_figures.c: as machine_ops.usage and processes. */
int gate_tell_usage(void *argument, const char *id, struct buf *out, struct error *err);
int gate_tell_processes(void *argument, const char *id, struct buf *out, struct error *err);

/* machine_ops.start: loads what the specification says. */
int gate_start_program(void *argument, const struct spec *spec, uint64_t process,
                       const uint32_t standard[3], struct error *err);

#endif
