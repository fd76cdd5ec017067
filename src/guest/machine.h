/*
 * The real machine behind the gate: disks, overlays, network, containers, reports. One per guest.
 * Paths: layers at /run/mounts/scsi/mN; a container's things beneath /run/gcs/c/<id>.
 */
#ifndef CAISSON_GUEST_MACHINE_H
#define CAISSON_GUEST_MACHINE_H

#include "guest/agent.h"
#include "guest/cmdline.h"
#include "guest/gate.h"
#include "guest/sandbox.h"
#include "guest/task.h"

#define MACHINE_TASKS_MAX (GATE_CONTAINERS_MAX + GATE_PROCESSES_MAX)

struct machine {
    struct gate *gate;
    enum guest_tee tee;
    int processor; /* the simulated secure processor's port, -1 where there is none */
    struct task tasks[MACHINE_TASKS_MAX];
    struct sandbox sandbox;
    struct in_addr address; /* its own; the loopback's without a network */
    struct request_addresses dns;
    struct request_addresses services; /* that the attestation agent may speak to */
    int fragment_check;         /* the program that verifies fragments; -1 until the first comes */
    int agent;                  /* the attestation agent's program, alike */
    struct agent_order serving; /* the one that serves the containers */
    int served;                 /* this end of its socket; -1 where there is none */
    bool has_scratch;           /* a disk takes what containers write; else memory does */
};

extern const struct machine_ops machine_real_ops;

/* `gate` is the one that will use this machine. `processor` is borrowed. */
void machine_init(struct machine *machine, struct gate *gate, enum guest_tee tee, int processor);

/* Collects what to wait for; `polls` must hold MACHINE_TASKS_MAX × TASK_POLLS, and one more. */
size_t machine_collect(const struct machine *machine, struct pollfd *polls);

/* Moves what can be moved, and tells the gate which processes have started and ended. */
int machine_pump(struct machine *machine, struct error *err);

/* Reaps every process that has ended. */
void machine_reap(struct machine *machine);

#endif
