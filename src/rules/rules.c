/* Reads policies. */
#include "rules/rules_parts.h"

#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

struct parser {
    struct rules_place place;
    struct rules_token token;
    size_t token_end; /* offset of what follows the word before `token` */
    struct rules *out;
    size_t rule_first; /* condition that the rule at hand begins with */
    size_t depth;
    struct error *err;
};

static const char *const property_names[PROPERTY_COUNT] = {
    [PROPERTY_TYPE] = "type",
    [PROPERTY_VALUE] = "value",
    [PROPERTY_VALUE_TYPE] = "valueType",
    [PROPERTY_ISSUER] = "issuer",
};

static const char *const section_names[RULES_SECTION_COUNT] = {
    [RULES_CONFIGURATION] = "configurationrules",
    [RULES_AUTHORIZATION] = "authorizationrules",
    [RULES_ISSUANCE] = "issuancerules",
};

static const struct action {
    const char *name;
    unsigned sections; /* a bit each */
} actions[RULES_ACTION_COUNT] = {
    [RULES_PERMIT] = {"permit", 1U << RULES_AUTHORIZATION},
    [RULES_DENY] = {"deny", 1U << RULES_AUTHORIZATION},
    [RULES_ADD] = {"add", 1U << RULES_AUTHORIZATION | 1U << RULES_ISSUANCE},
    [RULES_ISSUE] = {"issue", 1U << RULES_ISSUANCE},
    [RULES_ISSUE_PROPERTY] = {"issueproperty", 1U << RULES_CONFIGURATION | 1U << RULES_ISSUANCE},
};

const char *rules_section_name(enum rules_section section)
{
    return section_names[section];
}

const char *rules_property_name(enum rules_property property)
{
    return property_names[property];
}

/* --- words ------------------------------------------------------------------------------------ */

static int wrong(struct parser *parser, const char *what)
{
    return error_set(parser->err, ERROR_INVALID, "line %zu, column %zu: %s", parser->token.line,
                     parser->token.column, what);
}

static int expected(struct parser *parser, const char *what)
{
    const struct rules_token *token = &parser->token;
    if (token->word == TOKEN_END)
        return error_set(parser->err, ERROR_INVALID,
                         "line %zu, column %zu: expected %s, found the end of the policy",
                         token->line, token->column, what);
    return error_set(parser->err, ERROR_INVALID, "line %zu, column %zu: expected %s, found %.*s",
                     token->line, token->column, what,
                     (int)(token->text.size < 40 ? token->text.size : 40),
                     (const char *)token->text.data);
}

static int advance(struct parser *parser)
{
    json_decref(parser->token.value);
    parser->token.value = NULL;
    parser->token_end = parser->place.offset;
    return rules_next(&parser->place, &parser->token, parser->err);
}

static int take(struct parser *parser, enum rules_word word, const char *name)
{
    return parser->token.word == word ? advance(parser) : expected(parser, name);
}

static bool at_name(const struct parser *parser, const char *name)
{
    return parser->token.word == TOKEN_NAME && span_equal_text(parser->token.text, name);
}

/* Names of sections, and "version", may be written in any case. */
static bool at_keyword(const struct parser *parser, const char *name)
{
    return parser->token.word == TOKEN_NAME && parser->token.text.size == strlen(name) &&
           strncasecmp((const char *)parser->token.text.data, name, strlen(name)) == 0;
}

/* The policy's text from `start` to the end of the last word taken. */
static struct span text_since(const struct parser *parser, const uint8_t *start)
{
    return span_of(start, (size_t)(parser->place.text.data + parser->token_end - start));
}

/* Makes room for one more of `size` bytes at *array; the arrays double. */
static int grow(struct parser *parser, void **array, size_t count, size_t size, size_t limit,
                const char *what)
{
    if (count == limit)
        return error_set(parser->err, ERROR_LIMIT, "line %zu: more than %zu %s", parser->token.line,
                         limit, what);
    if (count > 0 && (count & (count - 1)) != 0)
        return 0;
    void *more = realloc(*array, (count > 0 ? 2 * count : 1) * size);
    if (!more)
        return error_memory(parser->err);
    *array = more;
    return 0;
}

/* --- expressions ------------------------------------------------------------------------------ */

static int read_expression(struct parser *parser, size_t *out);

static int find_condition(struct parser *parser, size_t *out)
{
    struct rules *rules = parser->out;
    for (size_t i = parser->rule_first; i < rules->condition_count; i++) {
        struct rules_condition *condition = &rules->conditions[i];
        if (!span_equal(condition->name, parser->token.text))
            continue;
        condition->is_used = true;
        *out = i - parser->rule_first;
        return advance(parser);
    }
    return expected(parser, "the name of a condition that stands before this in the rule");
}

static int read_property_name(struct parser *parser, enum rules_property *out)
{
    for (size_t i = 0; i < PROPERTY_COUNT; i++) {
        *out = (enum rules_property)i;
        if (at_name(parser, property_names[i]))
            return advance(parser);
    }
    return expected(parser, "type, value, valueType or issuer");
}

static int read_access(struct parser *parser, struct rules_expression *out)
{
    out->kind = EXPRESSION_PROPERTY;
    if (find_condition(parser, &out->condition) < 0 ||
        take(parser, TOKEN_DOT, "\".\" and a property of the claim") < 0)
        return -1;
    return read_property_name(parser, &out->property);
}

static bool find_function(const struct parser *parser, size_t *out)
{
    for (*out = 0; *out < rules_function_count; (*out)++) {
        if (at_name(parser, rules_functions[*out].name))
            return true;
    }
    return false;
}

static int read_call(struct parser *parser, struct rules_expression *out)
{
    size_t count = rules_functions[out->function].arguments;
    out->kind = EXPRESSION_CALL;
    if (parser->out->version < 2)
        return wrong(parser, "functions are of version 1.2, and the policy is of an older one");
    if (++parser->depth > RULES_DEPTH_MAX)
        return error_set(parser->err, ERROR_LIMIT, "line %zu: calls nested more than %d deep",
                         parser->token.line, RULES_DEPTH_MAX);
    if (advance(parser) < 0 || take(parser, TOKEN_PAREN, "\"(\"") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && take(parser, TOKEN_COMMA, "\",\" and one more argument") < 0) ||
            read_expression(parser, &out->arguments[i]) < 0)
            return -1;
    }
    parser->depth--;
    return take(parser, TOKEN_PAREN_END, "\")\"");
}

static int read_expression(struct parser *parser, size_t *out)
{
    struct rules_expression expression = {.kind = EXPRESSION_VALUE};
    struct rules *rules = parser->out;
    int result;
    if (parser->token.word == TOKEN_VALUE) {
        expression.value = json_incref(parser->token.value);
        result = advance(parser);
    } else if (parser->token.word != TOKEN_NAME) {
        result = expected(parser, "text, an integer, true, false, a name or a function");
    } else {
        result = find_function(parser, &expression.function) ? read_call(parser, &expression)
                                                             : read_access(parser, &expression);
    }
    if (result == 0)
        result = grow(parser, (void **)&rules->expressions, rules->expression_count,
                      sizeof expression, RULES_PARTS_MAX, "expressions");
    if (result < 0) {
        json_decref(expression.value);
        return -1;
    }
    *out = rules->expression_count;
    rules->expressions[rules->expression_count++] = expression;
    return 0;
}

/* --- conditions ------------------------------------------------------------------------------- */

static bool known_issuer(const char *name)
{
    for (size_t i = 0; i < CLAIM_ISSUER_COUNT; i++) {
        if (strcmp(claim_issuer_name((enum claim_issuer)i), name) == 0)
            return true;
    }
    return false;
}

static bool known_kind(const char *name, enum claim_kind *out)
{
    for (size_t i = 0; i < CLAIM_KIND_COUNT; i++) {
        *out = (enum claim_kind)i;
        if (strcmp(claim_kind_name(*out), name) == 0)
            return true;
    }
    return false;
}

/* What can be seen to be wrong without claims: a comparison with a value that is written out. */
static int check_comparison(struct parser *parser, const struct rules_comparison *comparison)
{
    const json_t *value = parser->out->expressions[comparison->expression].value;
    const char *text = json_string_value(value);
    enum claim_kind kind;
    bool is_order = comparison->sign != TOKEN_EQUAL && comparison->sign != TOKEN_UNEQUAL;
    if (is_order && (comparison->property != PROPERTY_VALUE || (value && !json_is_integer(value))))
        return wrong(parser, "only integers are smaller or larger: compare by == or !=");
    if (comparison->property != PROPERTY_VALUE && value && !text)
        return wrong(parser, "type, valueType and issuer are text");
    if (comparison->property == PROPERTY_ISSUER && text && !known_issuer(text))
        return wrong(parser, "before this: an issuer is AttestationService, AttestationPolicy or "
                             "CustomClaim");
    if (comparison->property == PROPERTY_VALUE_TYPE && text && !known_kind(text, &kind))
        return wrong(parser, "before this: a valueType is String, Integer or Boolean");
    return 0;
}

static int read_sign(struct parser *parser, struct rules_comparison *out)
{
    out->sign = parser->token.word;
    out->is_assignment = out->sign == TOKEN_ASSIGN;
    if (out->is_assignment)
        out->sign = TOKEN_EQUAL;
    else if (out->sign < TOKEN_EQUAL || out->sign > TOKEN_GREATER_EQUAL)
        return expected(parser, "one of == != < <= > >=");
    return advance(parser);
}

static int read_comparison(struct parser *parser)
{
    struct rules_comparison comparison = {0};
    struct rules *rules = parser->out;
    if (read_property_name(parser, &comparison.property) < 0 ||
        read_sign(parser, &comparison) < 0 || read_expression(parser, &comparison.expression) < 0 ||
        check_comparison(parser, &comparison) < 0 ||
        grow(parser, (void **)&rules->comparisons, rules->comparison_count, sizeof comparison,
             RULES_PARTS_MAX, "comparisons") < 0)
        return -1;
    rules->comparisons[rules->comparison_count++] = comparison;
    return 0;
}

/* The name before a condition, and its colon. */
static int read_condition_name(struct parser *parser, struct span *out)
{
    size_t function;
    struct rules *rules = parser->out;
    if (find_function(parser, &function))
        return wrong(parser, "the name of a function cannot be that of a condition");
    for (size_t i = parser->rule_first; i < rules->condition_count; i++) {
        if (span_equal(rules->conditions[i].name, parser->token.text))
            return wrong(parser, "a second condition of this name in the rule");
    }
    *out = parser->token.text;
    return advance(parser) < 0 ? -1 : take(parser, TOKEN_COLON, "\":\" after the condition's name");
}

static int read_comparisons(struct parser *parser)
{
    do {
        if (read_comparison(parser) < 0)
            return -1;
        if (parser->token.word == TOKEN_BRACKET_END)
            return advance(parser);
    } while (take(parser, TOKEN_COMMA, "\",\" or \"]\"") == 0);
    return -1;
}

static int read_condition(struct parser *parser)
{
    struct rules *rules = parser->out;
    struct rules_condition condition = {.line = parser->token.line,
                                        .first = rules->comparison_count};
    const uint8_t *start = parser->token.text.data;
    if (rules->condition_count - parser->rule_first == RULES_CONDITIONS_MAX)
        return error_set(parser->err, ERROR_LIMIT, "line %zu: more than %d conditions in a rule",
                         parser->token.line, RULES_CONDITIONS_MAX);
    if (parser->token.word == TOKEN_NOT) {
        condition.is_negated = true;
        if (rules->version < 2)
            return wrong(parser, "\"!\" is of version 1.2, and the policy is of an older one");
        if (advance(parser) < 0)
            return -1;
    } else if (parser->token.word == TOKEN_NAME &&
               read_condition_name(parser, &condition.name) < 0) {
        return -1;
    }
    if (take(parser, TOKEN_BRACKET, "\"[\"") < 0 || read_comparisons(parser) < 0 ||
        grow(parser, (void **)&rules->conditions, rules->condition_count, sizeof condition,
             RULES_PARTS_MAX, "conditions") < 0)
        return -1;
    condition.count = rules->comparison_count - condition.first;
    condition.text = text_since(parser, start);
    rules->conditions[rules->condition_count++] = condition;
    return 0;
}

/* --- rules ------------------------------------------------------------------------------------ */

static int read_claim_reference(struct parser *parser, struct rules_rule *rule)
{
    rule->is_claim = true;
    if (advance(parser) < 0 || take(parser, TOKEN_ASSIGN, "\"=\"") < 0)
        return -1;
    return find_condition(parser, &rule->claim);
}

/* One of type=, value=, valueType=. */
static int read_assignment(struct parser *parser, struct rules_rule *rule,
                           bool seen[PROPERTY_COUNT])
{
    enum rules_property property;
    size_t expression;
    struct rules_token at = parser->token;
    if (read_property_name(parser, &property) < 0)
        return -1;
    if (seen[property] || property == PROPERTY_ISSUER)
        return error_set(parser->err, ERROR_INVALID, "line %zu, column %zu: %s", at.line, at.column,
                         seen[property] ? "this property is given twice"
                                        : "a rule's claims have the issuer AttestationPolicy");
    seen[property] = true;
    if (take(parser, TOKEN_ASSIGN, "\"=\"") < 0 || read_expression(parser, &expression) < 0)
        return -1;
    const json_t *value = parser->out->expressions[expression].value;
    if (property == PROPERTY_TYPE && value && json_string_length(value) == 0)
        return wrong(parser, "before this: a type is text, and not empty");
    if (property == PROPERTY_VALUE_TYPE &&
        (!json_is_string(value) || !known_kind(json_string_value(value), &rule->kind)))
        return wrong(parser, "before this: a valueType is \"String\", \"Integer\" or \"Boolean\"");
    if (property == PROPERTY_TYPE)
        rule->type = expression;
    if (property == PROPERTY_VALUE)
        rule->value = expression;
    rule->has_kind = seen[PROPERTY_VALUE_TYPE];
    return 0;
}

static int read_claim(struct parser *parser, struct rules_rule *rule)
{
    bool seen[PROPERTY_COUNT] = {false};
    if (at_name(parser, "claim"))
        return read_claim_reference(parser, rule);
    for (;;) {
        if (read_assignment(parser, rule, seen) < 0)
            return -1;
        if (parser->token.word != TOKEN_COMMA)
            break;
        if (advance(parser) < 0)
            return -1;
    }
    return seen[PROPERTY_TYPE] && seen[PROPERTY_VALUE]
               ? 0
               : expected(parser, "type= and value=, or claim=");
}

static int read_action(struct parser *parser, struct rules_rule *rule)
{
    size_t i = 0;
    while (i < RULES_ACTION_COUNT && !at_name(parser, actions[i].name))
        i++;
    if (i == RULES_ACTION_COUNT)
        return expected(parser, "permit, deny, add, issue or issueproperty");
    if (!(actions[i].sections & 1U << rule->section))
        return error_set(parser->err, ERROR_INVALID, "line %zu, column %zu: %s() is not of %s",
                         parser->token.line, parser->token.column, actions[i].name,
                         section_names[rule->section]);
    rule->action = (enum rules_action)i;
    bool bare = rule->action == RULES_PERMIT || rule->action == RULES_DENY;
    if (advance(parser) < 0 || take(parser, TOKEN_PAREN, "\"(\"") < 0 ||
        (!bare && read_claim(parser, rule) < 0))
        return -1;
    return take(parser, TOKEN_PAREN_END, bare ? "\")\": the action takes no claim" : "\")\"");
}

static int read_rule(struct parser *parser, enum rules_section section)
{
    struct rules *rules = parser->out;
    struct rules_rule rule = {
        .section = section, .first = rules->condition_count, .line = parser->token.line};
    const uint8_t *start = parser->token.text.data;
    parser->rule_first = rule.first;
    while (parser->token.word != TOKEN_ARROW) {
        if ((rules->condition_count > rule.first &&
             take(parser, TOKEN_AND, "\"&&\" or \"=>\"") < 0) ||
            read_condition(parser) < 0)
            return -1;
    }
    rule.count = rules->condition_count - rule.first;
    if (advance(parser) < 0 || read_action(parser, &rule) < 0)
        return -1;
    rule.text = text_since(parser, start);
    if (take(parser, TOKEN_SEMICOLON, "\";\" after the rule") < 0 ||
        grow(parser, (void **)&rules->rules, rules->count, sizeof rule, RULES_MAX, "rules") < 0)
        return -1;
    rules->rules[rules->count++] = rule;
    return 0;
}

/* --- policies --------------------------------------------------------------------------------- */

static int read_section(struct parser *parser)
{
    size_t i = 0;
    while (i < RULES_SECTION_COUNT && !at_keyword(parser, section_names[i]))
        i++;
    if (i == RULES_SECTION_COUNT)
        return expected(parser, "configurationrules, authorizationrules or issuancerules");
    if (parser->out->has_section[i])
        return wrong(parser, "this section is there twice");
    if (i == RULES_CONFIGURATION && parser->out->version < 1)
        return wrong(parser, "configurationrules are of version 1.1, and the policy is of 1.0");
    for (size_t k = i + 1; k < RULES_SECTION_COUNT; k++) {
        if (parser->out->has_section[k])
            return wrong(parser, "sections come as configurationrules, authorizationrules, "
                                 "issuancerules");
    }
    parser->out->has_section[i] = true;
    if (advance(parser) < 0 || take(parser, TOKEN_BRACE, "\"{\"") < 0)
        return -1;
    while (parser->token.word != TOKEN_BRACE_END) {
        if (read_rule(parser, (enum rules_section)i) < 0)
            return -1;
    }
    return advance(parser) < 0 ? -1 : take(parser, TOKEN_SEMICOLON, "\";\" after the section");
}

/* version=1.2; */
static int read_version(struct parser *parser)
{
    static const char unknown[] = "the version is 1.0, 1.1 or 1.2";
    if (!at_keyword(parser, "version"))
        return expected(parser, "version=1.2;");
    if (advance(parser) < 0 || take(parser, TOKEN_ASSIGN, "\"=\"") < 0)
        return -1;
    if (!span_equal_text(parser->token.text, "1"))
        return wrong(parser, unknown);
    if (advance(parser) < 0 || take(parser, TOKEN_DOT, "\".\"") < 0)
        return -1;
    if (parser->token.text.size != 1 || parser->token.text.data[0] < '0' ||
        parser->token.text.data[0] > '2')
        return wrong(parser, unknown);
    parser->out->version = (unsigned)(parser->token.text.data[0] - '0');
    return advance(parser) < 0 ? -1 : take(parser, TOKEN_SEMICOLON, "\";\"");
}

static int read_policy(struct parser *parser)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF}; /* as some editors begin a file */
    struct span text = parser->place.text;
    if (text.size >= sizeof mark && memcmp(text.data, mark, sizeof mark) == 0)
        parser->place.offset = parser->place.line_start = sizeof mark;
    if (advance(parser) < 0 || read_version(parser) < 0)
        return -1;
    while (parser->token.word != TOKEN_END) {
        if (read_section(parser) < 0)
            return -1;
    }
    return 0;
}

struct rules *rules_new(struct span text, struct error *err)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules) {
        (void)error_memory(err);
        return NULL;
    }
    buf_init(&rules->text, RULES_SIZE_MAX);
    int result = buf_append(&rules->text, text, err);
    if (result == 0 && !text_is_utf8(text))
        result = error_set(err, ERROR_INVALID, "the policy is not UTF-8");
    struct parser parser = {
        .place = {.text = buf_span(&rules->text), .line = 1}, .out = rules, .err = err};
    if (result == 0)
        result = read_policy(&parser);
    json_decref(parser.token.value);
    if (result == 0)
        return rules;
    (void)error_context(err, "policy");
    rules_free(rules);
    return NULL;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->expression_count; i++)
        json_decref(rules->expressions[i].value);
    free(rules->rules);
    free(rules->conditions);
    free(rules->comparisons);
    free(rules->expressions);
    buf_fini(&rules->text);
    free(rules);
}

void rules_cleanup(struct rules **rules)
{
    rules_free(*rules);
}

unsigned rules_version(const struct rules *rules)
{
    return rules->version;
}

size_t rules_count(const struct rules *rules)
{
    return rules->count;
}

struct rules_info rules_info(const struct rules *rules, size_t index)
{
    const struct rules_rule *rule = &rules->rules[index];
    return (struct rules_info){rule->section, rule->action, rule->line, rule->text};
}
