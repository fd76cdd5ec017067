/*
 * What a container is to run: the image's configuration with the caller's words over it, by
 * Docker's rules. The same values go into a generated policy and into the request to the guest, so
 * that they cannot differ.
 */
#ifndef CAISSON_CLI_WORKLOAD_H
#define CAISSON_CLI_WORKLOAD_H

#include "cli/confinement.h"
#include "format/oci.h"
#include "policy/policy.h"

#define WORKLOAD_WORDS_MAX 1024 /* arguments, and variables */
#define WORKLOAD_TEXT_MAX                                                                          \
    (128 * 1024) /* bytes of one argument or variable, as the kernel has it                        \
                  */

/* Lists of heap strings, NULL-terminated. */
struct workload {
    char **args;
    char **env; /* NAME=value, each name once */
    char *cwd;
    char *user;   /* "", "USER", "USER:GROUP" */
    char **execs; /* commands that may be run in it later, words parted by blanks */
    struct confinement confinement;               /* the usual one until confinement_read() */
    const struct policy_attestation *attestation; /* the caller's; NULL for none */
};

/* The options that any process has, for a command's table. */
#define WORKLOAD_PROCESS_OPTIONS                                                                   \
    {.name = "env",                                                                                \
     .letter = 'e',                                                                                \
     .operand = "NAME[=VALUE]",                                                                    \
     .repeats = true,                                                                              \
     .help = "Set a variable; without value, take it from here"},                                  \
        {.name = "env-file",                                                                       \
         .operand = "FILE",                                                                        \
         .repeats = true,                                                                          \
         .help = "Set the variables in FILE, one NAME=VALUE a line"},                              \
        {.name = "workdir", .letter = 'w', .operand = "DIR", .help = "Start in this folder"},      \
    {                                                                                              \
        .name = "user", .letter = 'u', .operand = "USER[:GROUP]",                                  \
        .help = "Run as this user, by name or number"                                              \
    }

/* The options that change a workload, for a command's table (see workload_init). */
#define WORKLOAD_OPTIONS                                                                           \
    WORKLOAD_PROCESS_OPTIONS, CONFINEMENT_OPTIONS,                                                 \
        {.name = "allow-exec",                                                                     \
         .operand = "COMMAND",                                                                     \
         .repeats = true,                                                                          \
         .help = "Let the generated policy allow caisson exec to run COMMAND"},                    \
    {                                                                                              \
        .name = "entrypoint", .operand = "PROGRAM",                                                \
        .help = "Run PROGRAM in place of the image's entrypoint"                                   \
    }

/*
 * Fills `workload` from the image and the options that WORKLOAD_OPTIONS names; `command` is what
 * follows the image on the command line, NULL-terminated. ERROR_INVALID when nothing is left to
 * run, a variable has no name, or the folder is not absolute. The caller calls workload_fini()
 * either way.
 */
int workload_init(struct workload *workload, const struct oci_config *image,
                  const struct args *args, char *const *command, struct error *err);
void workload_fini(struct workload *workload);
#define WORKLOAD_AUTO __attribute__((cleanup(workload_fini))) struct workload

/* Sets NAME=value, in the place where the name stands, else at the end. */
int workload_set_env(struct workload *workload, const char *assignment, struct error *err);

/* Whether a variable of this name is set. */
bool workload_has_env(const struct workload *workload, const char *name);

#endif
