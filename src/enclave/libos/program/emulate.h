/* Instructions of the program that fault inside, and are answered there. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_EMULATE_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_EMULATE_H

#include <stdbool.h>

#include "measure/sgx.h"

/* Asks the host for what CPUID answers (cpuid.h). Once memory is set up: it is lazy where the
 * enclave's own report says that faults tell their address. 0, or a negative errno. */
int emulate_begin(void);

/* In the handler of #UD: true when the instruction was one of these, and the program goes on behind
 * it. */
bool emulate_instruction(struct sgx_gprs *state);

#endif
