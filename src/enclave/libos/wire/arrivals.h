/*
 * Children that dial the first enclave: for each wire that arrives, a thread of the pool that is
 * none of the program's welcomes it and serves it until it ends.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_WIRE_ARRIVALS_H
#define CAISSON_ENCLAVE_LIBOS_WIRE_ARRIVALS_H

#include "enclave/libos/wire/wire.h"

/* What a wire is for: the first message of the child begins with it (u32, little endian). */
enum arrival {
    ARRIVAL_PROCESS = 1, /* no more: a new enclave, which waits to be told what it is to be */
    ARRIVAL_CALLS = 2,   /* calls of a thread: of which process follows, with its secret */
    ARRIVAL_PAGES = 3,   /* pages that are recalled (shared/reach.h): likewise */
};

/* In the first enclave, with the lock, which it lets go meanwhile: has the host start one more
 * enclave, which comes as an ARRIVAL_PROCESS. 0, or -EAGAIN where the host or the pool of threads
 * has no room. */
int arrivals_ask(void);

/* Serves a wire that has been welcomed, in a thread of its own, without the lock: its first message
 * is in `first`. The wire is closed afterwards. */
void arrival_serve(struct wire *wire, const void *first, size_t size);

/* With the lock: an enclave that was asked for has ended before it came, or what came was none, or
 * found no room. The host may say so at will: who has waited longest for one waits in vain. */
void arrival_missed(void);
/* Likewise, where that cannot be known: another one is asked for, a few times. */
void arrival_failed(void);

#endif
