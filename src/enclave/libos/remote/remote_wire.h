/* Remote calls over wires (wire/wire.h): which end of which wire a thread's calls go by. */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_WIRE_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_WIRE_H

#include "enclave/libos/remote/remote_message.h"
#include "enclave/libos/wire/wire.h"

/* A child's thread dials at its first call. The first message of all its wires is this. */
struct remote_hello {
    uint32_t arrival; /* enum arrival (wire/arrivals.h) */
    uint32_t process;
    uint8_t secret[32]; /* the process' (processes/process.h) */
};

/* Without the lock, or keeping it: a new wire for this. As wire_dial(). */
int remote_dial(struct wire *wire, uint32_t arrival);

/* In the first enclave, with the lock: the number of the process that such a message proves, 0 for
 * none. */
int remote_proved_by(const void *first, size_t size, uint32_t arrival);

/* In the first enclave: serves a wire whose first message is `first`, if that proves a process.
 * Without the lock, in a service. The wire is the caller's to close. */
void mirror_serve_wire(struct wire *wire, const void *first, size_t size);

#endif
