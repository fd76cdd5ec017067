/*
 * Starts a container's first process: what an OCI runtime does, for this one kind of container.
 *
 * Theory of operation: the process is cloned into its namespaces (processes, IPC, UTS, mounts; the
 * network is the machine's: the machine is the pod) and its control group. It builds what it is to
 * live in, gives up what it may not keep, and executes the program. Over a socket that closes when
 * it does, it tells its parent of its terminal, or why it failed. It is a copy of the guest's agent
 * until then, and the only process in its namespaces: nobody but the agent can see it.
 */
#ifndef CAISSON_GUEST_START_H
#define CAISSON_GUEST_START_H

#include <sys/types.h>

#include "guest/spec.h"

/* `ends` become the standard streams; with a terminal they are not used. Returns the descriptor to
 * wait on for start_read(), or -1. The process is the caller's to reap in any case. */
int start_process(const struct spec *spec, const int ends[3], pid_t *pid, struct error *err);

/* What a starting process has told so far. */
struct start_told {
    pid_t pid;    /* 0 until it is known */
    int terminal; /* the master, -1 without; the owner's */
};

enum start_state { START_FAILED = 0, START_GOES_ON, START_DONE };

/* Takes what the process has told by now, without waiting. START_FAILED: the process ends, and
 * `err` says why. */
enum start_state start_read(int outcome, struct start_told *told, struct error *err);

/* Looks for the process's number in what it has told, and leaves the message where it is. Before a
 * process has ended that its parent does not know, its number has been told. */
void start_peek(int outcome, pid_t *pid);

#endif
