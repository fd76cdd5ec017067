/* How pages are recalled from other enclaves (shared.h). */
#ifndef CAISSON_ENCLAVE_LIBOS_SHARED_REACH_H
#define CAISSON_ENCLAVE_LIBOS_SHARED_REACH_H

#include "enclave/libos/wire/wire.h"

/* In the first enclave: serves a wire whose first message is `first`, if that proves a process.
 * Without the lock, in a service. The wire is the caller's to close. */
void shared_serve_wire(struct wire *wire, const void *first, size_t size);

#endif
