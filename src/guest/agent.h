/*
 * The starter's side of the attestation agent (agent/exchange.h): what it is for, and reports for
 * it. The starter is the first process, for an agent that serves the containers, or a container's
 * first process on its way to its program, for one that brings its secrets.
 */
#ifndef CAISSON_GUEST_AGENT_H
#define CAISSON_GUEST_AGENT_H

#include <netinet/in.h>
#include <sys/types.h>

#include "agent/exchange.h"
#include "evidence/runtime_data.h"
#include "policy/policy.h"

/* As machine_ops.report (guest/gate.h). */
typedef int agent_reporter(void *machine, const uint8_t report_data[REPORT_DATA_SIZE],
                           struct buf *report, struct buf *certificates, struct error *err);

struct agent_order {
    int executable; /* borrowed */
    const struct policy_attestation *attestation;
    enum exchange_tee tee;
    const struct in_addr *addresses; /* of its services, as far as the host has told them */
    size_t address_count;
    struct span policy; /* its text; empty where it is longer than EXCHANGE_POLICY_MAX */
    size_t row;         /* whose secrets to bring; POLICY_NO_ROW to serve the containers */
    int sockets[2];     /* on which it serves them; -1 */
    agent_reporter *report;
    void *machine;
};

/* Appends what it is for, as it is told first (agent_config.c). */
int agent_put_config(const struct agent_order *order, struct buf *out, struct error *err);

/* Starts the agent and tells it what it is for. Returns the starter's end of their sockets, which
 * is the caller's, as the process is. */
int agent_start(const struct agent_order *order, pid_t *pid, struct error *err);

/* Takes one message into `out`, and answers it where it asks for a report. Returns its kind; 0
 * where there is none and `wait` is false; -1 with the error at the end, or where the agent says
 * what it should not. */
int agent_take(const struct agent_order *order, int fd, bool wait, struct buf *out,
               struct error *err);

#endif
