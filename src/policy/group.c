#include "policy/group.h"

bool policy_has_row(struct policy_rows rows, size_t row)
{
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.items[i] == row)
            return true;
    }
    return false;
}

/* What has become of one row so far, whatever ids it was started under. */
struct history {
    bool started;
    bool running;
    bool succeeded; /* it ended once with code 0 */
};

static struct history history_of(const struct policy_state *state,
                                 const struct policy_container *row)
{
    struct history history = {0};
    for (size_t i = 0; i < state->container_count; i++) {
        const struct live_container *each = &state->containers[i];
        if (!each->started || each->row != row)
            continue;
        history.started = true;
        history.running = history.running || each->running;
        history.succeeded = history.succeeded || (!each->running && each->code == 0);
    }
    return history;
}

static struct history history_at(const struct policy_state *state, struct policy_rows rows,
                                 size_t index)
{
    return history_of(state, &state->policy->containers[rows.items[index]]);
}

/* The place of a row in a list; the list's count where it has none, as a fragment's rows have. */
static size_t place_of(const struct policy_state *state, struct policy_rows rows,
                       const struct policy_container *row)
{
    size_t place = 0;
    while (place < rows.count && &state->policy->containers[rows.items[place]] != row)
        place++;
    return place;
}

/* One of `init`, by its place there. */
static bool is_sidecar(const struct policy_group *group, size_t init)
{
    return init < group->init.count && policy_has_row(group->sidecars, group->init.items[init]);
}

/* Why the group does not let this row start now; NULL where it does. */
static const char *objection(const struct policy_state *state, const struct policy_container *row)
{
    const struct policy_group *group = &state->policy->group;
    size_t init = place_of(state, group->init, row);
    size_t place = place_of(state, group->containers, row);
    struct history own = history_of(state, row);
    if (init == group->init.count && place == group->containers.count)
        return "is not of the group";
    if (own.running)
        return "runs already";
    for (size_t i = 0; i < init; i++) {
        struct history before = history_at(state, group->init, i);
        if (is_sidecar(group, i) ? !before.started : !before.succeeded)
            return "comes after init containers that have not ended well, or sidecars that have "
                   "not "
                   "been started";
    }
    for (size_t i = 0; i < place && init == group->init.count; i++) {
        if (!history_at(state, group->containers, i).started)
            return "comes after containers that have not been started";
    }
    if (is_sidecar(group, init))
        return NULL;
    if (own.succeeded && (init < group->init.count || group->restart != POLICY_RESTART_ALWAYS))
        return "has ended well, and is not started again";
    if (own.started && group->restart == POLICY_RESTART_NEVER)
        return "has been started, and is never started again";
    return NULL;
}

static bool admit_by_group(struct asker *asker)
{
    struct policy_state *state = asker->state;
    const char *why = NULL;
    for (size_t i = 0; i < asker->count; i++) {
        const struct policy_container *row = state->candidates[i];
        const char *against = objection(state, row);
        if (!against) {
            state->candidates[0] = row;
            asker->count = 1;
            return true;
        }
        why = why ? why : against;
    }
    return deny(asker->decision, "%s %s", container_label(asker, state->candidates[0]), why);
}

bool group_admit(struct asker *asker, bool decide)
{
    struct policy_state *state = asker->state;
    if (decide && state->policy->has_group)
        return admit_by_group(asker);
    for (size_t i = 0; i < asker->count; i++) {
        const struct policy_container *row = state->candidates[i];
        if (history_of(state, row).running)
            continue;
        state->candidates[i] = state->candidates[0];
        state->candidates[0] = row;
        break;
    }
    return true;
}

void policy_container_exited(struct policy_state *state, const char *container_id,
                             unsigned int code)
{
    struct live_container *container = state_find_container(state, container_id);
    if (!container)
        return;
    container->running = false;
    container->code = code;
}

const char *const policy_restart_names[] = {[POLICY_RESTART_ALWAYS] = "Always",
                                            [POLICY_RESTART_ON_FAILURE] = "OnFailure",
                                            [POLICY_RESTART_NEVER] = "Never"};

bool policy_restart_of_name(const char *name, enum policy_restart *out)
{
    for (size_t i = 0; i < sizeof policy_restart_names / sizeof *policy_restart_names; i++) {
        if (strcmp(policy_restart_names[i], name) != 0)
            continue;
        *out = (enum policy_restart)i;
        return true;
    }
    return false;
}

/* --- the standing ----------------------------------------------------------------------------- */

const struct policy_group *policy_get_group(const struct policy *policy)
{
    return policy->has_group ? &policy->group : NULL;
}

const struct policy_attestation *policy_get_attestation(const struct policy *policy)
{
    return policy->has_attestation ? &policy->attestation : NULL;
}

size_t policy_row_of(struct policy_state *state, const char *container_id)
{
    const struct live_container *container = state_find_container(state, container_id);
    for (size_t i = 0; container && i < state->policy->container_count; i++) {
        if (container->row == &state->policy->containers[i])
            return i;
    }
    return POLICY_NO_ROW;
}

/* The machine itself holds what a pause container is there to hold. */
static bool is_pause(const struct policy_container *row)
{
    return row->layers.count == 1 && strcmp(row->layers.items[0], POLICY_PAUSE_LAYER) == 0;
}

static void count_row(const struct policy_state *state, const struct policy_container *row,
                      bool may_end, struct policy_standing *standing)
{
    struct history history = history_of(state, row);
    standing->demanded++;
    standing->running += history.running;
    standing->done += !history.running && history.succeeded && may_end;
}

struct policy_standing policy_get_standing(const struct policy_state *state)
{
    const struct policy *policy = state->policy;
    const struct policy_group *group = &policy->group;
    struct policy_standing standing = {0};
    for (size_t i = 0; !policy->has_group && i < policy->container_count; i++) {
        if (!is_pause(&policy->containers[i]))
            count_row(state, &policy->containers[i], true, &standing);
    }
    for (size_t i = 0; i < group->init.count; i++)
        count_row(state, &policy->containers[group->init.items[i]], !is_sidecar(group, i),
                  &standing);
    for (size_t i = 0; i < group->containers.count; i++)
        count_row(state, &policy->containers[group->containers.items[i]],
                  group->restart != POLICY_RESTART_ALWAYS, &standing);
    return standing;
}
