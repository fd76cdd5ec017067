#include "rules/rules_parts.h"

#include <stdlib.h>

#include "base/text.h"

#define EXCERPT_MAX 120 /* bytes of a rule or a condition in a message */

/* The claims that a condition let through: a part of run.indexes. */
struct match {
    size_t first, count;
};

struct run {
    const struct rules *rules;
    struct rules_result *result;
    struct rules_work work;
    struct match matches[RULES_CONDITIONS_MAX];
    uint16_t *indexes; /* of claims, for RULES_CONDITIONS_MAX conditions at the most */
    size_t index_count;
    struct error *err;
};
_Static_assert(CLAIMS_MAX <= UINT16_MAX, "a claim's index has 16 bits");

void rules_values_fini(struct rules_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        json_decref(values->at[i].json);
    free(values->at);
    *values = (struct rules_values){0};
}

int rules_values_add(struct rules_values *values, json_t *json, bool read_only, struct error *err)
{
    if (!json)
        return error_memory(err);
    if (values->count == RULES_VALUES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d values at once", RULES_VALUES_MAX);
    if (values->count == values->capacity) {
        size_t capacity = values->capacity ? 2 * values->capacity : 4;
        struct rules_value *at = realloc(values->at, capacity * sizeof *at);
        if (!at)
            return error_memory(err);
        values->at = at;
        values->capacity = capacity;
    }
    values->at[values->count++] = (struct rules_value){json_incref(json), read_only};
    return 0;
}

/* --- expressions ------------------------------------------------------------------------------ */

/* A property of a claim; the caller's. */
static json_t *property_of(const struct claim *claim, enum rules_property property)
{
    enum claim_kind kind;
    switch (property) {
    case PROPERTY_TYPE:
        return json_incref(claim->type);
    case PROPERTY_VALUE:
        return json_incref(claim->value);
    case PROPERTY_ISSUER:
        return json_string(claim_issuer_name(claim->issuer));
    default:
        (void)claim_kind_of(claim->value, &kind);
        return json_string(claim_kind_name(kind));
    }
}

static const struct claim *matched(const struct run *run, size_t condition, size_t i)
{
    return &run->result->incoming.at[run->indexes[run->matches[condition].first + i]];
}

static int evaluate_property(struct run *run, const struct rules_expression *expression,
                             struct rules_values *out)
{
    for (size_t i = 0; i < run->matches[expression->condition].count; i++) {
        const struct claim *claim = matched(run, expression->condition, i);
        bool read_only = claim->read_only && expression->property == PROPERTY_VALUE;
        json_t *json = property_of(claim, expression->property);
        int result = rules_values_add(out, json, read_only, run->err);
        json_decref(json);
        if (result < 0)
            return -1;
    }
    return rules_spend(&run->work, run->matches[expression->condition].count, run->err);
}

static int evaluate(struct run *run, size_t index, struct rules_values *out)
{
    const struct rules_expression *expression = &run->rules->expressions[index];
    struct rules_values arguments[RULES_ARGUMENTS_MAX] = {0};
    if (rules_spend(&run->work, 1, run->err) < 0)
        return -1;
    if (expression->kind == EXPRESSION_VALUE)
        return rules_values_add(out, expression->value, false, run->err);
    if (expression->kind == EXPRESSION_PROPERTY)
        return evaluate_property(run, expression, out);
    const struct rules_function *function = &rules_functions[expression->function];
    int result = 0;
    for (size_t i = 0; result == 0 && i < function->arguments; i++)
        result = evaluate(run, expression->arguments[i], &arguments[i]);
    if (result == 0 && function->call(arguments, &run->work, out, run->err) < 0)
        result = error_context(run->err, "%s", function->name);
    for (size_t i = 0; i < RULES_ARGUMENTS_MAX; i++)
        rules_values_fini(&arguments[i]);
    return result;
}

/* --- conditions ------------------------------------------------------------------------------- */

static bool in_order(enum rules_word sign, json_int_t a, json_int_t b)
{
    return sign == TOKEN_LESS         ? a < b
           : sign == TOKEN_LESS_EQUAL ? a <= b
           : sign == TOKEN_GREATER    ? a > b
                                      : a >= b;
}

/* A claim's property and the values on the right: 1, 0, or -1 with the error set. The four orders
 * want one integer there. */
static int holds(struct run *run, enum rules_word sign, const json_t *property,
                 const struct rules_values *right)
{
    int found = 0;
    if (sign == TOKEN_EQUAL || sign == TOKEN_UNEQUAL) {
        for (size_t i = 0; found == 0 && i < right->count; i++)
            found = rules_equal(property, right->at[i].json, &run->work, run->err);
        return found < 0 ? -1 : found == (sign == TOKEN_EQUAL);
    }
    return right->count == 1 && json_is_integer(property) && json_is_integer(right->at[0].json) &&
           in_order(sign, json_integer_value(property), json_integer_value(right->at[0].json));
}

/* Keeps those of the indexes from `first` on whose claims the comparison holds for. */
static int narrow(struct run *run, const struct rules_comparison *comparison, size_t first)
{
    RULES_VALUES_AUTO right = {0};
    size_t kept = first;
    if (evaluate(run, comparison->expression, &right) < 0 ||
        rules_spend(&run->work, run->index_count - first, run->err) < 0)
        return -1;
    for (size_t i = first; i < run->index_count; i++) {
        const struct claim *claim = &run->result->incoming.at[run->indexes[i]];
        json_t *property = property_of(claim, comparison->property);
        if (!property)
            return error_memory(run->err);
        int held = holds(run, comparison->sign, property, &right);
        json_decref(property);
        if (held < 0)
            return -1;
        if (held)
            run->indexes[kept++] = run->indexes[i];
    }
    run->index_count = kept;
    return 0;
}

/* Sets what the condition lets through, and whether it holds. */
static int check_condition(struct run *run, const struct rules_condition *condition,
                           struct match *match, bool *out)
{
    match->first = run->index_count;
    for (size_t i = 0; i < run->result->incoming.count; i++)
        run->indexes[run->index_count++] = (uint16_t)i;
    for (size_t i = 0; i < condition->count && run->index_count > match->first; i++) {
        if (narrow(run, &run->rules->comparisons[condition->first + i], match->first) < 0)
            return -1;
    }
    match->count = run->index_count - match->first;
    *out = (match->count > 0) != condition->is_negated;
    if (condition->is_negated)
        run->index_count = match->first;
    return 0;
}

/* *failed is the condition that does not hold, or NULL. */
static int check_conditions(struct run *run, const struct rules_rule *rule,
                            const struct rules_condition **failed)
{
    run->index_count = 0;
    *failed = NULL;
    for (size_t i = 0; i < rule->count; i++) {
        const struct rules_condition *condition = &run->rules->conditions[rule->first + i];
        bool held = false;
        if (check_condition(run, condition, &run->matches[i], &held) < 0)
            return -1;
        if (!held) {
            *failed = condition;
            return 0;
        }
    }
    return 0;
}

/* --- actions ---------------------------------------------------------------------------------- */

/* Where a rule's claims go beside the incoming ones; NULL for add(). */
static struct claims *target(struct run *run, const struct rules_rule *rule)
{
    return rule->action == RULES_ISSUE            ? &run->result->issued
           : rule->action == RULES_ISSUE_PROPERTY ? &run->result->properties
                                                  : NULL;
}

static int put(struct run *run, const struct rules_rule *rule, const struct claim *claim)
{
    struct claims *claims = target(run, rule);
    if (claims && claim->read_only)
        return error_set(run->err, ERROR_REFUSED, "%.128s may be read and not be issued",
                         json_string_value(claim->type));
    return claims ? claims_add(claims, claim, run->err) : 0;
}

/* claim=c: the claims are among the incoming ones already. */
static int put_matched(struct run *run, const struct rules_rule *rule)
{
    for (size_t i = 0; i < run->matches[rule->claim].count; i++) {
        if (put(run, rule, matched(run, rule->claim, i)) < 0)
            return -1;
    }
    return rules_spend(&run->work, run->matches[rule->claim].count, run->err);
}

static int put_value(struct run *run, const struct rules_rule *rule, json_t *type,
                     const struct rules_value *value)
{
    enum claim_kind kind = CLAIM_STRING;
    const struct claim claim = {type, value->json, CLAIM_POLICY, value->read_only};
    if (rule->has_kind && claim_kind_of(value->json, &kind) && kind != rule->kind)
        return error_set(run->err, ERROR_REFUSED, "valueType is %s, and the value is %s",
                         claim_kind_name(rule->kind), json_kind(value->json));
    return put(run, rule, &claim) < 0 ? -1 : claims_add(&run->result->incoming, &claim, run->err);
}

static int put_made(struct run *run, const struct rules_rule *rule)
{
    RULES_VALUES_AUTO types = {0};
    RULES_VALUES_AUTO values = {0};
    if (evaluate(run, rule->type, &types) < 0 || evaluate(run, rule->value, &values) < 0)
        return -1;
    for (size_t i = 0; i < types.count; i++) {
        if (!json_is_string(types.at[i].json) || !json_equal(types.at[i].json, types.at[0].json))
            return error_set(run->err, ERROR_REFUSED, "a claim's type must be one text");
    }
    if (types.count == 0)
        return error_set(run->err, ERROR_REFUSED, "a claim's type has no value");
    for (size_t i = 0; i < values.count; i++) {
        if (put_value(run, rule, types.at[0].json, &values.at[i]) < 0)
            return -1;
    }
    return rules_spend(&run->work, types.count + values.count, run->err);
}

/* --- reasons ---------------------------------------------------------------------------------- */

static int excerpt_size(struct span text)
{
    return (int)(text.size < EXCERPT_MAX ? text.size : EXCERPT_MAX);
}

/* The type that a condition asks for by name, or NULL. */
static const char *asked_type(const struct rules *rules, const struct rules_condition *condition)
{
    for (size_t i = 0; i < condition->count; i++) {
        const struct rules_comparison *comparison = &rules->comparisons[condition->first + i];
        const json_t *value = rules->expressions[comparison->expression].value;
        if (comparison->property == PROPERTY_TYPE && comparison->sign == TOKEN_EQUAL && value)
            return json_string_value(value);
    }
    return NULL;
}

/* ", and x-ms-sgx-svn is 3": what there is in place of what a condition wants. */
static void describe_claim(const struct run *run, const struct rules_condition *condition,
                           char *out, size_t size)
{
    const char *type = asked_type(run->rules, condition);
    const struct claim *claim = type ? claims_find(&run->result->incoming, type) : NULL;
    BUF_AUTO value = BUF_WITH_LIMIT(CLAIM_VALUE_MAX + 64);
    out[0] = '\0';
    if (condition->is_negated)
        (void)snprintf(out, size, ", and there is such a claim");
    else if (type && !claim)
        (void)snprintf(out, size, ", and there is no claim %.64s", type);
    else if (claim && json_append(claim->value, &value, NULL) == 0)
        (void)snprintf(out, size, ", and %.64s is %.72s, by %s", type, buf_text(&value),
                       claim_issuer_name(claim->issuer));
}

/* Why nothing permits: what the first rule that would have lacks, seen when it was its turn. */
struct refusal {
    const struct rules_condition *failed; /* NULL: there is no such rule */
    char there[256];
    size_t others;
};

static void note_refusal(const struct run *run, const struct rules_condition *failed,
                         struct refusal *refusal)
{
    if (refusal->failed) {
        refusal->others++;
        return;
    }
    refusal->failed = failed;
    describe_claim(run, failed, refusal->there, sizeof refusal->there);
}

static void explain_refusal(struct rules_result *result, const struct refusal *refusal)
{
    char more[48] = "";
    if (!refusal->failed) {
        (void)snprintf(result->reason, sizeof result->reason,
                       "no rule of authorizationrules permits anything");
        return;
    }
    if (refusal->others > 0)
        (void)snprintf(more, sizeof more, "; nor do %zu other rules", refusal->others);
    (void)snprintf(result->reason, sizeof result->reason,
                   "no rule permits it: line %zu wants %.*s%s%s", refusal->failed->line,
                   excerpt_size(refusal->failed->text), (const char *)refusal->failed->text.data,
                   refusal->there, more);
}

static void explain_rule(struct rules_result *result, const struct rules_rule *rule,
                         const char *what)
{
    (void)snprintf(result->reason, sizeof result->reason, "%s by line %zu: %.*s", what, rule->line,
                   excerpt_size(rule->text), (const char *)rule->text.data);
}

/* --- sections --------------------------------------------------------------------------------- */

static int apply(struct run *run, size_t index, const struct rules_condition **failed)
{
    const struct rules_rule *rule = &run->rules->rules[index];
    if (check_conditions(run, rule, failed) < 0)
        return error_context(run->err, "line %zu", rule->line);
    run->result->steps[index] = *failed ? RULES_NOT_HELD : RULES_HELD;
    if (*failed || rule->action == RULES_PERMIT || rule->action == RULES_DENY)
        return 0;
    if ((rule->is_claim ? put_matched(run, rule) : put_made(run, rule)) < 0)
        return error_context(run->err, "line %zu", rule->line);
    return 0;
}

static int authorize(struct run *run)
{
    const struct rules_condition *failed = NULL;
    const struct rules_rule *permitted = NULL;
    struct refusal refusal = {0};
    for (size_t i = 0; i < run->rules->count; i++) {
        const struct rules_rule *rule = &run->rules->rules[i];
        if (rule->section != RULES_AUTHORIZATION)
            continue;
        if (apply(run, i, &failed) < 0)
            return -1;
        if (rule->action == RULES_DENY && !failed) {
            explain_rule(run->result, rule, "denied");
            return 0;
        }
        if (rule->action == RULES_PERMIT && failed)
            note_refusal(run, failed, &refusal);
        else if (rule->action == RULES_PERMIT && !permitted)
            permitted = rule;
    }
    if (permitted) {
        explain_rule(run->result, permitted, "permitted");
        run->result->verdict = RULES_PERMITTED;
    } else {
        explain_refusal(run->result, &refusal);
    }
    return 0;
}

static int apply_section(struct run *run, enum rules_section section)
{
    const struct rules_condition *failed;
    for (size_t i = 0; i < run->rules->count; i++) {
        if (run->rules->rules[i].section == section && apply(run, i, &failed) < 0)
            return -1;
    }
    return 0;
}

static int run_init(struct run *run, const struct rules *rules, const struct claims *incoming,
                    struct rules_result *result, struct error *err)
{
    *run = (struct run){.rules = rules, .result = result, .work.steps = RULES_STEPS, .err = err};
    run->indexes = malloc((size_t)RULES_CONDITIONS_MAX * CLAIMS_MAX * sizeof *run->indexes);
    return run->indexes ? claims_add_all(&result->incoming, incoming, err) : error_memory(err);
}

void rules_result_fini(struct rules_result *result)
{
    claims_fini(&result->issued);
    claims_fini(&result->properties);
    claims_fini(&result->incoming);
    result->verdict = RULES_DENIED;
}

int rules_configure(const struct rules *rules, const struct claims *incoming,
                    struct claims *properties, struct error *err)
{
    struct run run;
    RULES_RESULT_AUTO result = {0};
    int status = run_init(&run, rules, incoming, &result, err);
    if (status == 0)
        status = apply_section(&run, RULES_CONFIGURATION);
    free(run.indexes);
    rules_work_fini(&run.work);
    if (status < 0)
        return error_context(err, "policy");
    return claims_add_all(properties, &result.properties, err);
}

int rules_evaluate(const struct rules *rules, const struct claims *incoming,
                   struct rules_result *out, struct error *err)
{
    struct run run;
    struct error problem = {0};
    int status = run_init(&run, rules, incoming, out, &problem);
    if (status == 0)
        status = authorize(&run);
    if (status == 0 && out->verdict == RULES_PERMITTED)
        status = apply_section(&run, RULES_ISSUANCE);
    free(run.indexes);
    rules_work_fini(&run.work);
    if (status < 0) {
        rules_result_fini(out);
        (void)snprintf(out->reason, sizeof out->reason, "the policy failed: %.480s", problem.text);
    }
    text_make_printable(out->reason);
    return status < 0 ? error_set(err, problem.code == ERROR_INVALID ? ERROR_REFUSED : problem.code,
                                  "policy: %s", problem.text)
                      : 0;
}
