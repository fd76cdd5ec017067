#include "policy/decide.h"

static enum answer refuse(struct policy_decision *decision, const char *why)
{
    (void)deny(decision, "%s", why);
    return ANSWER_DENY;
}

enum answer decision_start(struct policy_state *state, enum policy_point point,
                           struct policy_decision *decision)
{
    const struct policy *policy = state->policy;
    const struct point_info *info = point_info(point);
    decision_begin(decision, point);
    regex_scratch_reset(state->regex);
    if (!policy->api.has)
        return refuse(decision, "the policy has no api_version, which denies everything");
    if (info->undecided)
        return refuse(decision, "this guest has no such operation, whatever the policy says");
    if (policy->points[point] == RULE_ALLOW_ALL)
        return ANSWER_ALLOW;
    if (version_compare(policy->api.number, info->since) >= 0)
        return policy->points[point] == RULE_FRAMEWORK
                   ? ANSWER_DECIDE
                   : refuse(decision, "the policy does not define this point");
    if (info->when_older == POINT_DENY)
        return refuse(decision, "the policy's api_version is older than this point");
    return info->when_older == POINT_ALLOW ? ANSWER_ALLOW : ANSWER_DECIDE;
}

enum answer decision_start_path(struct policy_state *state, enum policy_point point,
                                const char *path, struct policy_decision *decision)
{
    enum answer answer = decision_start(state, point, decision);
    if (answer == ANSWER_DENY || strlen(path) <= STATE_TEXT_MAX)
        return answer;
    (void)deny(decision, "the path is longer than %d bytes", STATE_TEXT_MAX);
    return ANSWER_DENY;
}
