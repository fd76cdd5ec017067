#include "rules/rules_lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "rules/rules_parts.h"

struct lint {
    const struct rules *rules;
    unsigned kinds;
    struct rules_warnings *out;
    bool out_of_memory;
};

void rules_warnings_fini(struct rules_warnings *warnings)
{
    free(warnings->at);
    *warnings = (struct rules_warnings){0};
}

__attribute__((format(printf, 4, 5))) static void warn(struct lint *lint,
                                                       enum rules_warning_kind kind, size_t line,
                                                       const char *format, ...)
{
    struct rules_warnings *out = lint->out;
    if (out->count == RULES_WARNINGS_MAX || lint->out_of_memory)
        return;
    if (!out->at)
        out->at = calloc(RULES_WARNINGS_MAX, sizeof *out->at);
    lint->out_of_memory = !out->at;
    if (!out->at)
        return;
    struct rules_warning *warning = &out->at[out->count++];
    va_list args;
    va_start(args, format);
    warning->kind = kind;
    warning->line = line;
    (void)vsnprintf(warning->text, sizeof warning->text, format, args);
    va_end(args);
    text_make_printable(warning->text);
}

/* --- what a condition asks for ---------------------------------------------------------------- */

/* The value that a comparison of this property by == is with, where it is written out. */
static const json_t *wanted(const struct rules *rules, const struct rules_condition *condition,
                            enum rules_property property)
{
    for (size_t i = 0; i < condition->count; i++) {
        const struct rules_comparison *comparison = &rules->comparisons[condition->first + i];
        const json_t *value = rules->expressions[comparison->expression].value;
        if (comparison->property == property && comparison->sign == TOKEN_EQUAL && value)
            return value;
    }
    return NULL;
}

/* Two values that one property would have to have at once. */
static bool contradicts_itself(const struct rules *rules, const struct rules_condition *condition)
{
    for (size_t i = 0; i < condition->count; i++) {
        const struct rules_comparison *comparison = &rules->comparisons[condition->first + i];
        const json_t *value = rules->expressions[comparison->expression].value;
        const json_t *first = wanted(rules, condition, comparison->property);
        if (comparison->sign == TOKEN_EQUAL && value && first && !json_equal(first, value))
            return true;
        if (comparison->sign == TOKEN_UNEQUAL && value && first && json_equal(first, value))
            return true;
    }
    return false;
}

/* Whether a rule before `index` makes claims of this type, or of a type that is not written out. */
static bool made_before(const struct rules *rules, size_t index, const char *type)
{
    for (size_t i = 0; i < index; i++) {
        const struct rules_rule *rule = &rules->rules[i];
        if (rule->action == RULES_PERMIT || rule->action == RULES_DENY || rule->is_claim ||
            (rule->section == RULES_CONFIGURATION &&
             rules->rules[index].section != RULES_CONFIGURATION))
            continue;
        const json_t *made = rules->expressions[rule->type].value;
        if (!made || strcmp(json_string_value(made), type) == 0)
            return true;
    }
    return false;
}

/* --- conditions ------------------------------------------------------------------------------- */

static void check_kind(struct lint *lint, const struct rules_condition *condition,
                       const struct known_claim *known)
{
    enum claim_kind kind;
    for (size_t i = 0; i < condition->count; i++) {
        const struct rules_comparison *comparison = &lint->rules->comparisons[condition->first + i];
        const json_t *value = lint->rules->expressions[comparison->expression].value;
        if (comparison->property == PROPERTY_VALUE && value && claim_kind_of(value, &kind) &&
            kind != known->kind)
            warn(lint, WARNING_OTHER_KIND, condition->line,
                 "%s is always of the kind %s, and is compared with one of the kind %s",
                 known->type, claim_kind_name(known->kind), claim_kind_name(kind));
    }
}

static void check_type(struct lint *lint, size_t index, const struct rules_condition *condition)
{
    const char *type = json_string_value(wanted(lint->rules, condition, PROPERTY_TYPE));
    const char *issuer = json_string_value(wanted(lint->rules, condition, PROPERTY_ISSUER));
    if (!type)
        return;
    bool made = made_before(lint->rules, index, type);
    const struct known_claim *known = known_claim_find(type, lint->kinds);
    bool by_policy = issuer && strcmp(issuer, claim_issuer_name(CLAIM_POLICY)) == 0;
    bool by_service = issuer && strcmp(issuer, claim_issuer_name(CLAIM_SERVICE)) == 0;
    if ((by_policy && !made) || (by_service && !known))
        warn(lint, WARNING_UNKNOWN_TYPE, condition->line, "no %s makes a claim %.128s",
             by_policy ? "rule before this" : "evidence of this kind", type);
    else if (!issuer && !made && !known)
        warn(lint, WARNING_UNKNOWN_TYPE, condition->line,
             "neither this kind of evidence nor a rule before this makes a claim %.100s; a caller "
             "could bring one: write its issuer",
             type);
    if (known && !made && (!issuer || by_service))
        check_kind(lint, condition, known);
}

static void check_condition(struct lint *lint, size_t index,
                            const struct rules_condition *condition)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (lint->rules->comparisons[condition->first + i].is_assignment)
            warn(lint, WARNING_ASSIGNMENT, condition->line, "\"=\" is read as \"==\": write that");
    }
    if (condition->name.size > 0 && !condition->is_used)
        warn(lint, WARNING_UNUSED_NAME, condition->line, "nothing refers to %.*s",
             (int)(condition->name.size < 64 ? condition->name.size : 64),
             (const char *)condition->name.data);
    if (contradicts_itself(lint->rules, condition))
        warn(lint, WARNING_UNREACHABLE, condition->line,
             condition->is_negated ? "this condition always holds: no claim can be so"
                                   : "the rule never holds: no claim can be so");
    else
        check_type(lint, index, condition);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* The line of an earlier rule of the section with the same text; 0: none. */
static size_t same_before(const struct rules *rules, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (rules->rules[i].section == rules->rules[index].section &&
            span_equal(rules->rules[i].text, rules->rules[index].text))
            return rules->rules[i].line;
    }
    return 0;
}

static void check_rule(struct lint *lint, size_t index)
{
    const struct rules_rule *rule = &lint->rules->rules[index];
    size_t same = same_before(lint->rules, index);
    if (same > 0)
        warn(lint, WARNING_REPEATED, rule->line, "this is the rule of line %zu once more", same);
    for (size_t i = 0; i < rule->count; i++)
        check_condition(lint, index, &lint->rules->conditions[rule->first + i]);
}

/* The first rule with this action that has no condition, or NULL. */
static const struct rules_rule *find_unconditional(const struct rules *rules,
                                                   enum rules_action action)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i].action == action && rules->rules[i].count == 0)
            return &rules->rules[i];
    }
    return NULL;
}

static size_t count_actions(const struct rules *rules, enum rules_action action)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++)
        count += rules->rules[i].action == action;
    return count;
}

/* Rules that change nothing, given one that always holds. */
static void check_after(struct lint *lint, const struct rules_rule *always)
{
    for (size_t i = 0; i < lint->rules->count; i++) {
        const struct rules_rule *rule = &lint->rules->rules[i];
        bool idle = always->action == RULES_DENY ? rule > always || rule->action == RULES_PERMIT
                                                 : rule != always && rule->action == RULES_PERMIT;
        if (idle && rule != always)
            warn(lint, WARNING_UNREACHABLE, rule->line, "line %zu has decided that already",
                 always->line);
    }
}

static void check_decision(struct lint *lint)
{
    const struct rules_rule *denies = find_unconditional(lint->rules, RULES_DENY);
    const struct rules_rule *permits = find_unconditional(lint->rules, RULES_PERMIT);
    if (denies) {
        warn(lint, WARNING_NOTHING_PERMITS, denies->line,
             "this rule has no condition: everything is denied");
        check_after(lint, denies);
    } else if (count_actions(lint->rules, RULES_PERMIT) == 0) {
        warn(lint, WARNING_NOTHING_PERMITS, 0,
             "no rule of authorizationrules permits: everything is denied");
    } else if (permits) {
        warn(lint, WARNING_PERMITS_ALL, permits->line,
             count_actions(lint->rules, RULES_DENY) > 0
                 ? "this rule has no condition: all is permitted that no rule denies"
                 : "this rule has no condition: all evidence that verifies is permitted");
        check_after(lint, permits);
    }
}

static int by_line(const void *a, const void *b)
{
    const struct rules_warning *first = a;
    const struct rules_warning *second = b;
    return first->line != second->line
               ? (first->line > second->line) - (first->line < second->line)
               : (first->kind > second->kind) - (first->kind < second->kind);
}

int rules_lint(const struct rules *rules, unsigned kinds, struct rules_warnings *out,
               struct error *err)
{
    struct lint lint = {.rules = rules, .kinds = kinds, .out = out};
    check_decision(&lint);
    for (size_t i = 0; i < rules->count; i++)
        check_rule(&lint, i);
    if (lint.out_of_memory)
        return error_memory(err);
    if (out->count > 0)
        qsort(out->at, out->count, sizeof *out->at, by_line);
    return 0;
}
