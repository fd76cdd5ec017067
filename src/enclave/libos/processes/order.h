/*
 * What goes over a process wire (wire/arrivals.h), message by message, little endian.
 *
 * The first enclave tells a new one what it is to be: struct order, then the bytes that belong to
 * it; from then on the signals that the process gets. The new one tells what the process came to,
 * and may wait for another order then. Signals that cross this word are nobody's.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_ORDER_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/load.h"

enum order_kind {
    ORDER_PROGRAM = 1, /* to begin a program: `size` bytes of texts follow */
    ORDER_SNAPSHOT,    /* to go on as a copy of another process: its snapshot follows */
};

struct order {
    uint32_t kind; /* enum order_kind */
    uint32_t process;
    uint8_t secret[PROCESS_SECRET_SIZE];
    uint32_t uid, gid;               /* as the auxiliary vector tells */
    uint64_t mask;                   /* of signals, of the first thread */
    uint64_t ignored;                /* signals, a bit each */
    uint64_t pending;                /* likewise: before its first instruction */
    uint64_t watched;                /* signals of signalfds, likewise */
    uint64_t memory;                 /* bytes that its enclave's program may have */
    char name[16];                   /* of the first thread */
    uint32_t size;                   /* bytes: a path with its end, and the words */
    uint32_t path_size;              /* of these, with the end */
    uint32_t arguments, environment; /* as struct program_words has them */
    int32_t at;                      /* as struct program_name has them */
    uint32_t flags;
};

#define ORDER_TEXTS_MAX (PROGRAM_WORDS_MAX + PROGRAM_PATH_MAX)

/* Whether its numbers are within what they may be. Who speaks is another enclave of this image, but
 * what a program has written into it may be there. */
bool order_is_good(const struct order *order);

/* Of one that is good and begins a program: what lies in its texts behind the path, which ends in
 * them; else false. What the words are, program_open() looks into. */
bool order_words(const struct order *order, const char *texts, struct program_words *out);

struct order_signal {
    int32_t number, code;
    uint32_t process; /* this one, or one that is in its enclave for a while (persona.h) */
    uint32_t zero;
    uint64_t words[2];
};

/* From the process: it is over. */
struct order_result {
    uint64_t result;  /* door_calls.h */
    uint32_t is_left; /* 1: the enclave can be another process'; 0: it ends */
    uint32_t zero;
};

/* Whether it says what there is to be said. */
bool order_result_is_good(const struct order_result *message);

#endif
