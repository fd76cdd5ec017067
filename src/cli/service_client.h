/*
 * The attestation service as its administrators' commands ask it: https, or http to this very
 * machine; a client certificate or a bearer token; errors in the service's own words. What no
 * option says is the environment's, and then the file's that `caisson serve` writes
 * (cli/service_file.h).
 */
#ifndef CAISSON_CLI_SERVICE_CLIENT_H
#define CAISSON_CLI_SERVICE_CLIENT_H

#include "base/buf.h"
#include "cli/args.h"

#define SERVICE_ANSWER_MAX ((size_t)4 << 20)

/* Options that all of these commands have, for their tables. */
#define SERVICE_CLIENT_OPTIONS                                                                     \
    {.name = "service",                                                                            \
     .operand = "URL",                                                                             \
     .help = "The service, https://attest.example (default: $CAISSON_SERVICE, then "               \
             "~/.config/caisson/service.yaml)"},                                                   \
        {.name = "client",                                                                         \
         .operand = "FILE",                                                                        \
         .help = "PEM of an administrator's certificate and key (default: $CAISSON_CLIENT, then "  \
                 "that file's)"},                                                                  \
        {.name = "token",                                                                          \
         .operand = "FILE",                                                                        \
         .help = "A bearer token of an administrator's instead (default: $CAISSON_TOKEN)"},        \
    {                                                                                              \
        .name = "tls-ca", .operand = "FILE",                                                       \
        .help = "Trust the certificate authorities in this PEM file, besides the system's "        \
                "(default: $CAISSON_TLS_CA, then that file's)"                                     \
    }

struct service_request {
    const char *method;
    const char *path; /* follows the service's URL: "/keys/db?api-version=7.4" */
    const char *type; /* of the body; NULL: there is none */
    struct span body;
};

/* Asks, and appends the body of an answer of success (200 or 204). ERROR_NOT_FOUND, ERROR_REFUSED
 * and ERROR_INVALID as the service says, ERROR_USAGE where no service is named. */
int service_client_send(const struct args *args, const struct service_request *request,
                        struct buf *answer, struct error *err);

/* The service's URL, without a slash at its end; the caller frees it. */
int service_client_url(const struct args *args, char **url, struct error *err);

#endif
