/*
 * The host's half of the library OS's door (libos/door/door_calls.h): it answers what the enclave
 * asks. The gate inside speaks docs/protocol.md over a socket, as a utility VM's does over its
 * port; who is at the other end decides what is asked of it. One run an enclave.
 */
#ifndef CAISSON_ENCLAVE_HOST_H
#define CAISSON_ENCLAVE_HOST_H

#include "base/span.h"
#include "enclave/libos/door/door_calls.h"
#include "enclave/load.h"

struct host_nursery;
struct host_quoter;
struct host_thread;

/* What one of the host's threads answers to a call. */
typedef uint64_t enclave_host_answer_fn(struct host_thread *thread, uint64_t number,
                                        const uint64_t arguments[3]);

struct enclave_host_run {
    int channel;      /* borrowed: a stream socket, to whom the gate speaks */
    const char *tee;  /* "sgx", "sgx-simulated" */
    const int *disks; /* borrowed descriptors; the n-th is LUN n */
    size_t disk_count;
    const struct sgx_targetinfo *target; /* for whom reports are made; NULL for nobody */
    void (*log)(const char *line);       /* what the library OS tells */
    struct host_nursery *nursery;        /* of further enclaves (host_nursery.h); NULL for none */
    const struct host_quoter *quoter;    /* of reports (host_quoter.h); NULL for none */
    /* NULL but in tests: a host that lies answers in this one's place, whose answer is `honest`. */
    uint64_t (*instead)(enclave_host_answer_fn *honest, struct host_thread *thread, uint64_t number,
                        const uint64_t arguments[3]);
};

/* Runs the gate in the enclave's first thread until it was told to power off, or the socket's other
 * end is closed. The program's thread may be inside still: what is left for the process is to end.
 * error_system() tells with which errno the library OS gave up. */
int enclave_host_run(struct enclave *enclave, const struct enclave_image *image,
                     const struct enclave_host_run *run, struct error *err);

/* The same for a child's enclave, whose first thread dials the first enclave: until that wire ends.
 * The process ends by itself where the program does. */
int enclave_host_run_child(struct enclave *enclave, const struct enclave_image *image,
                           const struct enclave_host_run *run, struct error *err);

#endif
