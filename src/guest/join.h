/*
 * Starts one more process in a container that runs (exec_in_container).
 *
 * Theory of operation: a first process, a copy of the guest's agent, joins the container's control
 * group and namespaces, opens what the program is to have, and gives up all that it may not keep.
 * Only then does it make the second, as a child of the agent's, in the container's namespace of
 * processes. So what the container's own processes can see and trace was never more than they are:
 * no descriptor, no capability of the agent's was ever in it. The second begins when the first has
 * told its number, so that the agent knows whose end it is when it ends.
 */
#ifndef CAISSON_GUEST_JOIN_H
#define CAISSON_GUEST_JOIN_H

#include <sys/types.h>

#include "guest/spec.h"

/* As start_process() (start.h), in the container whose first process is `first`. Of `spec` the
 * mounts and the host name are not used: they are the container's. */
int join_process(const struct spec *spec, pid_t first, const int ends[3], struct error *err);

#endif
