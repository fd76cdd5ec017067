/*
 * A machine that does nothing and writes down what it was asked for: the gate runs against it on
 * any host, in tests and under the fuzzer.
 */
#ifndef CAISSON_TESTS_FAKE_MACHINE_H
#define CAISSON_TESTS_FAKE_MACHINE_H

#include "guest/gate.h"

struct fake_machine {
    uint8_t host_data[SHA256_SIZE];
    const char *fail; /* the operation that fails, by its name here; NULL for none */
    char done[4096];  /* what was done, a word each: "mount_device:m0 …" */
    char env[512];    /* of the last container created, joined by blanks */
    uint32_t standard[3];
    uint32_t exec_standard[3]; /* of the last process beside a container's first */
    bool terminal;
    struct span policy; /* that the last process could be given */
    bool forged;        /* fragments are nobody's */
    size_t input;       /* bytes that came for a process */
};

extern const struct machine_ops fake_machine_ops;

/* A policy with one container: root hash of 64 times "a", then "b"; args ["/bin/app","go"], cwd
 * "/", variable A=1, signals [15], the default mount; beside it ["/bin/tool","-x"] may run, which
 * may get signal 10, and ["/bin/sh"]. The text lives as long as the program. */
const char *fake_policy(void);

/* The HOST_DATA that this policy has. */
void fake_machine_init(struct fake_machine *machine, const char *policy);

#endif
