/* Points about processes: create, exec, signal, shut down; and those without arguments. */
#include <stdlib.h>

#include "policy/decide.h"
#include "policy/group.h"
#include "policy/narrow.h"

#define PROCESS_LIST_MAX 16384 /* arguments; capabilities of a set; groups */
#define PROCESS_MOUNTS   512

/* Two mounts on one place hide each other; which one a program sees would be the host's choice. */
static bool check_mounts(struct asker *asker)
{
    const struct policy_process *process = asker->process;
    for (size_t i = 0; i < process->mount_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(process->mounts[i].destination, process->mounts[j].destination) == 0 &&
                strcmp(process->mounts[i].source, process->mounts[j].source) != 0)
                return deny(asker->decision, "two sources are mounted on %s",
                            quote(&asker->quotes, process->mounts[i].destination));
        }
    }
    return true;
}

bool check_process(struct asker *asker)
{
    const struct policy_process *process = asker->process;
    if (process->args.count > PROCESS_LIST_MAX || process->group_count > PROCESS_LIST_MAX ||
        process->mount_count > PROCESS_MOUNTS || process->rlimits.count > POLICY_SETTINGS_MAX ||
        process->sysctls.count > POLICY_SETTINGS_MAX)
        return deny(asker->decision, "too many arguments, groups, mounts, rlimits or sysctls");
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (process->capabilities.sets[i].count > PROCESS_LIST_MAX)
            return deny(asker->decision, "too many capabilities");
    }
    return check_mounts(asker);
}

/* Writes back what is left, the first of which is what was decided for; it is never more than what
 * was there. */
static void put_matches(const struct asker *asker, struct live_container *container)
{
    asker->decision->container = asker->count > 0 ? asker->state->candidates[0] : NULL;
    memcpy((void *)container->matches, (const void *)asker->state->candidates,
           asker->count * sizeof *container->matches);
    container->match_count = asker->count;
}

/* `started`: what the container must be. NULL with the decision denied. */
static struct live_container *find_live(struct policy_state *state, const char *id, bool started,
                                        struct policy_decision *decision)
{
    struct quotes quotes = {0};
    struct live_container *container = state_find_container(state, id);
    if (container && container->started && !started)
        (void)deny(decision, "container %s has been created already", quote(&quotes, id));
    else if (started && (!container || !container->started))
        (void)deny(decision, "container %s has not been created", quote(&quotes, id));
    else if (!container || !container->matches || !container->target)
        (void)deny(decision, "container %s has no overlay mounted", quote(&quotes, id));
    else
        return container;
    return NULL;
}

/* Begins a decision about a process of a container; the candidates are the rows that this may still
 * be. `started`: what it must be. NULL with the decision denied. */
static struct live_container *begin(struct asker *asker, enum policy_point point, bool started,
                                    enum answer *answer)
{
    struct policy_state *state = asker->state;
    *answer = decision_start(state, point, asker->decision);
    if (*answer == ANSWER_DENY)
        return NULL;
    struct live_container *container = find_live(state, asker->process->container_id, started,
                                                 asker->decision);
    if (!container)
        return NULL;
    asker->privileged = started ? container->privileged : asker->process->privileged;
    asker->count = container->match_count;
    memcpy((void *)state->candidates, (const void *)container->matches,
           container->match_count * sizeof *container->matches);
    return check_process(asker) ? container : NULL;
}

bool policy_create_container(struct policy_state *state, const struct policy_process *process,
                             struct policy_decision *decision)
{
    enum answer answer;
    struct asker asker = {.state = state, .process = process, .decision = decision};
    struct live_container *container = begin(&asker, POLICY_CREATE_CONTAINER, false, &answer);
    if (!container)
        return false;
    if (answer == ANSWER_ALLOW ? !keep_all(&asker)
                               : !(narrow_to_create(&asker) && narrow_by_env(&asker) &&
                                   narrow_by_capabilities(&asker) && narrow_by_stdio(&asker)))
        return false;
    if (answer == ANSWER_ALLOW)
        decision->stdio = state->policy->point_stdio[POLICY_CREATE_CONTAINER];
    if (!group_admit(&asker, answer == ANSWER_DECIDE))
        return false;
    put_matches(&asker, container);
    container->started = container->running = true;
    container->privileged = process->privileged;
    container->row = decision->container;
    return allow(decision);
}

bool policy_exec_in_container(struct policy_state *state, const struct policy_process *process,
                              struct policy_decision *decision)
{
    enum answer answer;
    struct asker asker = {.state = state, .process = process, .decision = decision};
    struct live_container *container = begin(&asker, POLICY_EXEC_IN_CONTAINER, true, &answer);
    if (!container)
        return false;
    if (answer == ANSWER_ALLOW
            ? !keep_all(&asker)
            : !(narrow_to_exec(&asker) && narrow_by_env(&asker) && narrow_by_capabilities(&asker)))
        return false;
    decision->stdio = asker.count > 0 && state->candidates[0]->stdio;
    put_matches(&asker, container);
    return allow(decision);
}

static bool may_signal(const struct policy_container *container, uint32_t signal, bool is_init,
                       struct policy_list args)
{
    if (is_init)
        return match_signal(container->signals, container->signal_count, signal);
    for (size_t i = 0; i < container->exec_count; i++) {
        const struct exec_rule *rule = &container->exec[i];
        if (match_list(rule->command, args) &&
            match_signal(rule->signals, rule->signal_count, signal))
            return true;
    }
    return false;
}

bool policy_signal_container_process(struct policy_state *state, const char *container_id,
                                     uint32_t signal, bool is_init, struct policy_list args,
                                     struct policy_decision *decision)
{
    struct quotes quotes = {0};
    enum answer answer = decision_start(state, POLICY_SIGNAL_CONTAINER_PROCESS, decision);
    if (answer == ANSWER_DENY)
        return false;
    struct live_container *container = find_live(state, container_id, true, decision);
    if (!container)
        return false;
    if (answer == ANSWER_ALLOW)
        return allow(decision);
    struct asker asker = {.state = state, .decision = decision};
    for (size_t i = 0; i < container->match_count; i++) {
        if (may_signal(container->matches[i], signal, is_init, args))
            state->candidates[asker.count++] = container->matches[i];
    }
    if (asker.count == 0)
        return deny(decision, "signal %u is not in the policy for %s of container %s", signal,
                    is_init ? "the first process" : "this process", quote(&quotes, container_id));
    put_matches(&asker, container);
    return allow(decision);
}

bool policy_shutdown_container(struct policy_state *state, const char *container_id,
                               struct policy_decision *decision)
{
    struct quotes quotes = {0};
    enum answer answer = decision_start(state, POLICY_SHUTDOWN_CONTAINER, decision);
    if (answer == ANSWER_DENY)
        return false;
    struct live_container *container = state_find_container(state, container_id);
    if (!container || !container->started)
        return answer == ANSWER_ALLOW ? allow(decision)
                                      : deny(decision, "container %s has not been created",
                                             quote(&quotes, container_id));
    state_clear_matches(container);
    return allow(decision);
}

bool policy_plain_point(struct policy_state *state, enum policy_point point,
                        struct policy_decision *decision)
{
    const struct policy *policy = state->policy;
    const struct {
        enum policy_point point;
        const char *flag;
        bool value;
    } flags[] = {
        {POLICY_GET_PROPERTIES, "allow_properties_access", policy->allow_properties_access},
        {POLICY_DUMP_STACKS, "allow_dump_stacks", policy->allow_dump_stacks},
        {POLICY_RUNTIME_LOGGING, "allow_runtime_logging", policy->allow_runtime_logging},
        {POLICY_HOST_NETWORK, "allow_host_network", policy->allow_host_network},
    };
    enum answer answer = decision_start(state, point, decision);
    if (answer != ANSWER_DECIDE)
        return answer == ANSWER_ALLOW && allow(decision);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (flags[i].point == point)
            return flags[i].value ? allow(decision)
                                  : deny(decision, "the policy has %s off", flags[i].flag);
    }
    return deny(decision, "it is not a point without arguments");
}
