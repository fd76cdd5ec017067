#include "vm/group.h"

#include <stdio.h>
#include <string.h>

void group_init(struct group *group, const struct group_member_plan *plan, size_t count)
{
    *group = (struct group){.plan = plan, .count = count};
}

/* --- members ---------------------------------------------------------------------------------- */

static bool has_ended_well(const struct group_member *member)
{
    return member->phase == GROUP_ENDED && member->code == 0;
}

/* Not while it is between two starts: what follows does not wait for that. */
static bool was_started(const struct group_member *member)
{
    return member->starts > 0 && member->phase != GROUP_STARTING && member->phase != GROUP_POSTING;
}

static bool has_probe(const struct group_member_plan *plan, enum group_probe probe)
{
    return plan->probes[probe].period_ms > 0;
}

static bool has_started_up(const struct group_member_plan *plan, const struct group_member *member)
{
    return !has_probe(plan, GROUP_STARTUP) || member->probes[GROUP_STARTUP].good;
}

/* What follows an init member need not wait for it any more. */
static bool lets_follow(const struct group *group, size_t index)
{
    const struct group_member *member = &group->members[index];
    if (!group->plan[index].sidecar)
        return has_ended_well(member);
    return was_started(member) && has_started_up(&group->plan[index], member);
}

/* Its turn has come: what is to run before it has run. */
static bool may_start(const struct group *group, size_t index)
{
    bool init = group->plan[index].init;
    for (size_t i = 0; i < group->count; i++) {
        const struct group_member *other = &group->members[i];
        if (group->plan[i].init && (!init || i < index) && !lets_follow(group, i))
            return false;
        if (!group->plan[i].init && !init && i < index && !was_started(other))
            return false;
    }
    return true;
}

static bool starts_again(const struct group_member_plan *plan, const struct group_member *member)
{
    if (plan->sidecar)
        return true;
    if (plan->restarts_max > 0 && member->starts > plan->restarts_max)
        return false;
    if (member->code == 0 && (plan->init || plan->restart != POLICY_RESTART_ALWAYS))
        return false;
    return plan->restart != POLICY_RESTART_NEVER;
}

/* An init member that has failed for good: nothing comes after it. */
static bool has_failed(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->plan[i].init && !group->plan[i].sidecar &&
            group->members[i].phase == GROUP_ENDED && group->members[i].code != 0)
            return true;
    }
    return false;
}

/* Nothing is left that sidecars are there for. */
static bool is_over(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (!group->plan[i].init && group->members[i].phase != GROUP_ENDED)
            return has_failed(group);
    }
    return true;
}

static void run(struct group *group, size_t index, int64_t now_ms)
{
    struct group_member *member = &group->members[index];
    member->phase = GROUP_RUNNING;
    member->started_ms = now_ms;
    for (size_t i = 0; i < GROUP_PROBES; i++)
        member->probes[i] = (struct group_probe_state){
            .due_ms = now_ms + group->plan[index].probes[i].delay_ms};
}

/* `grace_ms` 0: the member's own time. */
static void begin_end(struct group *group, size_t index, uint32_t grace_ms)
{
    struct group_member *member = &group->members[index];
    member->phase = GROUP_ENDING;
    member->end = GROUP_END_NEW;
    member->grace_ms = grace_ms ? grace_ms : group->plan[index].grace_ms;
}

void group_started(struct group *group, size_t index, int64_t now_ms)
{
    struct group_member *member = &group->members[index];
    if (member->phase != GROUP_STARTING)
        return;
    run(group, index, now_ms);
    if (group->plan[index].post_start && !group->stopping) {
        member->phase = GROUP_POSTING;
        member->hooking = false;
    }
}

void group_hooked(struct group *group, size_t index, enum group_probe hook, bool good,
                  int64_t now_ms)
{
    struct group_member *member = &group->members[index];
    if (hook == GROUP_PRE_STOP && member->phase == GROUP_ENDING && member->end == GROUP_END_HOOK)
        member->end = GROUP_END_HOOKED; /* whatever came of it */
    if (hook != GROUP_POST_START || member->phase != GROUP_POSTING || !member->hooking)
        return;
    if (good)
        run(group, index, now_ms);
    else
        begin_end(group, index, 0);
}

void group_exited(struct group *group, size_t index, unsigned int code, int64_t now_ms)
{
    struct group_member *member = &group->members[index];
    if (member->phase == GROUP_ENDED || member->phase == GROUP_WAITING)
        return;
    member->code = code;
    if (group->stopping || (group->plan[index].sidecar && is_over(group)) ||
        !starts_again(&group->plan[index], member)) {
        member->phase = GROUP_ENDED;
        return;
    }
    if (member->phase != GROUP_STARTING && now_ms - member->started_ms >= GROUP_BACKOFF_CALM_MS)
        member->backoff_ms = 0;
    member->phase = GROUP_WAITING;
    member->due_ms = now_ms + member->backoff_ms;
    member->backoff_ms = member->backoff_ms == 0 ? GROUP_BACKOFF_MS : 2 * member->backoff_ms;
    if (member->backoff_ms > GROUP_BACKOFF_MAX_MS)
        member->backoff_ms = GROUP_BACKOFF_MAX_MS;
}

void group_pause(struct group *group, bool paused)
{
    group->paused = paused;
}

void group_stop(struct group *group)
{
    group->stopping = true;
    for (size_t i = 0; i < group->count; i++) {
        enum group_phase phase = group->members[i].phase;
        if (phase == GROUP_WAITING)
            group->members[i].phase = GROUP_ENDED;
        else if ((phase == GROUP_RUNNING || phase == GROUP_POSTING) && !group->plan[i].sidecar)
            begin_end(group, i, 0);
    }
}

void group_member_id(const struct group *group, size_t index, char out[65])
{
    uint32_t starts = group->members[index].starts;
    const char *name = group->plan[index].name;
    if (starts <= 1)
        (void)snprintf(out, 65, "%.*s", GROUP_NAME_MAX, name);
    else
        (void)snprintf(out, 65, "%.*s.%u", GROUP_NAME_MAX, name, starts - 1);
}

/* --- probes ----------------------------------------------------------------------------------- */

/* Whether this probe is made at all now. */
static bool is_probed(const struct group_member_plan *plan, const struct group_member *member,
                      enum group_probe probe)
{
    if (member->phase != GROUP_RUNNING || !has_probe(plan, probe))
        return false;
    return probe == GROUP_STARTUP ? !member->probes[probe].good : has_started_up(plan, member);
}

void group_probed(struct group *group, size_t index, enum group_probe probe, bool good,
                  int64_t now_ms)
{
    struct group_member *member = &group->members[index];
    const struct group_member_plan *plan = &group->plan[index];
    struct group_probe_state *state = &member->probes[probe];
    if (!state->asked || !is_probed(plan, member, probe))
        return;
    state->asked = false;
    state->due_ms = now_ms + plan->probes[probe].period_ms;
    if (group->paused)
        return;
    state->row = state->row > 0 && state->last == good ? state->row + 1 : 1;
    state->last = good;
    if (good && state->row >= plan->probes[probe].successes)
        state->good = true;
    if (good || state->row < plan->probes[probe].failures)
        return;
    state->good = false;
    if (probe == GROUP_READINESS)
        return;
    begin_end(group, index, plan->probes[probe].grace_ms);
}

/* --- what to do ------------------------------------------------------------------------------- */

static void wake_at(int64_t *wake_ms, int64_t at_ms)
{
    if (*wake_ms < 0 || at_ms < *wake_ms)
        *wake_ms = at_ms;
}

static bool next_probe(struct group *group, size_t index, int64_t now_ms, struct group_action *out,
                       int64_t *wake_ms)
{
    struct group_member *member = &group->members[index];
    for (size_t i = 0; i < GROUP_PROBES; i++) {
        struct group_probe_state *state = &member->probes[i];
        if (state->asked || !is_probed(&group->plan[index], member, (enum group_probe)i))
            continue;
        if (state->due_ms > now_ms) {
            wake_at(wake_ms, state->due_ms);
            continue;
        }
        state->asked = true;
        *out = (struct group_action){GROUP_PROBE, index, (enum group_probe)i};
        return true;
    }
    return false;
}

/* The hook before the end, the asking, and the kill when the time is over. */
static bool next_end(struct group *group, size_t index, int64_t now_ms, struct group_action *out,
                     int64_t *wake_ms)
{
    struct group_member *member = &group->members[index];
    enum group_end end = member->end;
    bool hook = end == GROUP_END_NEW && group->plan[index].pre_stop;
    if ((end == GROUP_END_HOOK || end == GROUP_END_TOLD) && member->due_ms > now_ms) {
        wake_at(wake_ms, member->due_ms);
        return false;
    }
    /* A killed one is killed again after as long: its end is all that is awaited. */
    if (end == GROUP_END_HOOK)
        member->due_ms = now_ms + GROUP_LATE_MS;
    else if (end != GROUP_END_HOOKED)
        member->due_ms = now_ms + member->grace_ms + 1;
    member->end = hook ? GROUP_END_HOOK : GROUP_END_TOLD;
    *out = (struct group_action){GROUP_TERMINATE, index, GROUP_ASKED};
    if (hook)
        *out = (struct group_action){GROUP_PROBE, index, GROUP_PRE_STOP};
    else if (end == GROUP_END_TOLD)
        out->kind = GROUP_KILL;
    return true;
}

/* A sidecar whose turn to end has come: none after it runs any more. */
static bool is_last_sidecar(const struct group *group, size_t index)
{
    for (size_t i = index + 1; i < group->count; i++) {
        enum group_phase phase = group->members[i].phase;
        if (group->plan[i].sidecar && phase != GROUP_ENDED && phase != GROUP_WAITING)
            return false;
    }
    return group->plan[index].sidecar;
}

static bool next_hook(struct group *group, size_t index, struct group_action *out)
{
    struct group_member *member = &group->members[index];
    if (member->hooking)
        return false;
    member->hooking = true;
    *out = (struct group_action){GROUP_PROBE, index, GROUP_POST_START};
    return true;
}

static bool next_start(struct group *group, size_t index, int64_t now_ms, struct group_action *out,
                       int64_t *wake_ms)
{
    struct group_member *member = &group->members[index];
    if (!may_start(group, index))
        return false;
    if (member->due_ms > now_ms) {
        wake_at(wake_ms, member->due_ms);
        return false;
    }
    member->phase = GROUP_STARTING;
    member->starts++;
    *out = (struct group_action){GROUP_START, index, GROUP_ASKED};
    return true;
}

static bool next_of(struct group *group, size_t index, int64_t now_ms, struct group_action *out,
                    int64_t *wake_ms)
{
    bool goes_on = !group->stopping && !group->paused;
    switch (group->members[index].phase) {
    case GROUP_WAITING:
        return goes_on && next_start(group, index, now_ms, out, wake_ms);
    case GROUP_POSTING:
        return !group->paused && next_hook(group, index, out);
    case GROUP_RUNNING:
        return goes_on && next_probe(group, index, now_ms, out, wake_ms);
    case GROUP_ENDING:
        return next_end(group, index, now_ms, out, wake_ms);
    case GROUP_STARTING:
    case GROUP_ENDED:
        break;
    }
    return false;
}

bool group_next(struct group *group, int64_t now_ms, struct group_action *out, int64_t *wake_ms)
{
    bool over = is_over(group);
    *wake_ms = -1;
    for (size_t i = 0; i < group->count; i++) {
        enum group_phase phase = group->members[i].phase;
        bool runs = phase == GROUP_RUNNING || phase == GROUP_POSTING;
        if (over && phase == GROUP_WAITING)
            continue;
        if (over && runs && is_last_sidecar(group, i))
            begin_end(group, i, 0);
        if (next_of(group, i, now_ms, out, wake_ms))
            return true;
    }
    return false;
}

/* --- the whole -------------------------------------------------------------------------------- */

bool group_has_ended(const struct group *group)
{
    bool over = is_over(group);
    for (size_t i = 0; i < group->count; i++) {
        enum group_phase phase = group->members[i].phase;
        if (phase != GROUP_ENDED && !(over && phase == GROUP_WAITING))
            return false;
    }
    return true;
}

unsigned int group_exit_code(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (!group->plan[i].sidecar && group->members[i].starts > 0 && group->members[i].code != 0)
            return group->members[i].code;
    }
    return 0;
}

bool group_member_is_ready(const struct group *group, size_t index)
{
    const struct group_member_plan *plan = &group->plan[index];
    const struct group_member *member = &group->members[index];
    if (member->phase == GROUP_ENDED)
        return member->code == 0;
    return (!plan->init || plan->sidecar) && member->phase == GROUP_RUNNING &&
           has_started_up(plan, member) &&
           (!has_probe(plan, GROUP_READINESS) || member->probes[GROUP_READINESS].good);
}

bool group_is_ready(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (!group_member_is_ready(group, i))
            return false;
    }
    return true;
}

const char *group_phase_name(enum group_phase phase)
{
    static const char *const names[] = {
        [GROUP_WAITING] = "waiting", [GROUP_STARTING] = "starting", [GROUP_POSTING] = "starting",
        [GROUP_RUNNING] = "running", [GROUP_ENDING] = "ending",     [GROUP_ENDED] = "exited"};
    return names[phase];
}
