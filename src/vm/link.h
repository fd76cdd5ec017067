/*
 * A channel (format/channel.h) over a socket, driven by an event loop: the monitor has one to the
 * guest, and one to each client; a client has one to the monitor.
 */
#ifndef CAISSON_VM_LINK_H
#define CAISSON_VM_LINK_H

#include <event2/event.h>

#include "format/channel.h"

struct link {
    struct channel channel;
    int fd; /* owned, non-blocking; -1 once closed */
    struct event_base *base;
    struct event *readable;
    struct event *writable;
    /* Called once, when the peer has gone, or has broken the protocol (then `err` says how). The
     * owner may call link_close() in it. */
    void (*ended)(void *argument, const struct error *err);
    void *argument;
};

/* Takes `fd`. The handler's argument is `argument` too. On failure nothing is left but the fd. */
int link_open(struct link *link, struct event_base *base, int fd,
              const struct channel_handler *handler,
              void (*ended)(void *argument, const struct error *err), void *argument,
              struct error *err);

/* Closes and frees; may be called twice. */
void link_close(struct link *link);

/* After something was queued on the channel: writes what can be written now, and the rest later. */
void link_flush(struct link *link);

#endif
