/*
 * Ports of the loopback that are in the enclave: who connects to one of them reaches who listens
 * here, and the host neither sees nor changes what is said. They are streams of socket_unix.c with
 * addresses of IPv4 or IPv6. With the lock, once the program runs.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_INSIDE_H
#define CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_INSIDE_H

#include "enclave/libos/sockets/socket.h"

#define INSIDE_PORTS_MAX 2

/* From now on this port is inside, and *out, which is the caller's, listens at it. -EADDRINUSE
 * where it is already, -ENOSPC, -ENOMEM. */
int socket_inside_listen(unsigned port, struct file **out);

/* Nobody listens any more. The ports stay inside: who connects is refused. */
void socket_inside_end(void);

/* Is called when somebody connects, after it; NULL: nobody wants to know. */
extern void (*socket_inside_asked)(void);

/* Whether an address is such a port's: of the loopback, or of any (which to connect to means the
 * loopback, and to listen at would cover it). */
bool socket_inside_means(const struct socket_address *address);

/* connect(2) to such an address: the open file, of a socket that was connected to nobody, becomes
 * this kind of socket. -ECONNREFUSED, -ENOMEM: it is what it was. */
int socket_inside_connect(struct file *file, const struct socket_address *address);

#endif
