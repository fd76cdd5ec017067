/* The processor that this enclave runs on, as seal.h asks for it. */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_SEAL_INSIDE_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_SEAL_INSIDE_H

#include "enclave/libos/seal/seal.h"

/* Has a report of this enclave made (EREPORT), of which the numbers are taken. */
void seal_inside(struct seal_processor *processor);

#endif
