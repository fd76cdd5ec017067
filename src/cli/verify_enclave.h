/* `caisson verify` of a bundle of a container in an enclave. */
#ifndef CAISSON_CLI_VERIFY_ENCLAVE_H
#define CAISSON_CLI_VERIFY_ENCLAVE_H

#include "cli/args.h"
#include "evidence/bundle.h"

/* Verifies and prints; the exit status, or -1. The options are those of `verify`. */
int verify_enclave(const struct args *args, const struct bundle *bundle, struct error *err);

#endif
