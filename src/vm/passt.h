/*
 * The guest's network: passt, a user-mode network that needs no root and no configuration of the
 * host. The guest has one fixed address; it reaches out through the host's sockets, and what is
 * published comes in. The host's own loopback is out of its reach, unless it is asked for.
 */
#ifndef CAISSON_VM_PASST_H
#define CAISSON_VM_PASST_H

#include <stddef.h>
#include <sys/types.h>

#include "os/namespace.h"
#include "os/process.h"
#include "vm/ports.h"

#define PASST_PROGRAM     "passt"
#define PASST_PASTA       "pasta" /* the same program, for a namespace */
#define PASST_GUEST       "10.0.2.15"
#define PASST_PREFIX      24
#define PASST_INTERFACE   "eth0" /* in a namespace */
#define PASST_GATEWAY     "10.0.2.2"
#define PASST_NAME_SERVER "10.0.2.3"
#define PASST_GATEWAY_MAC "52:55:0a:00:02:02" /* locally administered */
#define PASST_GUEST_MAC   "52:54:00:12:34:56" /* QEMU's own choice */

/* passt takes after an interface of the host's, and gives up where none has a default route. There
 * it is told to take the loopback, which has no address of its own to show the guest: so the
 * published ports still work. */
bool passt_needs_loopback(void);

struct passt_config {
    const char *program;
    int fd; /* one end of a stream socket, whose other end is QEMU's */
    /* In place of the socket: an enclave's process stands in them. Nothing closes them, and the
     * signal at its parent's end is lost with another user: so it is started as their owner, which
     * opens no port below 1024. */
    const struct namespaces *namespaces;
    const struct port_rule *ports;
    size_t port_count;
    bool maps_loopback;              /* the gateway's address is the host's loopback */
    const struct process_user *user; /* whom it turns into; NULL for this user */
};

/* passt learns the guest's MAC address from the first frame that the guest sends, and brings in
 * nothing before. So this frame, which announces the guest's address, goes in at QEMU's end of the
 * socket, `fd`, before QEMU has it: the guest need not send one, and for many a container never
 * runs the code for that. */
int passt_announce(int fd, struct error *err);

/* Starts passt; it dies with its parent. */
int passt_start(const struct passt_config *config, pid_t *pid, struct error *err);

#endif
