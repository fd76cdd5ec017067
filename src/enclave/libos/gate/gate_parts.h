/* What the gate's files share; nobody else includes it: gate.c (what happens), gate_machine.c
 * (layers, users, reports), gate_mounts.c (file systems in memory), gate_start.c (the program). */
#ifndef CAISSON_ENCLAVE_LIBOS_GATE_GATE_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_GATE_GATE_PARTS_H

#include "enclave/libos/door/door.h"
#include "enclave/libos/files/root.h"
#include "enclave/libos/gate/gate.h"
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
    PROGRAM_LOADED,  /* it may begin */
    PROGRAM_RUNNING, /* or about to: its thread was asked for */
    PROGRAM_ENDED,   /* the gate has told */
};

/* The one container of an enclave. */
struct container {
    struct gate gate;
    struct door_start start;
    struct gate_layer layers[REQUEST_LAYERS_MAX];
    char id[REQUEST_CONTAINER_MAX + 1];
    enum program_state state;
    struct vfs *vfs;              /* the first process' */
    struct request_addresses dns; /* of the network's; none without one */
    struct program program;
    uint64_t stack;
    uint32_t standard[3]; /* streams of the channel; 0 for none */
};

extern const struct machine_ops enclave_machine_ops;

/* gate_mounts.c: the specification's mounts. */
int gate_mount_all(struct container *all, const struct spec *spec, struct error *err);

/* machine_ops.start: loads what the specification says. */
int gate_start_program(void *argument, const struct spec *spec, uint64_t process,
                       const uint32_t standard[3], struct error *err);

#endif
