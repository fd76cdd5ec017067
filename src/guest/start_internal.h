/* What start.c (a container's first process) and join.c (one more) share; nobody else includes it.
 * But for the first three, all is for the process itself, on its way to its program. */
#ifndef CAISSON_GUEST_START_INTERNAL_H
#define CAISSON_GUEST_START_INTERNAL_H

#include <sys/types.h>

#include "guest/credentials.h"

/* What a start is told over: the parent's end first. */
int start_open_pair(int pair[2], struct error *err);

/* A new process in the control group whose folder this is, and in these new namespaces. Returns 0
 * in it, its number in the parent, -1 where there is none. */
pid_t start_clone(unsigned long long namespaces, int group, struct error *err);

/* Tells the parent the process's number (0 where it knows it) and its terminal (-1 for none), or
 * why it could not be started. */
int start_tell_process(int outcome, pid_t pid, int terminal, struct error *err);
void start_tell_failure(int outcome, const struct error *why);

/* A session of its own, without a terminal, and a session keyring without a name. */
int start_begin_session(struct error *err);

/* Makes `ends` the standard streams, and the user's. */
int start_use_streams(const struct spec *spec, const int ends[3], struct error *err);

/* Makes a terminal of the size and the user that `spec` says; both ends are the caller's. */
int start_open_terminal(const struct spec *spec, int *master, int *slave, struct error *err);

/* Its folder, its umask, and who it is. */
int start_become(const struct spec *spec, const struct credentials *credentials, struct error *err);

/* Returns only when the program could not be executed. */
int start_run_program(const struct spec *spec, struct error *err);

#endif
