/* The ports of the virtio-serial device (Linux drivers/char/virtio_console.c). */
#ifndef CAISSON_GUEST_PORT_H
#define CAISSON_GUEST_PORT_H

#include "base/error.h"

/* Opens the port with this name, waiting a while for it to come up. Returns the descriptor. */
int port_open(const char *name, struct error *err);

/* Waits until the host has opened its end too. */
int port_wait_for_host(int fd, struct error *err);

#endif
