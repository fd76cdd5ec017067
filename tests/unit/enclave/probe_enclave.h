/* The enclave of tests/enclave, signed by a key that everybody has, for tests that enter it. */
#ifndef CAISSON_TESTS_PROBE_ENCLAVE_H
#define CAISSON_TESTS_PROBE_ENCLAVE_H

#include "../../enclave/probe.h"
#include "enclave/load.h"
#include "enclave/model.h"
#include "measure/sigstruct_sign.h"

struct probe_enclave {
    struct buf file;
    struct enclave_image image;
    struct sigstruct fields; /* what is signed */
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    struct enclave_options options;
    struct enclave *enclave;
    uint64_t calls; /* that the host has answered */
};

/* Reads and signs the image; the test fails where that does. */
void probe_init(struct probe_enclave *probe, const char *path);
void probe_fini(struct probe_enclave *probe);

/* Signs `fields` anew. */
void probe_sign(struct probe_enclave *probe);

/* Loads it by the model, in the place of one that is there. */
void probe_load(struct probe_enclave *probe);

/* The offset of a thread's TCS. */
uint64_t probe_tcs(const struct probe_enclave *probe, unsigned thread);

/* Runs main; its result. */
uint64_t probe_ask(struct probe_enclave *probe, unsigned thread, enum probe_order order, uint64_t a,
                   uint64_t b, uint64_t c);
int probe_try(struct probe_enclave *probe, unsigned thread, enum probe_order order, uint64_t a,
              uint64_t b, uint64_t c, uint64_t *result, struct error *err);

#endif
