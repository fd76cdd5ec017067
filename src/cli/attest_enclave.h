/* `caisson attest` of a container in an enclave: its report becomes a quote. */
#ifndef CAISSON_CLI_ATTEST_ENCLAVE_H
#define CAISSON_CLI_ATTEST_ENCLAVE_H

#include "base/buf.h"

/* Replaces the enclave's report in the bundle by a quote: of the simulated platform in the store,
 * or of aesmd. Leaves other bundles alone. ERROR_REFUSED for a report that was not made here. */
int attest_enclave_quote(struct buf *evidence, struct error *err);

#endif
