/* What the files of the generator share; not for others. */
#ifndef CAISSON_POLICY_GENERATE_PARTS_H
#define CAISSON_POLICY_GENERATE_PARTS_H

#include "policy/generate.h"
#include "policy/write.h"

/* What differs between generations. */
struct generation {
    const char *api;
    const char *framework;
    bool default_signals; /* 9 and 15, to which the image's stop signal is added */
    bool unique_execs;
    bool rw_mount_device;
    bool host_network;
};

struct writer {
    struct policy_writer text;
    const struct policy_draft *draft;
    const struct generation *generation;
};

static inline void put(struct writer *writer, const char *text)
{
    policy_put(&writer->text, text);
}

static inline void put_string(struct writer *writer, const char *text)
{
    policy_put_string(&writer->text, text);
}

static inline void put_bool(struct writer *writer, bool value)
{
    policy_put_bool(&writer->text, value);
}

static inline void put_list(struct writer *writer, struct policy_list list)
{
    policy_put_list(&writer->text, list);
}

/* The object of one container. */
void generate_container(struct writer *writer, const struct policy_draft_container *draft);

/* `,"env_rules":[…]`: the container's own, the image's, the platform's. */
void generate_env_rules(struct writer *writer, const struct policy_draft_container *draft);

/* `,"mounts":[…]`: the container's own, then the platform's. */
void generate_mounts(struct writer *writer, const struct policy_draft_container *draft);

/* The definition of `caisson_group`, with the empty line behind it. */
void generate_group(struct writer *writer, const struct policy_group *group);

/* That of `caisson_attestation`, alike. */
void generate_attestation(struct writer *writer, const struct policy_attestation *attestation);

#endif
