/*
 * A child's enclave: its first thread, which is the gate's in the first enclave, has dialled the
 * first enclave and serves that wire, the process wire, until it ends.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_WIRE_CHILD_H
#define CAISSON_ENCLAVE_LIBOS_WIRE_CHILD_H

#include "enclave/libos/wire/wire.h"

/* Without the lock, in the gate's thread: heap, memory and CPUID are prepared, ARRIVAL_PROCESS has
 * been sent, and nothing else runs yet. It is told over the wire what this process is to be, has
 * its first thread entered by door_begin(0), and reads on. 0 when the wire has ended, or a negative
 * errno: the host's process ends either way, and also as soon as the program is over: what it came
 * to is told before. */
int64_t child_serve(struct wire *wire);

#endif
