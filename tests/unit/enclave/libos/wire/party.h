/* An enclave that shakes hands, played by the model's keys: identity and processor are a test's. */
#ifndef CAISSON_TESTS_LIBOS_PARTY_H
#define CAISSON_TESTS_LIBOS_PARTY_H

#include <stdbool.h>

#include "enclave/libos/wire/handshake.h"
#include "enclave/model_keys.h"

struct party {
    struct sgx_secs secs;
    uint8_t fuse[16];
    int random_status; /* 0, or what the generator answers */
    bool has_no_keys;
    uint8_t next; /* of its "random" bytes */
    struct handshake_processor processor;
    struct handshake shake;
};

/* As all parties are: MRENCLAVE, CONFIGID and the like of bytes that differ from field to field. */
void party_init(struct party *party);

/* Both exchange all; 0, or the first refusal of `second`, then of `first`. */
int party_meet(struct party *first, struct party *second);

#endif
