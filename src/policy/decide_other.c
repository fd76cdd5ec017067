/* Points of the reference behind which this project's guest has nothing: it does not link them.
 * Tools ask them of a policy, as the reference would be asked. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/decide.h"
#include "policy/narrow.h"

/* /run/gcs/c/[0-9a-fA-F]{64} */
static bool is_scratch_target(const char *target)
{
    static const char prefix[] = "/run/gcs/c/";
    if (!text_starts_with(target, prefix))
        return false;
    const char *id = target + sizeof prefix - 1;
    return strspn(id, "0123456789abcdefABCDEF") == 64 && id[64] == '\0';
}

static bool unmount_scratch(struct policy_state *state, const char *target, enum answer answer,
                            struct policy_decision *decision)
{
    struct quotes quotes = {0};
    if (decide_find_scratch(state, target) == state->scratch_count)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "no scratch space is mounted at %s", quote(&quotes, target));
    policy_forget_scratch(state, target);
    return allow(decision);
}

static struct plan9_mount *find_plan9(struct policy_state *state, const char *target)
{
    for (size_t i = 0; i < state->plan9_count; i++) {
        if (strcmp(state->plan9s[i].target, target) == 0)
            return &state->plan9s[i];
    }
    return NULL;
}

/* /run/gcs/c/<id>/mounts/m[0-9]+ of a container that has an overlay; its id, or NULL. */
static const char *plan9_container(const struct policy_state *state, const char *target)
{
    static const char prefix[] = "/run/gcs/c/";
    if (!text_starts_with(target, prefix))
        return NULL;
    for (size_t i = 0; i < state->container_count; i++) {
        const struct live_container *container = &state->containers[i];
        const char *rest = target + sizeof prefix - 1;
        if (!container->matches || !text_starts_with(rest, container->id))
            continue;
        rest += strlen(container->id);
        if (!text_starts_with(rest, "/mounts/m"))
            continue;
        rest += strlen("/mounts/m");
        if (*rest && rest[strspn(rest, "0123456789")] == '\0')
            return container->id;
    }
    return NULL;
}

static bool mount_plan9(struct policy_state *state, const char *target, enum answer answer,
                        struct policy_decision *decision)
{
    struct quotes quotes = {0};
    const char *id = plan9_container(state, target);
    if (answer == ANSWER_ALLOW && (!id || find_plan9(state, target)))
        return allow(decision);
    if (find_plan9(state, target))
        return deny(decision, "%s is mounted already", quote(&quotes, target));
    if (!id)
        return deny(decision, "%s is not /run/gcs/c/<container>/mounts/m<number>",
                    quote(&quotes, target));
    if (state->plan9_count == STATE_ROWS_MAX)
        return deny(decision, "%d plan9 mounts are there already", STATE_ROWS_MAX);
    struct plan9_mount mount = {.target = strdup(target), .container_id = strdup(id)};
    if (!mount.target || !mount.container_id) {
        free(mount.target);
        free(mount.container_id);
        return deny(decision, "no memory is left");
    }
    state->plan9s[state->plan9_count++] = mount;
    return allow(decision);
}

static bool unmount_plan9(struct policy_state *state, const char *target, enum answer answer,
                          struct policy_decision *decision)
{
    struct quotes quotes = {0};
    struct plan9_mount *mount = find_plan9(state, target);
    if (!mount)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "nothing is mounted at %s", quote(&quotes, target));
    free(mount->target);
    free(mount->container_id);
    *mount = state->plan9s[--state->plan9_count];
    return allow(decision);
}

bool policy_path_point(struct policy_state *state, enum policy_point point, const char *target,
                       struct policy_decision *decision)
{
    if (point == POLICY_UNMOUNT_DEVICE || point == POLICY_RW_UNMOUNT_DEVICE)
        return decide_unmount_device(state, point, target, decision);
    if (point == POLICY_UNMOUNT_OVERLAY)
        return policy_unmount_overlay(state, target, decision);
    enum answer answer = decision_start_path(state, point, target, decision);
    if (answer == ANSWER_DENY)
        return false;
    switch (point) {
    case POLICY_SCRATCH_UNMOUNT:
        return unmount_scratch(state, target, answer, decision);
    case POLICY_PLAN9_MOUNT:
        return mount_plan9(state, target, answer, decision);
    case POLICY_PLAN9_UNMOUNT:
        return unmount_plan9(state, target, answer, decision);
    default:
        return deny(decision, "it is not a point about a path");
    }
}

static bool mount_writable(struct policy_state *state, const struct policy_scratch *scratch,
                           struct policy_decision *decision)
{
    struct quotes quotes = {0};
    if (state_find_device(state, scratch->target))
        return deny(decision, "a device is mounted at %s already", quote(&quotes, scratch->target));
    if (!scratch->encrypted && !state->policy->allow_unencrypted_scratch)
        return deny(decision,
                    "it is not encrypted, and the policy has allow_unencrypted_scratch off");
    if (!scratch->ensure_filesystem)
        return deny(decision, "ensure_filesystem is off: the host would choose what is on it");
    if (strcmp(scratch->filesystem, "ext4") != 0 && strcmp(scratch->filesystem, "xfs") != 0)
        return deny(decision, "file system %s is neither ext4 nor xfs",
                    quote(&quotes, scratch->filesystem));
    if (!is_scratch_target(scratch->target))
        return deny(decision, "target %s is not /run/gcs/c/<64 hex digits>",
                    quote(&quotes, scratch->target));
    return decide_add_device(state, scratch->target, NULL, decision);
}

bool policy_scratch_point(struct policy_state *state, enum policy_point point,
                          const struct policy_scratch *scratch, struct policy_decision *decision)
{
    if (point == POLICY_SCRATCH_MOUNT)
        return policy_mount_scratch(state, scratch, decision);
    enum answer answer = decision_start_path(state, point, scratch->target, decision);
    if (answer == ANSWER_DENY)
        return false;
    return point == POLICY_RW_MOUNT_DEVICE
               ? mount_writable(state, scratch, decision)
               : deny(decision, "it is not a point about scratch space");
}

bool policy_exec_external(struct policy_state *state, const struct policy_process *process,
                          struct policy_decision *decision)
{
    const struct policy *policy = state->policy;
    enum answer answer = decision_start(state, POLICY_EXEC_EXTERNAL, decision);
    if (answer == ANSWER_DENY)
        return false;
    struct asker asker = {.state = state, .process = process, .decision = decision};
    if (!check_process(&asker))
        return false;
    if (answer == ANSWER_ALLOW) {
        decision->stdio = policy->point_stdio[POLICY_EXEC_EXTERNAL];
        return keep_all(&asker) && allow(decision);
    }
    if (!policy->framework.has || version_compare(policy->framework.number, POLICY_FRAMEWORK) > 0)
        return deny(decision, "the policy's framework_version is newer than this guest's");
    for (size_t i = 0; i <= state->fragment_count; i++) {
        const struct policy *module = state_module(state, i, INCLUDE_EXTERNALS);
        for (size_t j = 0; module && j < module->external_count; j++)
            state->candidates[asker.count++] = &module->externals[j];
    }
    if (asker.count == 0)
        return deny(decision, "the policy has no external_processes");
    return narrow_to_external(&asker) && narrow_by_env(&asker) && narrow_by_stdio(&asker) &&
           allow(decision);
}
