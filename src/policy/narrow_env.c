/*
 * Variables. A policy may let variables be dropped that no rule knows: then the container that
 * keeps the most decides, and where several keep as many they must keep the same ones. Otherwise
 * every variable must be known. Either way the required ones must be there.
 *
 * Variables are a set, as in the reference: doubles vanish. Two values of one name are refused,
 * because which of them a program sees depends on the program.
 */
#include <stdlib.h>

#include "policy/narrow.h"

#define ENV_MAX 4096 /* variables of one process */

/* The variables without doubles, in the order given. */
struct env_set {
    const char **items;
    size_t count;
    bool *kept; /* by the container at hand */
    bool *best; /* by the one that keeps the most so far */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

/* Marks doubles by sorting pointers into the list; equal texts keep the first place. */
static size_t drop_doubles(struct policy_list list, const char **out, const char *const **sorted)
{
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++)
        sorted[i] = &list.items[i];
    qsort(sorted, list.count, sizeof *sorted, by_text);
    for (size_t i = 0; i < list.count; i++)
        out[i] = list.items[i];
    for (size_t i = 1; i < list.count; i++) {
        const char *const *first = sorted[i - 1];
        if (strcmp(*first, *sorted[i]) != 0)
            continue;
        /* Of equal ones the earliest in the list stays, and is carried on for the next compare. */
        const char *const *later = first > sorted[i] ? first : sorted[i];
        sorted[i] = first > sorted[i] ? sorted[i] : first;
        out[later - list.items] = NULL;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (out[i])
            out[count++] = out[i];
    }
    return count;
}

/* The rules of a container, and then those of each module for all containers: *rules and their
 * count. NULL past the last. */
static const struct env_rule *rules_at(const struct asker *asker,
                                       const struct policy_container *container, size_t index,
                                       size_t *count)
{
    static const struct env_rule none;
    *count = 0;
    if (index == 0) {
        *count = container->env_rule_count;
        return container->env_rules;
    }
    if (container->external || index > asker->state->fragment_count + 1)
        return NULL;
    const struct policy *module = state_module(asker->state, index - 1, INCLUDE_PLATFORM);
    if (!module || module->platform.env_rule_count == 0)
        return &none;
    *count = module->platform.env_rule_count;
    return module->platform.env_rules;
}

static bool known_by(struct asker *asker, const struct policy_container *container, const char *env,
                     bool plain)
{
    const struct env_rule *rules;
    size_t count;
    for (size_t at = 0; (rules = rules_at(asker, container, at, &count)); at++) {
        for (size_t i = 0; i < count; i++) {
            if (match_is_plain(&rules[i]) == plain &&
                match_env(&rules[i], env, asker->state->regex))
                return true;
        }
    }
    return false;
}

/* Most variables need no pattern to be read: those rules that have one come last. */
static bool env_known(struct asker *asker, const struct policy_container *container,
                      const char *env)
{
    return known_by(asker, container, env, true) || known_by(asker, container, env, false);
}

static bool rule_met(struct asker *asker, const struct env_rule *rule, const struct env_set *set)
{
    if (!rule->required)
        return true;
    for (size_t i = 0; i < set->count; i++) {
        if (match_env(rule, set->items[i], asker->state->regex))
            return true;
    }
    return false;
}

/* The first required rule that nothing meets; NULL when all are met. */
static const struct env_rule *unmet_rule(struct asker *asker,
                                         const struct policy_container *container,
                                         const struct env_set *set)
{
    const struct env_rule *rules;
    size_t count;
    for (size_t at = 0; (rules = rules_at(asker, container, at, &count)); at++) {
        for (size_t i = 0; i < count; i++) {
            if (!rule_met(asker, &rules[i], set))
                return &rules[i];
        }
    }
    return NULL;
}

static size_t score(struct asker *asker, const struct policy_container *container,
                    struct env_set *set)
{
    size_t known = 0;
    for (size_t i = 0; i < set->count; i++) {
        set->kept[i] = env_known(asker, container, set->items[i]);
        known += set->kept[i];
    }
    return known;
}

static bool explain_unmet(struct asker *asker, const struct policy_container *container,
                          const struct env_rule *rule)
{
    const char *pattern = rule->all.pattern;
    return deny(
        asker->decision, "required variable %s is missing or has another value (%s)",
        rule->in_parts ? quote(&asker->quotes, pattern) : quote_name(&asker->quotes, pattern),
        container_label(asker, container));
}

static bool explain_unknown(struct asker *asker, const struct policy_container *container,
                            const struct env_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!env_known(asker, container, set->items[i]))
            return deny(
                asker->decision, "variable %s is not in the policy, or not with this value (%s)",
                quote_name(&asker->quotes, set->items[i]), container_label(asker, container));
    }
    return deny(asker->decision, "the variables disagree with %s",
                container_label(asker, container));
}

/* Scores all candidates; *most is what the best keeps, in set->best. False when several that keep
 * as many keep different ones. */
static bool find_best(struct asker *asker, struct env_set *set, size_t *most)
{
    bool agreed = true;
    *most = 0;
    for (size_t i = 0; i < asker->count; i++) {
        size_t known = score(asker, asker->state->candidates[i], set);
        asker->state->scores[i] = known;
        if (i > 0 && known < *most)
            continue;
        if (i > 0 && known == *most) {
            agreed = agreed && memcmp(set->kept, set->best, set->count) == 0;
            continue;
        }
        *most = known;
        agreed = true;
        memcpy(set->best, set->kept, set->count);
    }
    return agreed;
}

/* Keeps the candidates that keep the most and whose required variables are there. */
static bool keep_best(struct asker *asker, struct env_set *set, size_t most)
{
    const struct policy_container **candidates = asker->state->candidates;
    const struct policy_container *nearest = candidates[0];
    const struct env_rule *unmet = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < asker->count; i++) {
        const struct env_rule *rule;
        if (asker->state->scores[i] < most)
            continue;
        rule = unmet_rule(asker, candidates[i], set);
        if (!rule) {
            candidates[kept++] = candidates[i];
        } else if (!unmet) {
            nearest = candidates[i];
            unmet = rule;
        }
    }
    asker->count = kept;
    return kept > 0 || (unmet && explain_unmet(asker, nearest, unmet));
}

static void keep_only(struct env_set *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->best[i])
            set->items[kept++] = set->items[i];
    }
    set->count = kept;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, variables of one name stand side by side. `sorted` is room for them. */
static bool names_differ(struct asker *asker, const struct env_set *set, const char **sorted)
{
    memcpy((void *)sorted, (const void *)set->items, set->count * sizeof *sorted);
    qsort((void *)sorted, set->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < set->count; i++) {
        size_t size = strcspn(sorted[i], "=");
        if (sorted[i][size] == '=' && strncmp(sorted[i - 1], sorted[i], size + 1) == 0)
            return deny(asker->decision, "variable %s is given twice with different values",
                        quote_name(&asker->quotes, sorted[i]));
    }
    return true;
}

static bool decide(struct asker *asker, struct env_set *set, const char **sorted)
{
    bool drops = asker->state->policy->allow_environment_variable_dropping;
    const struct policy_container *first = asker->state->candidates[0];
    size_t most;
    bool agreed = find_best(asker, set, &most);
    if (!drops && most < set->count)
        return explain_unknown(asker, first, set);
    if (drops && !agreed)
        return deny(asker->decision,
                    "containers of the policy would keep different variables; none can be chosen");
    if (!keep_best(asker, set, most))
        return false;
    if (drops)
        keep_only(set);
    return names_differ(asker, set, sorted);
}

/* One allocation for all lists of a call: the kept variables, the kept capabilities, and room to
 * work. */
static const char **take_memory(struct asker *asker, struct env_set *set, const char **extra[])
{
    const struct policy_process *process = asker->process;
    size_t env = process->env.count;
    size_t caps = 0;
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++)
        caps += process->capabilities.sets[i].count;
    char *memory = calloc(1, (3 * env + caps) * sizeof(char *) + 2 * env + 1);
    if (!memory)
        return NULL;
    asker->decision->memory = memory;
    set->items = (const char **)(void *)memory;
    *extra = set->items + env + caps;
    set->kept = (bool *)(void *)(set->items + 3 * env + caps);
    set->best = set->kept + env;
    return set->items;
}

/* The variables without doubles, in memory that the decision owns. */
static bool begin_env(struct asker *asker, struct env_set *set, const char **room[])
{
    struct policy_list env = asker->process->env;
    if (env.count > ENV_MAX)
        return deny(asker->decision, "%zu variables; at most %d are accepted", env.count, ENV_MAX);
    if (!take_memory(asker, set, room))
        return deny(asker->decision, "no memory is left");
    set->count = drop_doubles(env, set->items, (const char *const **)(void *)*room);
    return true;
}

bool narrow_by_env(struct asker *asker)
{
    struct env_set set;
    const char **room;
    if (!begin_env(asker, &set, &room) || !decide(asker, &set, room))
        return false;
    asker->decision->env_kept = (struct policy_list){set.items, set.count};
    return true;
}

bool keep_all(struct asker *asker)
{
    struct env_set set;
    const char **room;
    if (!begin_env(asker, &set, &room) || !names_differ(asker, &set, room))
        return false;
    asker->decision->env_kept = (struct policy_list){set.items, set.count};
    asker->decision->caps_kept = asker->process->capabilities;
    return true;
}
