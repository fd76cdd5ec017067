#include "policy/match.h"

#include <stdio.h>

#include "base/text.h"

bool match_text(const struct matcher *matcher, struct span text, struct regex_scratch *scratch)
{
    if (matcher->strategy == STRATEGY_STRING)
        return span_equal_text(text, matcher->pattern);
    return matcher->strategy == STRATEGY_RE2 && regex_match(matcher->regex, text, scratch);
}

bool match_identity(const struct matcher *matcher, const struct policy_identity *identity,
                    struct regex_scratch *scratch)
{
    switch (matcher->strategy) {
    case STRATEGY_ANY:
        return true;
    case STRATEGY_ID:
        return strcmp(matcher->pattern, identity->id) == 0;
    case STRATEGY_NAME:
        return strcmp(matcher->pattern, identity->name) == 0;
    case STRATEGY_RE2:
        return regex_match(matcher->regex, span_of_text(identity->name), scratch);
    case STRATEGY_STRING:
    case STRATEGY_NEVER:
        return false;
    }
    return false;
}

bool match_env(const struct env_rule *rule, const char *env, struct regex_scratch *scratch)
{
    if (!rule->in_parts)
        return match_text(&rule->all, span_of_text(env), scratch);
    const char *equals = strchr(env, '=');
    if (!equals)
        return false;
    return match_text(&rule->all, span_of(env, (size_t)(equals - env)), scratch) &&
           match_text(&rule->value, span_of_text(equals + 1), scratch);
}

static bool is_plain(const struct matcher *matcher)
{
    return matcher->strategy != STRATEGY_RE2 || regex_is_plain(matcher->regex);
}

bool match_is_plain(const struct env_rule *rule)
{
    return is_plain(&rule->all) && (!rule->in_parts || is_plain(&rule->value));
}

bool match_list(struct policy_list rule, struct policy_list list)
{
    if (rule.count != list.count)
        return false;
    for (size_t i = 0; i < rule.count; i++) {
        if (strcmp(rule.items[i], list.items[i]) != 0)
            return false;
    }
    return true;
}

bool match_signal(const uint32_t *signals, size_t count, uint32_t signal)
{
    for (size_t i = 0; i < count; i++) {
        if (signals[i] == signal)
            return true;
    }
    return false;
}

bool match_user(const struct user_rule *rule, const struct policy_process *process,
                struct regex_scratch *scratch)
{
    if (strcmp(rule->umask, process->umask) != 0 ||
        !match_identity(&rule->user, &process->user, scratch))
        return false;
    for (size_t i = 0; i < process->group_count; i++) {
        bool found = false;
        for (size_t j = 0; j < rule->group_count && !found; j++)
            found = match_identity(&rule->groups[j], &process->groups[i], scratch);
        if (!found)
            return false;
    }
    return true;
}

static bool list_has(struct policy_list list, const char *text)
{
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i], text) == 0)
            return true;
    }
    return false;
}

const char *match_find_lacking(struct policy_list list, struct policy_list other)
{
    size_t i = 0;
    while (i < list.count && list_has(other, list.items[i]))
        i++;
    return i < list.count ? list.items[i] : NULL;
}

/* Equal as sets, and as many. */
static bool match_options(struct policy_list rule, struct policy_list options)
{
    return rule.count == options.count && !match_find_lacking(rule, options) &&
           !match_find_lacking(options, rule);
}

static bool has_dotdot(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")); at += 2) {
        bool starts = at == path || at[-1] == '/';
        if (starts && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

/* A path below the pod's directory. The reference puts the pod's id into the regex as it is, and
 * lets
 * `.+` match "/../../etc"; here the id is literal and ".." is refused. */
static bool match_below(const struct policy_process *process, const struct mount_rule *rule,
                        const char *source, struct regex_scratch *scratch)
{
    char prefix[128];
    const char *directory = rule->kind == SOURCE_SANDBOX ? "sandboxMounts" : "hugepages";
    if (!state_good_id(process->sandbox_id) || has_dotdot(source))
        return false;
    (void)snprintf(prefix, sizeof prefix, "/run/gcs/c/%s/%s", process->sandbox_id, directory);
    return text_starts_with(source, prefix) &&
           regex_match(rule->rest, span_of_text(source + strlen(prefix)), scratch);
}

static bool match_plan9(const struct policy_state *state, const struct policy_process *process,
                        const char *source)
{
    for (size_t i = 0; i < state->plan9_count; i++) {
        if (strcmp(state->plan9s[i].target, source) == 0 &&
            strcmp(state->plan9s[i].container_id, process->container_id) == 0)
            return true;
    }
    return false;
}

static bool match_source(struct policy_state *state, const struct policy_process *process,
                         const struct mount_rule *rule, const char *source)
{
    if (strcmp(rule->source, source) == 0)
        return true;
    if (rule->kind == SOURCE_EQUAL)
        return false;
    if (rule->kind == SOURCE_PLAN9)
        return match_plan9(state, process, source);
    return match_below(process, rule, source, state->regex);
}

bool match_mount(struct policy_state *state, const struct policy_process *process,
                 const struct mount_rule *rule, const struct policy_mount *mount)
{
    return mount->destination[0] != '\0' && strcmp(rule->destination, mount->destination) == 0 &&
           strcmp(rule->type, mount->type) == 0 && match_options(rule->options, mount->options) &&
           match_source(state, process, rule, mount->source);
}

static bool match_mounts(struct policy_state *state, const struct policy_process *process,
                         const struct mount_rule *rules, size_t count,
                         const struct policy_mount *mount)
{
    for (size_t i = 0; i < count; i++) {
        if (match_mount(state, process, &rules[i], mount))
            return true;
    }
    return false;
}

static bool match_platform(struct policy_state *state, const struct policy_process *process,
                           const struct policy_mount *mount)
{
    for (size_t i = 0; i <= state->fragment_count; i++) {
        const struct policy *module = state_module(state, i, INCLUDE_PLATFORM);
        if (module && match_mounts(state, process, module->platform.mounts,
                                   module->platform.mount_count, mount))
            return true;
    }
    return false;
}

bool match_any_mount(struct policy_state *state, const struct policy_process *process,
                     const struct policy_container *container, const struct policy_mount *mount)
{
    return match_mounts(state, process, container->mounts, container->mount_count, mount) ||
           match_platform(state, process, mount) ||
           match_mounts(state, process, policy_default_mounts, policy_default_mount_count, mount) ||
           (container->allow_elevated && match_mounts(state, process, policy_privileged_mounts,
                                                      policy_privileged_mount_count, mount));
}
