/* What the agent gives up before it hears a stranger: every system call but those that it needs for
 * sockets over IPv4, memory, waiting and ending. Who started it has taken its user, capabilities
 * and files. */
#ifndef CAISSON_AGENT_CONFINE_H
#define CAISSON_AGENT_CONFINE_H

#include "base/error.h"

int confine(struct error *err);

#endif
