/* `caisson run --tee sgx` and `--tee sgx-simulated`: a container in an enclave. */
#ifndef CAISSON_CLI_RUN_ENCLAVE_H
#define CAISSON_CLI_RUN_ENCLAVE_H

#include "cli/args.h"
#include "cli/enclave_folder.h"
#include "cli/run_options.h"
#include "vm/machine.h"

struct run_enclave {
    struct enclave_folder files;
    char *fuse, *quote_key, *quote_chain; /* the simulated platform's files */
};

/* Refuses what an enclave does not have, by option; then whether this machine can. Never takes
 * another kind of TEE instead. */
int run_enclave_check(const struct args *args, enum vm_tee tee, struct error *err);

/* What of the options bounds the container, where a machine's size would: added to its request. */
int run_enclave_limit(const struct args *args, const struct run_options *options, json_t *request,
                      struct error *err);

/* Finds the files, and makes the simulated platform in `store`/simulated-sgx where it is missing.
 * The caller calls run_enclave_fini() either way. */
int run_enclave_prepare(const struct args *args, enum vm_tee tee, const char *store,
                        struct run_enclave *out, struct vm_config *config, struct error *err);
void run_enclave_fini(struct run_enclave *enclave);

/* The folder of the simulated platform; NULL when memory ran out. */
char *run_enclave_platform(const char *store);

#endif
