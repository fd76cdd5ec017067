/*
 * A host that lies once: to the n-th call of one door it gives a wrong answer, to all others the
 * host's own. What it counts and does stands in a file, for whoever looks on.
 */
#ifndef CAISSON_TESTS_ENCLAVE_HOSTILE_H
#define CAISSON_TESTS_ENCLAVE_HOSTILE_H

#include "enclave/host.h"

#define HOSTILE_DOORS 64

/* The file, in words of the machine's: calls of each door by the first enclave, then by all
 * children, then how many wrong answers were given. */
struct hostile_tally {
    uint64_t calls[2][HOSTILE_DOORS];
    uint64_t lies;
};

/* `wrong` is NULL, or SIDE,DOOR,N,HOW: side 0 is the first enclave, 1 children (each counts its
 * own), N is from 1 on, HOW a name of hostile.c's. Before the nursery is made. */
int hostile_begin(const char *tally, const char *wrong, struct error *err);

/* For struct enclave_host_run. */
uint64_t hostile_answer(enclave_host_answer_fn *honest, struct host_thread *thread, uint64_t number,
                        const uint64_t arguments[3]);

#endif
