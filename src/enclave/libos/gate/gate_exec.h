/*
 * Processes beside the container's first, which the policy allowed: each in an enclave of its own,
 * as children of programs have one, and nobody's child.
 *
 * Theory of operation: the gate's thread makes the process and its pipes, with the lock; a service
 * of the library OS's gives it an enclave, which takes as long as an enclave takes to be made. From
 * then on its streams are carried by the gate's thread: whenever a pipe of such a process changes,
 * or one has started or ended, the thread that did it wakes the gate (DOOR_CALLED), which looks at
 * all of them. The gate never waits with the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_GATE_GATE_EXEC_H
#define CAISSON_ENCLAVE_LIBOS_GATE_GATE_EXEC_H

#include <limits.h>

#include "base/buf.h"
#include "enclave/libos/processes/order.h"
#include "guest/gate.h"

struct container;

enum exec_state {
    EXEC_STARTS,
    EXEC_FAILED, /* there is no enclave for it: `status` says why, and its process is gone */
    EXEC_BEGUN,
};

/* The gate's end of a pipe. */
struct exec_stream {
    uint32_t stream;   /* of the channel; 0 for none */
    struct file *file; /* NULL for none, or at its end */
    uint64_t seen;     /* its edges, when it was looked at */
};

/* Of a process: pipes, or a terminal. */
struct gate_streams {
    struct exec_stream input;
    struct buf pending; /* came for the input and is not in its pipe yet */
    bool input_ended;   /* nothing more comes */
    struct exec_stream outputs[2];
    struct file *terminal; /* its master; NULL for none */
};

struct exec {
    uint64_t number;         /* the gate's; 0 for a free place */
    enum exec_state state;   /* with the lock, as are `status`, the process and files */
    bool is_told;            /* to the gate: it runs */
    int status;              /* a negative errno */
    struct process *process; /* NULL when it has gone */
    struct gate_streams streams;

    /* While it starts: what its enclave is told. */
    struct order order;
    char path[PATH_MAX];
    struct buf texts; /* the words */
};

/* As machine_ops.start, for one that is not the container's first. */
int gate_exec_start(struct container *all, const struct spec *spec, uint64_t number,
                    const uint32_t standard[3], struct error *err);

/* Moves what can be moved, and tells the gate who has started and ended. Behind each event. */
int gate_exec_pump(struct container *all, struct error *err);

/* The container's first process has ended, and they have with it. */
int gate_exec_end(struct container *all, struct error *err);

/* As machine_ops.signal. */
int gate_exec_signal(struct container *all, uint64_t number, unsigned signal, struct error *err);

/* As machine_ops.stream_data and stream_closed. */
bool gate_exec_take_input(struct container *all, uint32_t stream, struct span bytes);
bool gate_exec_end_input(struct container *all, uint32_t stream);

/* As machine_ops.resize: of the container's first process (0) or a further one. */
int gate_exec_resize(struct container *all, uint64_t number, unsigned rows, unsigned columns,
                     struct error *err);

/* The container's first process is about to run, with a terminal that is to be carried. */
void gate_exec_watch(struct container *all);

/* gate_exec_streams.c. With the lock. Pipes as the process' standard streams, or /dev/null where
 * there is no stream of the channel; or a terminal. A negative errno, and then nothing is left but
 * what the process has. */
struct process;
int gate_streams_open(struct gate_streams *streams, struct process *process,
                      const struct spec *spec, const uint32_t standard[3]);
void gate_streams_close(struct gate_streams *streams);
/* Whether a pipe has changed since it was looked at. */
bool gate_streams_have_changed(const struct gate_streams *streams);
/* An error is the channel's. `is_over`: the process reads no more. */
int gate_streams_pump(struct gate_streams *streams, struct channel *channel, bool is_over,
                      struct error *err);
/* Of one that has ended: whether all of its output is with the channel. */
bool gate_streams_are_done(const struct gate_streams *streams);
/* Of a process that has gone what is left of the host's input is dropped, and the gate answers for
 * what comes. */
int gate_streams_end_input(struct gate_streams *streams, struct channel *channel,
                           struct error *err);
/* The same, and what is left of its output, for good: files stay as they are, without the lock. */
int gate_streams_abandon(struct gate_streams *streams, struct channel *channel, struct error *err);

#endif
