/* What tests ask of the enclave reader.c. */
#ifndef CAISSON_TESTS_READER_H
#define CAISSON_TESTS_READER_H

#include <stdint.h>

#define READER_OUT_SIZE 8192

/* In the host's memory; its address is the second argument of main (the first is READER_READ). The
 * result is how many bytes of the file went to `out`, or a negative errno. */
struct reader_question {
    uint64_t disk; /* where its bytes are */
    uint64_t size;
    uint64_t data_blocks;
    uint8_t root[32];
    char path[256];
    uint8_t out[READER_OUT_SIZE];
};

enum reader_order { READER_READ };

#endif
