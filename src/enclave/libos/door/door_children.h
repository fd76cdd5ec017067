/* The calls of door_calls.h by which further enclaves come about, as functions: what comes back has
 * been checked. */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_CHILDREN_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_CHILDREN_H

#include "enclave/libos/door/door_calls.h"

/* One more enclave: 0, or -EAGAIN where the host starts none. */
int door_child(void);

/* A child's: a handle of a new socket to the first enclave's host, or -EAGAIN. */
int64_t door_dial(void);

/* The first enclave's: the handle of the next socket that has arrived, or -EAGAIN when none has;
 * -ECHILD when an enclave that was asked for has ended without.
 * DOOR_CHILDREN is ready (POLLIN) when one has. */
int64_t door_arrive(void);

#endif
