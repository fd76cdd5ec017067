/*
 * What the attestation agent and the process that started it say to each other, over a pair of
 * SOCK_SEQPACKET sockets: a message is a byte that says its kind, and what follows. The starter is
 * the guest's first process, or a container's on its way to its program (guest/agent.h); in an
 * enclave it is the library OS (enclave/libos/agent/agent_process.h).
 *
 *     'C'  to the agent, first: what it is for (below)
 *     'R'  from it: a hash (32 or 48, its bytes), and runtime data, over which it wants a report
 *     'T'  the answer: the report, then the hardware's certificate table, if any; of an enclave,
 * the quote 'N'  or why there is none, as text 'S'  from it, in the order of the resources: a
 * secret 'F'  or why there is none, as text; it ends then
 *
 * 'C': a byte that is 1 where the agent serves the containers, else 0; what the machine is, by enum
 * exchange_tee; how many services, how many resources; then texts, each with a zero byte behind it:
 * of each service its URL, its address and its roots; of each resource the service's place as one
 * letter from 'a' on, before its path. The rest is the machine's policy, or nothing where it is too
 * long.
 *
 * REPORT_DATA is the hash of the runtime data, and zeros. The starter hashes, so that no agent,
 * whatever it was talked into, can have a report over what stands for something else: it refuses
 * runtime data that begin as those of `caisson attest` do (evidence/runtime_data.h).
 */
#ifndef CAISSON_AGENT_EXCHANGE_H
#define CAISSON_AGENT_EXCHANGE_H

#include "base/buf.h"

#define EXCHANGE_PART          "attestation-agent" /* the program, on the disk of parts */
#define EXCHANGE_SERVICES_MAX  4
#define EXCHANGE_RESOURCES_MAX 64
#define EXCHANGE_MESSAGE_MAX   ((size_t)128 << 10)
#define EXCHANGE_RUNTIME_MAX   ((size_t)16 << 10)
#define EXCHANGE_SECRET_MAX    ((size_t)64 << 10)
#define EXCHANGE_REPORT_SIZE   1184
#define EXCHANGE_QUOTE_MAX     ((size_t)64 << 10)
#define EXCHANGE_POLICY_MAX    ((size_t)46 << 10) /* fits a message beside all else */

enum exchange_kind {
    EXCHANGE_CONFIG = 'C',
    EXCHANGE_REPORT = 'R',
    EXCHANGE_REPORTED = 'T',
    EXCHANGE_NO_REPORT = 'N',
    EXCHANGE_SECRET = 'S',
    EXCHANGE_FAILURE = 'F',
};

/* Whose reports: an SNP report, or a quote of an enclave's. */
enum exchange_tee { EXCHANGE_SNP, EXCHANGE_SGX };

enum exchange_hash { EXCHANGE_SHA256 = 32, EXCHANGE_SHA384 = 48 };

#endif
