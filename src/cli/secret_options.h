/*
 * --secret and what goes with it, for the commands that generate a policy: what the policy's
 * `caisson_attestation` says (docs/secrets.md).
 */
#ifndef CAISSON_CLI_SECRET_OPTIONS_H
#define CAISSON_CLI_SECRET_OPTIONS_H

#include "base/buf.h"
#include "cli/args.h"
#include "policy/policy.h"
#include "template/group.h"

#define SECRET_OPTIONS_MAX 64

#define SECRET_OPTIONS                                                                             \
    {.name = "secret",                                                                             \
     .operand = "[CONTAINER:]NAME[:/PATH|=VARIABLE]",                                              \
     .repeats = true,                                                                              \
     .help = "Bring this secret from the service, as /run/secrets/NAME, a file, or a variable; "   \
             "of several containers, to this one"},                                                \
        {.name = "secret-service",                                                                 \
         .operand = "URL",                                                                         \
         .help = "The service that holds the secrets (your own, as caisson serve made it); none "  \
                 "for no service, with --attestation-api"},                                        \
        {.name = "secret-root",                                                                    \
         .operand = "FILE",                                                                        \
         .help = "Its certificate must chain to one in this PEM file, or be one of them"},         \
        {.name = "security-context",                                                               \
         .help = "Give the container the folder of UVM_SECURITY_CONTEXT_DIR, as ACI does"},        \
    {                                                                                              \
        .name = "attestation-api",                                                                 \
        .help =                                                                                    \
            "Let the container ask on localhost for evidence, tokens and keys; in an enclave, "    \
            "have /dev/attestation"                                                                \
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

/* The same for the containers of a group, whose --secret begin with CONTAINER:, the name of one of
 * them; each of them gets the security context. */
int secret_options_read_group(const struct args *args, const struct template_group *group,
                              struct secret_options *out, bool *found, struct error *err);
void secret_options_fini(struct secret_options *options);
#define SECRET_OPTIONS_AUTO __attribute__((cleanup(secret_options_fini))) struct secret_options

/* A policy that is given says all of this itself. Always -1, with ERROR_USAGE. */
int secret_options_refuse(struct error *err);

/* Takes NAME[:/PATH|=VARIABLE] apart, into heap texts: the resource (default/secret/NAME, or NAME
 * where it has two slashes), and either a path or a variable. ERROR_USAGE. */
int secret_option_parse(const char *text, char **resource, char **path, char **variable,
                        struct error *err);

#endif
