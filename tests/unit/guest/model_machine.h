/*
 * A machine that does nothing and knows what the policy describes: whatever the gate lets through
 * to it is held against a table of containers, by rules of its own that share no code with
 * src/policy. What would let run, be seen or be taken away something that the table does not
 * describe is a violation.
 */
#ifndef CAISSON_TESTS_MODEL_MACHINE_H
#define CAISSON_TESTS_MODEL_MACHINE_H

#include "base/buf.h"
#include "guest/gate.h"

#define MODEL_LAYERS  3
#define MODEL_WORDS   3
#define MODEL_DEVICES 8
#define MODEL_IDS     32

/* A container as its owner wants it. Lists end with NULL. */
struct described {
    const char *name;
    const char *layers[MODEL_LAYERS + 1]; /* base first */
    const char *args[MODEL_WORDS + 1];
    const char *env[MODEL_WORDS + 1]; /* any of these, and no others */
    const char *cwd;
    const char *capabilities[MODEL_WORDS + 1]; /* bounding, effective and permitted */
    unsigned int signals[MODEL_WORDS + 1];
    const char *exec[MODEL_WORDS + 1]; /* what may be run in it later; none where empty */
    unsigned int exec_signal;          /* the one that it may get */
    /* All of these, and no others. */
    const char *rlimits[MODEL_WORDS + 1], *sysctls[MODEL_WORDS + 1];
    bool no_new_privileges, elevated, stdio, read_only;
    const char *mount;   /* where a file of the container's own may be mounted; NULL for none */
    const char *seccomp; /* the only member, defaultAction, of its profile; NULL for no profile */
};

/* An empty folder that every container may be given, and nothing else that is not its own. */
extern const struct policy_mount model_run_mount;

extern const struct described model_containers[];
extern const size_t model_container_count;

/* The policy that describes them; appended. */
int model_policy(struct buf *out, struct error *err);

struct model_device {
    char target[64];
    char root_hash[65];
};

enum model_life { MODEL_MOUNTED, MODEL_CREATING, MODEL_RUNS, MODEL_ENDED, MODEL_GONE };

struct model_container {
    char id[REQUEST_CONTAINER_MAX + 1];
    enum model_life life;
    char targets[MODEL_LAYERS + 1][64]; /* of the devices beneath it, base first */
    char hashes[MODEL_LAYERS + 1][65];
    uint32_t may_be; /* bit n: what runs is model_containers[n] */
    uint32_t standard[3];
    bool terminal, privileged;
    bool shut; /* the host has had it shut down */
};

struct model_process {
    char id[REQUEST_CONTAINER_MAX + 1];
    uint64_t number;
    enum model_life life;
    bool terminal;
};

struct model_machine {
    uint8_t host_data[SHA256_SIZE];
    bool open;  /* the test knows that the policy was accepted */
    bool fails; /* the next thing that can fail does */
    bool network;
    bool scratch;
    struct model_device devices[MODEL_DEVICES];
    size_t device_count;
    struct model_container containers[MODEL_IDS];
    size_t container_count;
    struct model_process processes[GATE_PROCESSES_MAX];
    bool paused;
    unsigned int executed, removed; /* processes, devices */
    unsigned int created[8];        /* how often each of model_containers came to be */
    unsigned int signals;
    char violation[256]; /* the first */
};

extern const struct machine_ops model_machine_ops;

struct model_container *model_find(struct model_machine *machine, const char *id);

#endif
