/*
 * Capabilities: five sets. A policy may let capabilities be dropped that no rule has, by the same
 * rule as for variables: the container that keeps the most decides. What is left must equal the
 * policy's sets.
 */
#include "policy/capabilities.h"
#include "policy/narrow.h"

struct sets {
    uint64_t masks[POLICY_CAPABILITY_SETS];
};

/* What the process asks for. */
struct asked {
    struct sets sets;
    size_t counts[POLICY_CAPABILITY_SETS]; /* of the lists, doubles counted */
    const char *unknown;                   /* a name that the policy has nowhere, or NULL */
};

static struct asked read_asked(const struct asker *asker)
{
    struct asked asked = {0};
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        struct policy_list list = asker->process->capabilities.sets[i];
        asked.counts[i] = list.count;
        for (size_t j = 0; j < list.count; j++) {
            int bit = policy_capability_bit(asker->state->names, list.items[j]);
            if (bit < 0)
                asked.unknown = list.items[j];
            else
                asked.sets.masks[i] |= UINT64_C(1) << bit;
        }
    }
    return asked;
}

/* The sets of a container; a null stands for the defaults of its kind. */
static void read_allowed(const struct asker *asker, const struct policy_container *container,
                         struct capability_list out[POLICY_CAPABILITY_SETS])
{
    const struct policy *policy = asker->state->policy;
    bool all = container->allow_elevated && asker->privileged;
    uint64_t mask = all ? policy->privileged_capabilities : policy->default_capabilities;
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        bool empty = i == POLICY_AMBIENT || (i == POLICY_INHERITABLE && !all);
        uint64_t own = empty ? 0 : mask;
        out[i] = (struct capability_list){own, (size_t)__builtin_popcountll(own)};
        if (container->has_capabilities)
            out[i] = container->capabilities[i];
    }
}

static struct sets filter(const struct asker *asker, const struct policy_container *container,
                          const struct asked *asked)
{
    struct capability_list allowed[POLICY_CAPABILITY_SETS];
    struct sets out;
    read_allowed(asker, container, allowed);
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++)
        out.masks[i] = allowed[i].mask & asked->sets.masks[i];
    return out;
}

static size_t size_of(const struct sets *sets)
{
    size_t size = 0;
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++)
        size += (size_t)__builtin_popcountll(sets->masks[i]);
    return size;
}

/* False when candidates that keep as many would keep different ones. */
static bool find_best(const struct asker *asker, const struct asked *asked, struct sets *best)
{
    bool agreed = true;
    size_t most = 0;
    for (size_t i = 0; i < asker->count; i++) {
        struct sets kept = filter(asker, asker->state->candidates[i], asked);
        size_t size = size_of(&kept);
        if (i > 0 && size == most)
            agreed = agreed && memcmp(&kept, best, sizeof kept) == 0;
        if (i == 0 || size > most) {
            most = size;
            agreed = true;
            *best = kept;
        }
    }
    return agreed;
}

/* The set in which the container differs from what is kept; POLICY_CAPABILITY_SETS for none. */
static int find_difference(const struct asker *asker, const struct policy_container *container,
                           const struct sets *kept, const size_t counts[])
{
    struct capability_list allowed[POLICY_CAPABILITY_SETS];
    read_allowed(asker, container, allowed);
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (allowed[i].mask != kept->masks[i] || allowed[i].count != counts[i])
            return i;
    }
    return POLICY_CAPABILITY_SETS;
}

static bool explain(struct asker *asker, const struct policy_container *container,
                    const struct sets *kept, int set)
{
    struct capability_list allowed[POLICY_CAPABILITY_SETS];
    const struct policy *names = asker->state->names;
    read_allowed(asker, container, allowed);
    uint64_t missing = allowed[set].mask & ~kept->masks[set];
    uint64_t extra = kept->masks[set] & ~allowed[set].mask;
    const char *name = policy_capability_set_names[set];
    if (extra)
        return deny(asker->decision, "capability %s is in %s, and not in the policy (%s)",
                    names->capability_names[__builtin_ctzll(extra)], name,
                    container_label(asker, container));
    if (missing)
        return deny(asker->decision, "capability %s is missing in %s, the policy has it (%s)",
                    names->capability_names[__builtin_ctzll(missing)], name,
                    container_label(asker, container));
    return deny(asker->decision, "capabilities in %s are listed more than once (%s)", name,
                container_label(asker, container));
}

static bool keep_equal(struct asker *asker, const struct sets *kept, const size_t counts[])
{
    const struct policy_container **candidates = asker->state->candidates;
    const struct policy_container *first = candidates[0];
    size_t count = 0;
    for (size_t i = 0; i < asker->count; i++) {
        if (find_difference(asker, candidates[i], kept, counts) == POLICY_CAPABILITY_SETS)
            candidates[count++] = candidates[i];
    }
    asker->count = count;
    return count > 0 || explain(asker, first, kept, find_difference(asker, first, kept, counts));
}

/* The names that are kept, in the order given, doubles removed; after the variables in the
 * decision's memory, where narrow_by_env() left room. */
static void fill_kept(struct asker *asker, const struct sets *kept)
{
    const char **out = (const char **)asker->decision->memory + asker->process->env.count;
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        struct policy_list list = asker->process->capabilities.sets[i];
        uint64_t left = kept->masks[i];
        asker->decision->caps_kept.sets[i].items = out;
        for (size_t j = 0; j < list.count; j++) {
            int bit = policy_capability_bit(asker->state->names, list.items[j]);
            if (bit < 0 || !(left >> bit & 1))
                continue;
            left &= ~(UINT64_C(1) << bit);
            *out++ = list.items[j];
            asker->decision->caps_kept.sets[i].count++;
        }
    }
}

bool narrow_by_capabilities(struct asker *asker)
{
    struct asked asked = read_asked(asker);
    struct sets kept = asked.sets;
    if (!asker->state->policy->allow_capability_dropping) {
        if (asked.unknown)
            return deny(asker->decision, "capability %s is not in the policy",
                        quote(&asker->quotes, asked.unknown));
    } else {
        if (!find_best(asker, &asked, &kept))
            return deny(asker->decision, "containers of the policy would keep different "
                                         "capabilities; none can be chosen");
        for (int i = 0; i < POLICY_CAPABILITY_SETS; i++)
            asked.counts[i] = (size_t)__builtin_popcountll(kept.masks[i]);
    }
    if (!keep_equal(asker, &kept, asked.counts))
        return false;
    fill_kept(asker, &kept);
    return true;
}
