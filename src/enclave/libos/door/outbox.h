/* What is sent without leaving the enclave: the ring outside that the host empties (struct
 * door_outbox). What is in it is the host's, as all that is sent. */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_OUTBOX_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the lock. Puts bytes there, for a stream socket of the host's by its handle: all of them, or
 * none (false) where there is no room or nobody looks; then door_send() is the way. */
bool outbox_post(uint32_t handle, const void *bytes, size_t size);

#endif
