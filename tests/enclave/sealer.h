/* What tests ask of the enclave sealer.c. */
#ifndef CAISSON_TESTS_SEALER_H
#define CAISSON_TESTS_SEALER_H

#define SEALER_PLAIN_SIZE 100
#define SEALER_LABEL      "a test's"

/* Orders: which, enum seal_to, from where, to where. Both are the host's, and have the sizes of the
 * plaintext and of the sealed data. The result is seal_make()'s or seal_open()'s. */
enum sealer_order { SEALER_MAKE, SEALER_OPEN };

#endif
