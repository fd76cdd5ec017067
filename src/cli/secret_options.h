/*
 * --secret and what goes with it, for the commands that generate a policy: what the policy's
 * `caisson_attestation` says (docs/secrets.md).
 */
#ifndef CAISSON_CLI_SECRET_OPTIONS_H
#define CAISSON_CLI_SECRET_OPTIONS_H

#include "base/buf.h"
#include "cli/args.h"
#include "policy/policy.h"

#define SECRET_OPTIONS_MAX 64

#define SECRET_OPTIONS                                                                             \
    {.name = "secret",                                                                             \
     .operand = "NAME[:/PATH|=VARIABLE]",                                                          \
     .repeats = true,                                                                              \
     .help = "Bring this secret from the service, as /run/secrets/NAME, a file, or a variable"},   \
        {.name = "secret-service",                                                                 \
         .operand = "URL",                                                                         \
         .help = "The service that holds the secrets (your own, as caisson serve made it)"},       \
        {.name = "secret-root",                                                                    \
         .operand = "FILE",                                                                        \
         .help = "Its certificate must chain to one in this PEM file, or be one of them"},         \
    {                                                                                              \
        .name = "attestation-api",                                                                 \
        .help = "Let the container ask on localhost for evidence, tokens and keys"                 \
    }

struct secret_options {
    struct policy_attestation attestation; /* of these, which it owns */
    struct policy_service service;
    struct policy_secret secrets[SECRET_OPTIONS_MAX];
    char *texts[SECRET_OPTIONS_MAX][2]; /* a resource, and a path or a variable */
    char *url;
    struct buf roots;
};

/* Reads the options; *found says whether there are any. ERROR_USAGE, ERROR_INVALID. The caller
 * calls secret_options_fini() either way. */
int secret_options_read(const struct args *args, struct secret_options *out, bool *found,
                        struct error *err);
void secret_options_fini(struct secret_options *options);

/* Takes NAME[:/PATH|=VARIABLE] apart, into heap texts: the resource (default/secret/NAME, or NAME
 * where it has two slashes), and either a path or a variable. ERROR_USAGE. */
int secret_option_parse(const char *text, char **resource, char **path, char **variable,
                        struct error *err);

#endif
