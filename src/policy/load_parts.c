#include "base/text.h"
#include "policy/load.h"

static int no_memory(struct decoder *decoder)
{
    return error_set(decoder->err, ERROR_LIMIT, "the policy takes too much memory");
}

/* Names of strategies; the columns: allowed for users and groups, and for variables. */
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

/* A rule as it is written. */
struct texts {
    const char *pattern, *strategy;
};

/* Where either text is absent the rule matches nothing. */
static int set_matcher(struct decoder *decoder, const struct texts *texts, bool identity,
                       struct matcher *out)
{
    *out = (struct matcher){.strategy = STRATEGY_NEVER, .pattern = ""};
    if (!texts->pattern || !texts->strategy)
        return 0;
    out->pattern = texts->pattern;
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        if (strcmp(strategies[i].name, texts->strategy) != 0 ||
            !(identity ? strategies[i].identity : strategies[i].text))
            continue;
        out->strategy = strategies[i].strategy;
        if (out->strategy == STRATEGY_RE2)
            out->regex = policy_intern_regex(policy_of(decoder), out->pattern);
        return out->strategy != STRATEGY_RE2 || out->regex ? 0 : no_memory(decoder);
    }
    return error_set(decoder->err, ERROR_INVALID, "strategy \"%.32s\" is unknown", texts->strategy);
}

struct env_texts {
    struct texts all, name, value;
    bool required;
};

static const struct field env_fields[] = {
    {"pattern", field_text, offsetof(struct env_texts, all.pattern), .optional = true},
    {"strategy", field_text, offsetof(struct env_texts, all.strategy), .optional = true},
    {"name", field_text, offsetof(struct env_texts, name.pattern), .optional = true},
    {"name_strategy", field_text, offsetof(struct env_texts, name.strategy), .optional = true},
    {"value", field_text, offsetof(struct env_texts, value.pattern), .optional = true},
    {"value_strategy", field_text, offsetof(struct env_texts, value.strategy), .optional = true},
    {"required", field_bool, offsetof(struct env_texts, required), .optional = true},
    {0}};

static bool is_given(const struct texts *texts)
{
    return texts->pattern || texts->strategy;
}

int load_env_rule(struct decoder *decoder, const struct value *value, void *row)
{
    struct env_texts texts = {0};
    struct env_rule *out = row;
    if (fields_read(decoder, value, env_fields, &texts) < 0)
        return -1;
    out->in_parts = is_given(&texts.name) || is_given(&texts.value);
    out->required = texts.required;
    if (out->in_parts && is_given(&texts.all))
        return error_set(decoder->err, ERROR_INVALID, "has both a pattern and a name");
    if (set_matcher(decoder, out->in_parts ? &texts.name : &texts.all, false, &out->all) < 0)
        return -1;
    return set_matcher(decoder, &texts.value, false, &out->value);
}

static int set_source(struct decoder *decoder, struct mount_rule *rule)
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
            return error_set(decoder->err, ERROR_INVALID, "source has \"%s\" twice",
                             prefixes[i].prefix);
        rule->kind = prefixes[i].kind;
        if (prefixes[i].regex)
            rule->rest = policy_intern_regex(policy_of(decoder), rest);
        return !prefixes[i].regex || rule->rest ? 0 : no_memory(decoder);
    }
    return 0;
}

static const struct field mount_fields[] = {
    {"destination", field_text, offsetof(struct mount_rule, destination)},
    {"type", field_text, offsetof(struct mount_rule, type)},
    {"source", field_text, offsetof(struct mount_rule, source)},
    {"options", policy_list_read, offsetof(struct mount_rule, options)},
    {0}};

int load_mount(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, mount_fields, row) < 0 ? -1 : set_source(decoder, row);
}

static void add_signal(uint32_t *signals, size_t *count, uint32_t signal)
{
    for (size_t i = 0; i < *count; i++) {
        if (signals[i] == signal)
            return;
    }
    signals[(*count)++] = signal;
}

/* `extra`: 9 and 15 are allowed beside what is listed. */
static int read_signals(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out, bool extra)
{
    size_t *count = (size_t *)(void *)((char *)out + field->count);
    size_t index = 0;
    if (value->kind != VALUE_ARRAY)
        return field_refuse(decoder, value, "an array");
    uint32_t *signals = arena_take(decoder->arena, value->count + (size_t)2, sizeof *signals);
    if (!signals)
        return no_memory(decoder);
    for (const struct value *each = value->first; each; each = each->next, index++) {
        /* confcom writes signals that it has no number for as text; the reference compares numbers
         * only, so that such an entry allows nothing. */
        if (each->kind == VALUE_TEXT)
            continue;
        if (each->kind != VALUE_INTEGER || each->number < 0 || each->number > 255)
            return error_set(decoder->err, ERROR_INVALID, "signals[%zu] is not a signal's number",
                             index);
        signals[(*count)++] = (uint32_t)each->number;
    }
    if (extra) {
        add_signal(signals, count, 9);
        add_signal(signals, count, 15);
    }
    *(const uint32_t **)field_at(field, out) = signals;
    return 0;
}

int load_signals(struct decoder *decoder, const struct value *value, const struct field *field,
                 void *out)
{
    return read_signals(decoder, value, field, out, false);
}

int load_container_signals(struct decoder *decoder, const struct value *value,
                           const struct field *field, void *out)
{
    return read_signals(decoder, value, field, out, decoder->version < LOAD_SINCE(4, 1));
}

static const struct field identity_fields[] = {
    {"pattern", field_text, offsetof(struct texts, pattern)},
    {"strategy", field_text, offsetof(struct texts, strategy)},
    {0}};

static int load_identity(struct decoder *decoder, const struct value *value, void *row)
{
    struct texts texts = {0};
    return fields_read(decoder, value, identity_fields, &texts) < 0
               ? -1
               : set_matcher(decoder, &texts, true, row);
}

static int load_user_name(struct decoder *decoder, const struct value *value,
                          const struct field *field, void *out)
{
    return load_identity(decoder, value, field_at(field, out));
}

static const struct field user_fields[] = {
    {"umask", field_text, offsetof(struct user_rule, umask)},
    {"user_idname", load_user_name, offsetof(struct user_rule, user)},
    {"group_idnames", field_rows,
     FIELD_ROWS(struct user_rule, groups, group_count, load_identity, struct matcher)},
    {0}};

int load_user(struct decoder *decoder, const struct value *value, const struct field *field,
              void *out)
{
    return fields_read(decoder, value, user_fields, field_at(field, out)) < 0
               ? error_context(decoder->err, "user")
               : 0;
}
