/* The certificate that `caisson serve` shows, and that of its own machine's administrator. */
#ifndef CAISSON_CLI_SERVE_TLS_H
#define CAISSON_CLI_SERVE_TLS_H

#include "crypto/digest.h"
#include "crypto/tls_server.h"
#include "service/config.h"

/* Reads what the configuration names. Where it names none a development certificate is used, which
 * is made in the state folder where there is none that is still valid, and says what it is. */
int serve_tls_open(const struct config *config, struct tls_server **out, struct error *err);

/* A client certificate that issued itself, with its key in the PEM file `path` (mode 0600), which
 * is made where there is none that is valid: *made says so. `digest` is the certificate's. */
int serve_client_certificate(const char *path, bool *made, uint8_t digest[SHA256_SIZE],
                             struct error *err);

#endif
