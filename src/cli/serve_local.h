/*
 * `caisson serve` without a configuration: a service for one machine and its user. State, keys and
 * an administrator's certificate lie in the store's folder `service`; the client file names them,
 * so that this user's commands need no options.
 */
#ifndef CAISSON_CLI_SERVE_LOCAL_H
#define CAISSON_CLI_SERVE_LOCAL_H

#include "base/buf.h"
#include "cli/args.h"

#define SERVE_LOCAL_LISTEN "127.0.0.1:8443"

/* Makes what is missing, and says what was made. Appends the configuration's text, and sets the
 * folder that it is of, which the caller frees. Reads the options listen and trust-simulated. */
int serve_local_prepare(const struct args *args, struct buf *text, char **folder,
                        struct error *err);

#endif
