#include "enclave/libos/processes/identity.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <string.h>

#define BIT(capability) (UINT64_C(1) << (capability))

/* linux/capability.h, CAP_FS_SET: what comes and goes with a files' user of 0. */
#define OF_FILES                                                                                   \
    (BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |          \
     BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MAC_OVERRIDE))

struct creds identity_creds(const struct identity *identity)
{
    return (struct creds){.uid = identity->ids[IDENTITY_USER].files,
                          .gid = identity->ids[IDENTITY_GROUP].files,
                          .groups = identity->groups,
                          .group_count = identity->group_count,
                          .capabilities = identity->sets.effective};
}

bool identity_has(const struct identity *identity, unsigned capability)
{
    return capability <= CAP_LAST_CAP && identity->sets.effective & BIT(capability);
}

/* --- users and groups ------------------------------------------------------------------------- */

static bool may_set(const struct identity *identity, enum identity_kind kind)
{
    return identity_has(identity, kind == IDENTITY_USER ? CAP_SETUID : CAP_SETGID);
}

static bool has_root(const struct identity_ids *ids)
{
    return ids->real == 0 || ids->effective == 0 || ids->saved == 0;
}

/* security/commoncap.c, cap_emulate_setxuid(). */
static void change(struct identity *identity, enum identity_kind kind, struct identity_ids ids)
{
    const struct identity_ids before = identity->ids[kind];
    struct identity_sets *sets = &identity->sets;
    ids.files = ids.effective;
    identity->ids[kind] = ids;
    if (kind != IDENTITY_USER)
        return;
    if (has_root(&before) && !has_root(&ids)) {
        if (!identity->keeps_sets)
            sets->permitted = sets->effective = 0;
        identity->ambient = 0;
    }
    if (before.effective == 0 && ids.effective != 0)
        sets->effective = 0;
    if (before.effective != 0 && ids.effective == 0)
        sets->effective = sets->permitted;
}

static bool is_one(const struct identity_ids *ids, uint32_t id)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

int identity_set(struct identity *identity, enum identity_kind kind, uint32_t id)
{
    struct identity_ids ids = identity->ids[kind];
    if (id == IDENTITY_AS_IT_IS)
        return -EINVAL;
    if (may_set(identity, kind))
        ids.real = ids.saved = id;
    else if (id != ids.real && id != ids.saved)
        return -EPERM;
    ids.effective = id;
    change(identity, kind, ids);
    return 0;
}

int identity_set_two(struct identity *identity, enum identity_kind kind, uint32_t real,
                     uint32_t effective)
{
    const struct identity_ids before = identity->ids[kind];
    struct identity_ids ids = before;
    bool has_real = real != IDENTITY_AS_IT_IS, has_effective = effective != IDENTITY_AS_IT_IS;
    if (!may_set(identity, kind) &&
        ((has_real && real != before.real && real != before.effective) ||
         (has_effective && !is_one(&before, effective))))
        return -EPERM;
    if (has_real)
        ids.real = real;
    if (has_effective)
        ids.effective = effective;
    if (has_real || (has_effective && effective != before.real))
        ids.saved = ids.effective;
    change(identity, kind, ids);
    return 0;
}

int identity_set_three(struct identity *identity, enum identity_kind kind, uint32_t real,
                       uint32_t effective, uint32_t saved)
{
    struct identity_ids ids = identity->ids[kind];
    const uint32_t wanted[3] = {real, effective, saved};
    uint32_t *const places[3] = {&ids.real, &ids.effective, &ids.saved};
    for (size_t i = 0; i < 3; i++) {
        if (wanted[i] == IDENTITY_AS_IT_IS)
            continue;
        if (!may_set(identity, kind) && !is_one(&identity->ids[kind], wanted[i]))
            return -EPERM;
        *places[i] = wanted[i];
    }
    change(identity, kind, ids);
    return 0;
}

uint32_t identity_set_files(struct identity *identity, enum identity_kind kind, uint32_t id)
{
    struct identity_ids *ids = &identity->ids[kind];
    struct identity_sets *sets = &identity->sets;
    uint32_t before = ids->files;
    if (id == IDENTITY_AS_IT_IS || (id != before && !is_one(ids, id) && !may_set(identity, kind)))
        return before;
    ids->files = id;
    if (kind == IDENTITY_USER && before == 0 && id != 0)
        sets->effective &= ~OF_FILES;
    if (kind == IDENTITY_USER && before != 0 && id == 0)
        sets->effective |= OF_FILES & sets->permitted;
    return before;
}

int identity_set_groups(struct identity *identity, const uint32_t *groups, size_t count)
{
    if (!identity_has(identity, CAP_SETGID))
        return -EPERM;
    if (count > IDENTITY_GROUPS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (groups[i] == IDENTITY_AS_IT_IS)
            return -EINVAL;
    }
    if (count > 0)
        memcpy(identity->groups, groups, count * sizeof *groups);
    identity->group_count = count;
    return 0;
}

/* --- capabilities ----------------------------------------------------------------------------- */

static bool is_part(uint64_t part, uint64_t whole)
{
    return (part & ~whole) == 0;
}

/* security/commoncap.c, cap_capset(). */
int identity_set_sets(struct identity *identity, const struct identity_sets *wanted)
{
    const struct identity_sets *now = &identity->sets;
    uint64_t inheritable = now->inheritable | now->permitted;
    if (!identity_has(identity, CAP_SETPCAP) && !is_part(wanted->inheritable, inheritable))
        return -EPERM;
    if (!is_part(wanted->inheritable, now->inheritable | identity->bounding) ||
        !is_part(wanted->permitted, now->permitted) ||
        !is_part(wanted->effective, wanted->permitted))
        return -EPERM;
    identity->sets = *wanted;
    identity->ambient &= wanted->permitted & wanted->inheritable;
    return 0;
}

int identity_drop_bounding(struct identity *identity, unsigned capability)
{
    if (!identity_has(identity, CAP_SETPCAP))
        return -EPERM;
    if (capability > CAP_LAST_CAP)
        return -EINVAL;
    identity->bounding &= ~BIT(capability);
    return 0;
}

int identity_set_ambient(struct identity *identity, unsigned capability, bool is_set)
{
    if (capability > CAP_LAST_CAP)
        return -EINVAL;
    if (!is_set) {
        identity->ambient &= ~BIT(capability);
        return 0;
    }
    if (!is_part(BIT(capability), identity->sets.permitted & identity->sets.inheritable))
        return -EPERM;
    identity->ambient |= BIT(capability);
    return 0;
}

/* --- what follows from it --------------------------------------------------------------------- */

static bool are_same_ids(const struct identity_ids *one, const struct identity_ids *other)
{
    return one->real == other->real && one->effective == other->effective &&
           one->saved == other->saved && one->files == other->files;
}

static bool are_same_sets(const struct identity_sets *one, const struct identity_sets *other)
{
    return one->permitted == other->permitted && one->effective == other->effective &&
           one->inheritable == other->inheritable;
}

bool identity_is_same(const struct identity *one, const struct identity *other)
{
    return are_same_ids(&one->ids[IDENTITY_USER], &other->ids[IDENTITY_USER]) &&
           are_same_ids(&one->ids[IDENTITY_GROUP], &other->ids[IDENTITY_GROUP]) &&
           one->group_count == other->group_count &&
           memcmp(one->groups, other->groups, one->group_count * sizeof *one->groups) == 0 &&
           are_same_sets(&one->sets, &other->sets) && one->bounding == other->bounding &&
           one->ambient == other->ambient && one->keeps_sets == other->keeps_sets;
}

bool identity_may_signal(const struct identity *identity, const struct identity *other)
{
    const struct identity_ids *own = &identity->ids[IDENTITY_USER];
    const struct identity_ids *its = &other->ids[IDENTITY_USER];
    return own->effective == its->saved || own->effective == its->real || own->real == its->saved ||
           own->real == its->real || identity_has(identity, CAP_KILL);
}

/* capabilities(7), "Transformation of capabilities during execve()", of a file that has none. */
void identity_exec(struct identity *identity)
{
    struct identity_sets *sets = &identity->sets;
    const struct identity_ids *user = &identity->ids[IDENTITY_USER];
    bool is_root = user->real == 0 || user->effective == 0;
    sets->permitted = (is_root ? sets->inheritable | identity->bounding : 0) | identity->ambient;
    sets->effective = user->effective == 0 ? sets->permitted : identity->ambient;
    identity->keeps_sets = false;
    for (size_t i = 0; i < IDENTITY_KINDS; i++)
        identity->ids[i].saved = identity->ids[i].files = identity->ids[i].effective;
}
