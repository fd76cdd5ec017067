/* IPv4 on the machine's own interfaces, by rtnetlink (RFC 3549, uapi linux/rtnetlink.h). */
#ifndef CAISSON_OS_NETLINK_H
#define CAISSON_OS_NETLINK_H

#include <netinet/in.h>

#include "base/error.h"

/* Gives the interface an address; `prefix` is 0 to 32. An address that is there already is fine. */
int netlink_add_address(const char *interface, struct in_addr address, unsigned int prefix,
                        struct error *err);

/* Brings the interface up. */
int netlink_bring_up(const char *interface, struct error *err);

/* Sends everything that is not on an own network to this gateway. */
int netlink_add_default_route(const char *interface, struct in_addr gateway, struct error *err);

#endif
