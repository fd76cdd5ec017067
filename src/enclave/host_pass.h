/* A message with a descriptor, from one of the host's processes to another, by a socket of theirs.
 */
#ifndef CAISSON_ENCLAVE_HOST_PASS_H
#define CAISSON_ENCLAVE_HOST_PASS_H

#include <stddef.h>

#include "base/span.h"

/* Sends both, and waits for nothing; the descriptor stays the caller's, too. 0, or a negative
 * errno. */
int host_pass_send(int socket, struct span bytes, int fd);

/* The next message, up to `size` bytes: how many, or a negative errno. *fd is -1 where none came.
 */
ptrdiff_t host_pass_receive(int socket, void *bytes, size_t size, int flags, int *fd);

#endif
