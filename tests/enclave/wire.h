/* What the enclave of tests/enclave/wire.c does: its host's `tee` says so. */
#ifndef CAISSON_TESTS_ENCLAVE_WIRE_H
#define CAISSON_TESTS_ENCLAVE_WIRE_H

#define WIRE_CHILDREN 3

/* Messages with WIRE_CHILDREN children: 0, or which step failed. */
#define WIRE_EXCHANGE "exchange"
/* The children are there, says so in the log, and waits. */
#define WIRE_STAY "stay"
/* Children end before they dial, and the first enclave is told of each: 0. */
#define WIRE_MISS "miss"
/* Tells in the log how long things take. */
#define WIRE_TIMES "times"

#endif
