/*
 * The gate of policies inside an enclave: src/guest's own (guest/gate.h), with the library OS in
 * the place of the machine. It speaks docs/protocol.md as the utility VM's does.
 *
 * Theory of operation: the gate has a thread of its own. It waits for what happens (door_next):
 * bytes of whom it speaks to, output of the program, its end. What the policy allowed is loaded by
 * this thread; then a second one enters and is the program. From then on the gate's thread takes
 * the lock for what is the library OS's, and waits for nothing while it has it (gate_exec.h).
 *
 * The files of this folder and those of src/policy, src/format, src/base
 * and src/guest that they name are built against a C library's headers; libc.c has what of it may
 * be called.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_GATE_GATE_H
#define CAISSON_ENCLAVE_LIBOS_GATE_GATE_H

#include <stdbool.h>

#include "enclave/libos/door/door_calls.h"

/* Serves until it is told to power off or whom it speaks to has gone. 0, or a negative errno; the
 * log says why. Once an enclave. */
int gate_serve(const struct door_start *start);

/* For the thread that door_begin() asked for: where the program begins, and its stack. False where
 * none is ready; once. */
bool gate_take_program(uint64_t *start, uint64_t *stack);

#endif
