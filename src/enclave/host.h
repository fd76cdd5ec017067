/*
 * The host's half of the library OS's door (libos/door_calls.h): it answers what the enclave asks,
 * and runs a program in it. One run an enclave.
 */
#ifndef CAISSON_ENCLAVE_HOST_H
#define CAISSON_ENCLAVE_HOST_H

#include "base/span.h"
#include "enclave/libos/door_calls.h"
#include "enclave/load.h"

#define HOST_DISKS_MAX 32

struct enclave_host_run {
    int streams[3];                    /* borrowed descriptors: standard input, output, error */
    struct span disks[HOST_DISKS_MAX]; /* borrowed; [0] is the program, without layers */
    size_t disk_count;
    const struct door_layer *layers; /* top first; layer i is disks[1 + i] */
    size_t layer_count;
    const char *program;           /* its path in the layers */
    void (*log)(const char *line); /* what the library OS tells */
    const char *const *arguments;  /* the first is the program's name; NULL ends them */
    const char *const *environment;
};

/* Runs the program: this thread is its first one, and its others are threads of this process until
 * it ends. SIGURG is taken for interrupting them. *exit_code is the program's own, or 128 + SIGSEGV
 * or the like of an exception. error_system() tells with which errno the
 * library OS would not run it. */
int enclave_host_run(struct enclave *enclave, const struct enclave_image *image,
                     const struct enclave_host_run *run, int *exit_code, struct error *err);

#endif
