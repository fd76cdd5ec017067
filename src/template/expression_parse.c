/*
 * The grammar: a literal 'text' ('' is one quote), a whole number, or a call name(…) with dots in
 * its name; after a call, .member and [index].
 */
#include <ctype.h>

#include "base/text.h"
#include "template/expression_parts.h"

struct parser {
    const char *at;
    const char *end;
    struct arena *arena;
    struct error *err;
    size_t depth;
};

static struct node *fail(struct parser *parser, const char *what)
{
    if (parser->at < parser->end)
        (void)error_set(parser->err, ERROR_INVALID, "%s, at \"%.20s\"", what, parser->at);
    else
        (void)error_set(parser->err, ERROR_INVALID, "%s, at its end", what);
    return NULL;
}

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool take(struct parser *parser, char c)
{
    skip_blanks(parser);
    if (parser->at == parser->end || *parser->at != c)
        return false;
    parser->at++;
    return true;
}

static struct node *new_node(struct parser *parser, enum node_kind kind)
{
    struct node *node = arena_take(parser->arena, 1, sizeof *node);
    if (node)
        node->kind = kind;
    else
        (void)error_set(parser->err, ERROR_LIMIT, "expressions that are too large");
    return node;
}

/* `size` bytes and a terminator. */
static char *copy(struct parser *parser, const char *from, size_t size)
{
    char *text = arena_take(parser->arena, size + 1, 1);
    if (text)
        memcpy(text, from, size);
    else
        (void)error_set(parser->err, ERROR_LIMIT, "expressions that are too large");
    return text;
}

static struct node *parse_text(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_TEXT);
    char *text = copy(parser, parser->at, (size_t)(parser->end - parser->at));
    size_t size = 0;
    if (!node || !text)
        return NULL;
    for (parser->at++; parser->at < parser->end; parser->at++) {
        if (*parser->at == '\'') {
            parser->at++;
            if (parser->at == parser->end || *parser->at != '\'') {
                text[size] = '\0';
                node->text = text;
                return node;
            }
        }
        text[size++] = *parser->at;
    }
    return fail(parser, "a text without its closing quote");
}

static struct node *parse_number(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_NUMBER);
    bool negative = *parser->at == '-';
    const char *start = parser->at + negative;
    size_t size = 0;
    uint64_t value;
    while (start + size < parser->end && isdigit((unsigned char)start[size]))
        size++;
    char *digits = node ? copy(parser, start, size) : NULL;
    if (!digits)
        return NULL;
    if (!text_to_u64(digits, INT64_MAX, &value))
        return fail(parser, "not a number");
    parser->at = start + size;
    node->number = negative ? -(json_int_t)value : (json_int_t)value;
    return node;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *take_name(struct parser *parser, bool dots)
{
    const char *start = parser->at;
    while (parser->at < parser->end && (is_name(*parser->at) || (dots && *parser->at == '.')))
        parser->at++;
    if (parser->at == start)
        return (void)fail(parser, "expected a name"), NULL;
    return copy(parser, start, (size_t)(parser->at - start));
}

static struct node *parse_value(struct parser *parser);

static struct node *parse_arguments(struct parser *parser, struct node *call)
{
    struct node *items[EXPRESSION_ARGUMENTS_MAX];
    if (take(parser, ')'))
        return call;
    do {
        if (call->count == EXPRESSION_ARGUMENTS_MAX)
            return fail(parser, "more than 256 arguments");
        items[call->count] = parse_value(parser);
        if (!items[call->count++])
            return NULL;
    } while (take(parser, ','));
    if (!take(parser, ')'))
        return fail(parser, "expected a comma or a parenthesis");
    call->items = arena_take(parser->arena, call->count, sizeof *call->items);
    if (!call->items)
        return fail(parser, "expressions that are too large");
    memcpy((void *)call->items, (const void *)items, call->count * sizeof *items);
    return call;
}

static struct node *parse_index(struct parser *parser, struct node *base)
{
    struct node *node = new_node(parser, NODE_INDEX);
    if (!node)
        return NULL;
    node->base = base;
    node->items = arena_take(parser->arena, 1, sizeof *node->items);
    if (!node->items)
        return fail(parser, "expressions that are too large");
    node->items[node->count++] = parse_value(parser);
    if (!node->items[0])
        return NULL;
    return take(parser, ']') ? node : fail(parser, "expected a bracket");
}

/* What follows a call: each step makes the tree one deeper. */
static struct node *parse_steps(struct parser *parser, struct node *node)
{
    for (size_t steps = 0; node; steps++) {
        if (steps == EXPRESSION_DEPTH_MAX)
            return fail(parser, "more than 32 members of members");
        if (take(parser, '[')) {
            node = parse_index(parser, node);
        } else if (take(parser, '.')) {
            struct node *member = new_node(parser, NODE_MEMBER);
            if (!member)
                return NULL;
            member->base = node;
            member->text = take_name(parser, false);
            node = member->text ? member : NULL;
        } else {
            return node;
        }
    }
    return NULL;
}

static struct node *parse_call(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_CALL);
    if (!node)
        return NULL;
    node->text = take_name(parser, true);
    if (!node->text)
        return NULL;
    if (!take(parser, '('))
        return fail(parser, "expected a parenthesis after a function's name");
    return parse_arguments(parser, node) ? parse_steps(parser, node) : NULL;
}

static struct node *parse_value(struct parser *parser)
{
    struct node *node;
    skip_blanks(parser);
    if (parser->depth == EXPRESSION_DEPTH_MAX)
        return fail(parser, "calls nested more than 32 deep");
    if (parser->at == parser->end)
        return fail(parser, "expected a value");
    parser->depth++;
    if (*parser->at == '\'')
        node = parse_text(parser);
    else if (*parser->at == '-' || isdigit((unsigned char)*parser->at))
        node = parse_number(parser);
    else
        node = parse_call(parser);
    parser->depth--;
    return node;
}

struct node *expression_parse(const char *text, size_t size, struct arena *arena, struct error *err)
{
    struct parser parser = {.at = text, .end = text + size, .arena = arena, .err = err};
    if (size > EXPRESSION_SIZE_MAX) {
        (void)error_set(err, ERROR_LIMIT, "%zu bytes; at most %d are accepted", size,
                        EXPRESSION_SIZE_MAX);
        return NULL;
    }
    struct node *node = parse_value(&parser);
    skip_blanks(&parser);
    if (node && parser.at != parser.end)
        return fail(&parser, "expected the end");
    return node;
}
