/* What a machine has mounted and started under a policy. Internal to this folder. */
#ifndef CAISSON_POLICY_STATE_H
#define CAISSON_POLICY_STATE_H

#include "policy/model.h"

#ifndef STATE_ROWS_MAX      /* less in an enclave, which has one container */
#define STATE_ROWS_MAX 4096 /* devices, containers, scratch mounts, plan9 mounts: of each */
#endif
#define STATE_FRAGMENTS_MAX 64   /* loaded, which have POLICY_SIZE_MAX bytes at most together */
#define STATE_TEXT_MAX      4096 /* bytes of an id or a path from the host */

struct device {
    char *target;
    char *root_hash; /* NULL for a writable one */
};

/* A container id that the host has used. It stays, so that an id never means two things. */
struct live_container {
    char *id;
    char *target;  /* where the overlay is mounted; NULL once unmounted */
    char **layers; /* targets of its devices, while the overlay is mounted */
    size_t layer_count;
    const struct policy_container **matches; /* what it may still be; NULL after shutdown */
    size_t match_count;
    bool started;
    bool privileged;
    const struct policy_container *row; /* that it was started as; NULL where rows decide nothing */
    bool running;                       /* started, and its end has not been told */
    unsigned int code;                  /* it ended with, unless it runs */
};

struct plan9_mount {
    char *target;
    char *container_id;
};

/* A fragment that was loaded; it stays. */
struct state_fragment {
    struct policy *module;
    const char *parameters; /* that it was read with; of the row that gave them */
    bool again;             /* one before it is the same text, with other parameters */
    unsigned int includes;
    struct policy_fragment_identity identity; /* its texts are owned here */
};

struct policy_state {
    const struct policy *policy;
    const struct policy *names; /* the module that was read last: it knows all capabilities */
    struct state_fragment fragments[STATE_FRAGMENTS_MAX];
    size_t fragment_count;
    size_t fragment_bytes; /* of their texts */
    struct buf identities; /* as much as evidence needs to name them */
    struct device devices[STATE_ROWS_MAX];
    size_t device_count;
    struct live_container containers[STATE_ROWS_MAX];
    size_t container_count;
    char *scratches[STATE_ROWS_MAX];
    size_t scratch_count;
    struct plan9_mount plan9s[STATE_ROWS_MAX];
    size_t plan9_count;
    struct regex_scratch *regex;
    /* Room for one decision: candidates and their counts, as many as there are rows. */
    const struct policy_container **candidates;
    size_t *scores;
};

/* The modules that hold: 0 is the policy, 1 to fragment_count are loaded fragments; NULL for one
 * whose rows of this kind are not included. */
const struct policy *state_module(const struct policy_state *state, size_t index,
                                  enum fragment_include kind);

/* A framework newer than this one may mean other things by the same words. */
static inline bool state_knows_framework(const struct policy *module)
{
    return module->framework.has &&
           version_compare(module->framework.number, POLICY_FRAMEWORK) <= 0;
}

/* Makes room for decisions about all rows; false without memory. */
bool state_reserve(struct policy_state *state);

struct device *state_find_device(struct policy_state *state, const char *target);
struct live_container *state_find_container(struct policy_state *state, const char *id);
struct live_container *state_find_overlay(struct policy_state *state, const char *target);

/* Whether a mounted overlay has this device as a layer; returns its container. */
const struct live_container *state_device_user(const struct policy_state *state,
                                               const char *target);

/* True for an id of 1 to 64 characters of [a-zA-Z0-9_.-] that does not start with a dot: it becomes
 * part of paths. */
bool state_good_id(const char *id);

/* Frees what a row holds and closes the gap. */
void state_remove_device(struct policy_state *state, struct device *device);
void state_clear_overlay(struct live_container *container);
void state_clear_matches(struct live_container *container);
void state_clear_fragment(struct state_fragment *fragment);

#endif
