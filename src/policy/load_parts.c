#include <stdlib.h>

#include "base/text.h"
#include "policy/load.h"

static int no_memory(struct loader *loader)
{
    return error_set(loader->err, ERROR_LIMIT, "the policy takes too much memory");
}

int load_text(struct loader *loader, const json_t *object, const char *key, const char **out)
{
    const char *text;
    if (json_get_text(object, key, &text, loader->err) < 0)
        return -1;
    *out = arena_text(&loader->policy->arena, text);
    return *out ? 0 : no_memory(loader);
}

int load_list(struct loader *loader, const json_t *object, const char *key, struct policy_list *out)
{
    json_t *array;
    const char *text;
    if (json_get_array(object, key, &array, loader->err) < 0)
        return -1;
    size_t count = json_array_size(array);
    const char **items = arena_take(&loader->policy->arena, count, sizeof *items);
    if (!items)
        return no_memory(loader);
    for (size_t i = 0; i < count; i++) {
        if (json_text_at(array, i, key, &text, loader->err) < 0)
            return -1;
        items[i] = arena_text(&loader->policy->arena, text);
        if (!items[i])
            return no_memory(loader);
    }
    *out = (struct policy_list){items, count};
    return 0;
}

/* Names of strategies; the second column: allowed for users and groups only. */
static const struct {
    const char *name;
    enum strategy strategy;
    bool identity;
    bool text;
} strategies[] = {
    {"string", STRATEGY_STRING, false, true}, {"re2", STRATEGY_RE2, true, true},
    {"any", STRATEGY_ANY, true, false},       {"id", STRATEGY_ID, true, false},
    {"name", STRATEGY_NAME, true, false},
};

static int set_matcher(struct loader *loader, const char *strategy, bool identity,
                       struct matcher *out)
{
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        if (strcmp(strategies[i].name, strategy) != 0 ||
            !(identity ? strategies[i].identity : strategies[i].text))
            continue;
        out->strategy = strategies[i].strategy;
        if (out->strategy == STRATEGY_RE2)
            out->regex = policy_intern_regex(loader->policy, out->pattern);
        return out->strategy != STRATEGY_RE2 || out->regex ? 0 : no_memory(loader);
    }
    return error_set(loader->err, ERROR_INVALID, "strategy \"%.32s\" is unknown", strategy);
}

/* A pattern and its strategy; where either is absent the rule matches nothing. */
static int find_matcher(struct loader *loader, const json_t *object, const char *pattern_key,
                        const char *strategy_key, struct matcher *out)
{
    const char *pattern;
    const char *strategy;
    *out = (struct matcher){.strategy = STRATEGY_NEVER, .pattern = ""};
    if (json_find_text(object, pattern_key, &pattern, loader->err) < 0 ||
        json_find_text(object, strategy_key, &strategy, loader->err) < 0)
        return -1;
    if (!pattern || !strategy)
        return 0;
    out->pattern = arena_text(&loader->policy->arena, pattern);
    return out->pattern ? set_matcher(loader, strategy, false, out) : no_memory(loader);
}

static int load_env_rule(struct loader *loader, const json_t *object, struct env_rule *out)
{
    static const char *const known[] = {"pattern", "strategy",       "name",     "name_strategy",
                                        "value",   "value_strategy", "required", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    bool whole = json_object_get(object, "pattern") || json_object_get(object, "strategy");
    bool parts = json_object_get(object, "name") || json_object_get(object, "name_strategy") ||
                 json_object_get(object, "value") || json_object_get(object, "value_strategy");
    if (whole && parts)
        return error_set(loader->err, ERROR_INVALID, "has both a pattern and a name");
    if (json_check_keys(object, known, loader->err) < 0 ||
        json_find_bool(object, "required", &out->required, loader->err) < 0)
        return -1;
    out->in_parts = parts;
    if (!parts)
        return find_matcher(loader, object, "pattern", "strategy", &out->all);
    if (find_matcher(loader, object, "name", "name_strategy", &out->all) < 0)
        return -1;
    return find_matcher(loader, object, "value", "value_strategy", &out->value);
}

int load_env_rules(struct loader *loader, const json_t *object, const struct env_rule **out,
                   size_t *count)
{
    json_t *array;
    if (json_get_array(object, "env_rules", &array, loader->err) < 0)
        return -1;
    *count = json_array_size(array);
    struct env_rule *rules = arena_take(&loader->policy->arena, *count, sizeof *rules);
    if (!rules)
        return no_memory(loader);
    for (size_t i = 0; i < *count; i++) {
        if (load_env_rule(loader, json_array_get(array, i), &rules[i]) < 0)
            return error_context(loader->err, "env_rules[%zu]", i);
    }
    *out = rules;
    return 0;
}

static int set_source(struct loader *loader, struct mount_rule *rule)
{
    static const struct {
        const char *prefix;
        enum source_kind kind;
        bool regex;
    } prefixes[] = {
        {"sandbox://", SOURCE_SANDBOX, true},
        {"hugepages://", SOURCE_HUGEPAGES, true},
        {"plan9://", SOURCE_PLAN9, false},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (!text_starts_with(rule->source, prefixes[i].prefix))
            continue;
        const char *rest = rule->source + strlen(prefixes[i].prefix);
        /* The reference replaces the prefix wherever it stands, not only in front. */
        if (strstr(rest, prefixes[i].prefix))
            return error_set(loader->err, ERROR_INVALID, "source has \"%s\" twice",
                             prefixes[i].prefix);
        rule->kind = prefixes[i].kind;
        if (prefixes[i].regex)
            rule->rest = policy_intern_regex(loader->policy, rest);
        return !prefixes[i].regex || rule->rest ? 0 : no_memory(loader);
    }
    return 0;
}

static int load_mount(struct loader *loader, const json_t *object, struct mount_rule *out)
{
    static const char *const known[] = {"destination", "options", "source", "type", NULL};
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        load_text(loader, object, "destination", &out->destination) < 0 ||
        load_text(loader, object, "type", &out->type) < 0 ||
        load_text(loader, object, "source", &out->source) < 0 ||
        load_list(loader, object, "options", &out->options) < 0)
        return -1;
    return set_source(loader, out);
}

int load_mounts(struct loader *loader, const json_t *object, const struct mount_rule **out,
                size_t *count)
{
    json_t *array;
    if (json_get_array(object, "mounts", &array, loader->err) < 0)
        return -1;
    *count = json_array_size(array);
    struct mount_rule *rules = arena_take(&loader->policy->arena, *count, sizeof *rules);
    if (!rules)
        return no_memory(loader);
    for (size_t i = 0; i < *count; i++) {
        if (load_mount(loader, json_array_get(array, i), &rules[i]) < 0)
            return error_context(loader->err, "mounts[%zu]", i);
    }
    *out = rules;
    return 0;
}

/* `extra`: 1 where the framework is so old that 9 and 15 are allowed beside what is listed. */
int load_signals(struct loader *loader, const json_t *object, uint32_t extra, const uint32_t **out,
                 size_t *count)
{
    json_t *array;
    if (json_get_array(object, "signals", &array, loader->err) < 0)
        return -1;
    size_t listed = json_array_size(array);
    uint32_t *signals = arena_take(&loader->policy->arena, listed + 2, sizeof *signals);
    if (!signals)
        return no_memory(loader);
    for (size_t i = 0; i < listed; i++) {
        const json_t *value = json_array_get(array, i);
        /* confcom writes signals that it has no number for as text; the reference compares numbers
         * only, so that such an entry allows nothing. */
        if (json_is_string(value))
            continue;
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) > 255)
            return error_set(loader->err, ERROR_INVALID, "signals[%zu] is not a signal's number",
                             i);
        signals[(*count)++] = (uint32_t)json_integer_value(value);
    }
    for (size_t i = 0; extra && i < 2; i++) {
        uint32_t signal = i ? 15 : 9;
        bool listed_too = false;
        for (size_t j = 0; j < *count; j++)
            listed_too = listed_too || signals[j] == signal;
        if (!listed_too)
            signals[(*count)++] = signal;
    }
    *out = signals;
    return 0;
}

static int load_identity(struct loader *loader, const json_t *object, struct matcher *out)
{
    static const char *const known[] = {"pattern", "strategy", NULL};
    const char *strategy;
    if (!json_is_object(object))
        return error_set(loader->err, ERROR_INVALID, "expected an object, found %s",
                         json_kind(object));
    if (json_check_keys(object, known, loader->err) < 0 ||
        json_get_text(object, "strategy", &strategy, loader->err) < 0 ||
        load_text(loader, object, "pattern", &out->pattern) < 0)
        return -1;
    return set_matcher(loader, strategy, true, out);
}

static int load_groups(struct loader *loader, const json_t *user, struct user_rule *out)
{
    json_t *array;
    if (json_get_array(user, "group_idnames", &array, loader->err) < 0)
        return -1;
    out->group_count = json_array_size(array);
    struct matcher *groups = arena_take(&loader->policy->arena, out->group_count, sizeof *groups);
    if (!groups)
        return no_memory(loader);
    for (size_t i = 0; i < out->group_count; i++) {
        if (load_identity(loader, json_array_get(array, i), &groups[i]) < 0)
            return error_context(loader->err, "group_idnames[%zu]", i);
    }
    out->groups = groups;
    return 0;
}

int load_user(struct loader *loader, const json_t *object, struct user_rule *out)
{
    static const char *const known[] = {"user_idname", "group_idnames", "umask", NULL};
    json_t *user;
    if (json_get_object(object, "user", &user, loader->err) < 0)
        return -1;
    if (json_check_keys(user, known, loader->err) < 0 ||
        load_text(loader, user, "umask", &out->umask) < 0 ||
        load_identity(loader, json_object_get(user, "user_idname"), &out->user) < 0 ||
        load_groups(loader, user, out) < 0)
        return error_context(loader->err, "user");
    return 0;
}
