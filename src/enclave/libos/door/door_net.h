/* The calls of door_calls.h that are about the host's network, as functions: what comes back has
 * been checked. Errors are of a known set, else -EIO. */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_NET_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "enclave/libos/door/door_calls.h"

/* A handle, never one of the standard streams'. */
int64_t door_socket(int family, int type, int protocol);
void door_close(uint32_t handle);
int door_bind(uint32_t handle, const void *address, size_t size);
int door_connect(uint32_t handle, const void *address, size_t size);
int door_listen(uint32_t handle, unsigned backlog);
/* The new handle. An address is one of `family`, else -EIO, and the connection is closed. */
int64_t door_accept(uint32_t handle, int family, struct door_address *peer);
/* Bytes that were taken; `to` may be NULL. At most DOOR_DATA_MAX bytes go at once. */
int64_t door_send(uint32_t handle, const struct door_address *to, const void *bytes, size_t size,
                  unsigned flags);
/* Bytes; from->size is 0 where none is told. from->flags has MSG_TRUNC of a datagram that was cut.
 */
int64_t door_receive(uint32_t handle, int family, struct door_address *from, void *bytes,
                     size_t size, unsigned flags);
int door_shutdown(uint32_t handle, unsigned how);
int door_name(uint32_t handle, int family, bool is_peer, struct door_address *out);
int door_set_option(uint32_t handle, int level, int name, const void *value, size_t size);
/* The value's bytes. */
int door_get_option(uint32_t handle, int level, int name, void *value, size_t size);

/* Has a report of `size` bytes quoted: the handle of a stream, as door_socket(). */
int64_t door_quote(const void *report, size_t size);

/* An errno that the host may name; any other number is EIO. */
int door_known_errno(int number);

#endif
