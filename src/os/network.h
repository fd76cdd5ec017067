/* IPv4 on the machine's own interfaces, by netdevice(7): less code than rtnetlink, here and in the
 * kernel. */
#ifndef CAISSON_OS_NETWORK_H
#define CAISSON_OS_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"

/* Brings the interface up. */
int network_bring_up(const char *interface, struct error *err);

/* Gives the interface its address, in the place of any other, and brings it up; `prefix` is 0 to
 * 32. */
int network_set_address(const char *interface, struct in_addr address, unsigned int prefix,
                        struct error *err);

/* Sends everything that is not on an own network to this gateway. A default route that is there
 * already is fine. */
int network_add_default_route(const char *interface, struct in_addr gateway, struct error *err);

/* Whether something listens at this port of an own address: the connection is made and given up.
 * Waits no longer than NETWORK_PROBE_MS. */
#define NETWORK_PROBE_MS 100
int network_probe_port(struct in_addr address, uint16_t port, bool *open, struct error *err);

/* A socket that takes connections at this port of the loopback. */
int network_listen_loopback(uint16_t port, struct error *err);

#endif
