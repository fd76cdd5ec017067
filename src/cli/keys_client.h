/*
 * The attestation service's keys as an administrator's client asks for them: https, or http to this
 * very machine; a client certificate; errors in the service's own words.
 */
#ifndef CAISSON_CLI_KEYS_CLIENT_H
#define CAISSON_CLI_KEYS_CLIENT_H

#include <jansson.h>

#include "cli/args.h"

/* Options that all of its commands have, for their tables; each may be in the environment. */
#define KEYS_CLIENT_OPTIONS                                                                        \
    {.name = "service",                                                                            \
     .operand = "URL",                                                                             \
     .help = "The service, https://attest.example (default: $CAISSON_SERVICE)"},                   \
        {.name = "client",                                                                         \
         .operand = "FILE",                                                                        \
         .help = "PEM of an administrator's certificate and key (default: $CAISSON_CLIENT)"},      \
    {                                                                                              \
        .name = "tls-ca", .operand = "FILE",                                                       \
        .help = "Trust the certificate authorities in this PEM file, besides the system's "        \
                "(default: $CAISSON_TLS_CA)"                                                       \
    }

/* Asks. `path` follows the service's URL and has no query ("/keys/db"); `query` is more of it
 * ("&maxresults=25"), or "". `body` is what is sent, or NULL. *answer is the caller's, NULL where
 * there is none (204). ERROR_NOT_FOUND, ERROR_REFUSED and ERROR_INVALID as the service says. */
int keys_client_ask(const struct args *args, const char *method, const char *path,
                    const char *query, const json_t *body, json_t **answer, struct error *err);

#endif
