/* The certificate that `caisson serve` shows. */
#ifndef CAISSON_CLI_SERVE_TLS_H
#define CAISSON_CLI_SERVE_TLS_H

#include "crypto/tls_server.h"
#include "service/config.h"

/* Reads what the configuration names. Where it names none a development certificate is used, which
 * is made in the state folder where there is none that is still valid, and says what it is. */
int serve_tls_open(const struct config *config, struct tls_server **out, struct error *err);

#endif
