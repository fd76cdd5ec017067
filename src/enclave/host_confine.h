/* What the processes of caisson-enclave-host may still do once they have all that they need: by
 * seccomp, and without dumps. */
#ifndef CAISSON_ENCLAVE_HOST_CONFINE_H
#define CAISSON_ENCLAVE_HOST_CONFINE_H

#include "base/error.h"

/* A process that holds an enclave: it opens, starts and connects to nothing any more, and signals
 * nobody but its own threads. */
int host_confine(struct error *err);

/* The same, but for sockets of IPv4 and IPv6: the first enclave's, where all are. */
int host_confine_first(struct error *err);

/* The nursery (host_nursery.h): it forks, and what it forks makes an enclave. */
int host_confine_nursery(struct error *err);
/* Where enclaves are the processor's: it also opens files that are there, as /dev/sgx_enclave. */
int host_confine_nursery_of_processor(struct error *err);

/* The quoter (host_quoter.h): it makes quotes of what it is sent. */
int host_confine_quoter(struct error *err);
/* Where aesmd makes them: it also connects to that. */
int host_confine_quoter_of_processor(struct error *err);

#endif
