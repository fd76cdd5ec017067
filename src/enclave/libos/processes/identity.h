/*
 * Who a process is: users, groups and capabilities, and how it may become another, as Linux has it
 * (credentials(7), capabilities(7)). Securebits are all clear; programs' set-user-ID bits and
 * capabilities mean nothing here. Answers are 0 or a negative errno, and then nothing has changed.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_IDENTITY_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/files/access.h"

#define IDENTITY_GROUPS_MAX 64
#define IDENTITY_AS_IT_IS   UINT32_MAX /* of an id that is not to change */

struct identity_ids {
    uint32_t real, effective, saved;
    uint32_t files; /* fsuid, fsgid */
};

enum identity_kind { IDENTITY_USER, IDENTITY_GROUP, IDENTITY_KINDS };

/* A bit a capability. */
struct identity_sets {
    uint64_t permitted, effective, inheritable;
};

struct identity {
    struct identity_ids ids[IDENTITY_KINDS];
    uint32_t groups[IDENTITY_GROUPS_MAX];
    size_t group_count;
    struct identity_sets sets;
    uint64_t bounding, ambient;
    bool keeps_sets; /* PR_SET_KEEPCAPS */
};

/* What files are asked for by; the groups stay the identity's. */
struct creds identity_creds(const struct identity *identity);

bool identity_has(const struct identity *identity, unsigned capability);

/* setuid(2), setreuid(2), setresuid(2), setfsuid(2), and the same of groups. */
int identity_set(struct identity *identity, enum identity_kind kind, uint32_t id);
int identity_set_two(struct identity *identity, enum identity_kind kind, uint32_t real,
                     uint32_t effective);
int identity_set_three(struct identity *identity, enum identity_kind kind, uint32_t real,
                       uint32_t effective, uint32_t saved);
/* The one before, whether or not it changed. */
uint32_t identity_set_files(struct identity *identity, enum identity_kind kind, uint32_t id);

/* setgroups(2), which copies them. */
int identity_set_groups(struct identity *identity, const uint32_t *groups, size_t count);

/* capset(2), PR_CAPBSET_DROP, PR_CAP_AMBIENT_RAISE and PR_CAP_AMBIENT_LOWER. */
int identity_set_sets(struct identity *identity, const struct identity_sets *wanted);
int identity_drop_bounding(struct identity *identity, unsigned capability);
int identity_set_ambient(struct identity *identity, unsigned capability, bool is_set);

/* Whether it may send a signal to the other (kill(2)). */
bool identity_may_signal(const struct identity *identity, const struct identity *other);

/* Whether both may do the same. */
bool identity_is_same(const struct identity *one, const struct identity *other);

/* What execve(2) makes of it. */
void identity_exec(struct identity *identity);

#endif
