/* Reads expressions, by precedence. */
#include "rules/jmespath_parts.h"

#include <stdlib.h>

#include "base/text.h"

/* How strongly a word binds what stands before it; 0 ends an expression. */
static const uint8_t strength[WORD_COUNT] = {
    [WORD_PIPE] = 1,          [WORD_OR] = 2,         [WORD_AND] = 3,
    [WORD_EQUAL] = 5,         [WORD_UNEQUAL] = 5,    [WORD_LESS] = 5,
    [WORD_GREATER] = 5,       [WORD_LESS_EQUAL] = 5, [WORD_FLATTEN] = 9,
    [WORD_GREATER_EQUAL] = 5, [WORD_STAR] = 20,      [WORD_FILTER] = 21,
    [WORD_DOT] = 40,          [WORD_NOT] = 45,       [WORD_BRACE] = 50,
    [WORD_BRACKET] = 55,      [WORD_PAREN] = 60,
};
#define PROJECTION_END 10 /* what binds less ends the right side of a projection */

#define LOOKAHEAD 2

struct parser {
    struct span text;
    size_t offset; /* of what follows the words read ahead */
    struct jmespath_token ahead[LOOKAHEAD];
    struct jmespath *out;
    size_t capacity;
    size_t depth;
    struct error *err;
};

/* Every function that reads returns a node, or NODE_NONE with the error set. */
static uint16_t expression(struct parser *parser, unsigned bound);

static uint16_t wrong(struct parser *parser, const char *expected)
{
    (void)error_set(parser->err, ERROR_INVALID, "JMESPath, column %zu: expected %s",
                    parser->ahead[0].offset + 1, expected);
    return NODE_NONE;
}

static int advance(struct parser *parser)
{
    json_decref(parser->ahead[0].value);
    parser->ahead[0] = parser->ahead[1];
    return jmespath_next(parser->text, &parser->offset, &parser->ahead[1], parser->err);
}

static enum jmespath_word word(const struct parser *parser)
{
    return parser->ahead[0].word;
}

static bool take(struct parser *parser, enum jmespath_word wanted, const char *name)
{
    if (word(parser) == wanted)
        return advance(parser) == 0;
    (void)wrong(parser, name);
    return false;
}

static uint16_t add(struct parser *parser, enum jmespath_kind kind, uint16_t left, uint16_t right)
{
    struct jmespath *out = parser->out;
    if (out->count == JMESPATH_NODES_MAX) {
        (void)error_set(parser->err, ERROR_LIMIT, "JMESPath: more than %d nodes",
                        JMESPATH_NODES_MAX);
        return NODE_NONE;
    }
    if (out->count == parser->capacity) {
        size_t capacity = parser->capacity ? 2 * parser->capacity : 16;
        struct jmespath_node *nodes = realloc(out->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            (void)error_memory(parser->err);
            return NODE_NONE;
        }
        out->nodes = nodes;
        parser->capacity = capacity;
    }
    out->nodes[out->count] = (struct jmespath_node){.kind = kind,
                                                    .left = left,
                                                    .right = right,
                                                    .third = NODE_NONE,
                                                    .first = NODE_NONE,
                                                    .next = NODE_NONE};
    return (uint16_t)out->count++;
}

/* A node over operands that may not have come about; one with a single operand has it twice. */
static uint16_t join(struct parser *parser, enum jmespath_kind kind, uint16_t left, uint16_t right)
{
    return left == NODE_NONE || right == NODE_NONE ? NODE_NONE : add(parser, kind, left, right);
}

static uint16_t current(struct parser *parser)
{
    return add(parser, NODE_CURRENT, NODE_NONE, NODE_NONE);
}

/* A leaf with the value of the word at hand, which is taken. */
static uint16_t leaf(struct parser *parser, enum jmespath_kind kind)
{
    uint16_t node = add(parser, kind, NODE_NONE, NODE_NONE);
    if (node == NODE_NONE)
        return node;
    parser->out->nodes[node].value = json_incref(parser->ahead[0].value);
    return advance(parser) < 0 ? NODE_NONE : node;
}

/* Appends a child to a list of siblings, of which *last is the last. */
static bool append(struct parser *parser, uint16_t parent, uint16_t *last, uint16_t child)
{
    if (child == NODE_NONE)
        return false;
    if (*last == NODE_NONE)
        parser->out->nodes[parent].first = child;
    else
        parser->out->nodes[*last].next = child;
    *last = child;
    return true;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Expressions with commas between, up to `end`, which is taken. A list may be empty for a call. */
static uint16_t children(struct parser *parser, uint16_t parent, enum jmespath_word end,
                         bool may_be_empty)
{
    uint16_t last = NODE_NONE;
    if (parent == NODE_NONE)
        return NODE_NONE;
    if (may_be_empty && word(parser) == end)
        return advance(parser) < 0 ? NODE_NONE : parent;
    for (;;) {
        if (!append(parser, parent, &last, expression(parser, 0)))
            return NODE_NONE;
        if (word(parser) == end)
            return advance(parser) < 0 ? NODE_NONE : parent;
        if (!take(parser, WORD_COMMA, "a comma or the end of the list"))
            return NODE_NONE;
    }
}

static uint16_t multi_list(struct parser *parser)
{
    return children(parser, add(parser, NODE_LIST, NODE_NONE, NODE_NONE), WORD_BRACKET_END, false);
}

static uint16_t member(struct parser *parser)
{
    if (word(parser) != WORD_NAME && word(parser) != WORD_QUOTED)
        return wrong(parser, "a name for the member");
    uint16_t node = leaf(parser, NODE_MEMBER);
    if (node == NODE_NONE || !take(parser, WORD_COLON, "\":\""))
        return NODE_NONE;
    uint16_t value = expression(parser, 0);
    if (value == NODE_NONE)
        return NODE_NONE;
    parser->out->nodes[node].left = value;
    return node;
}

static uint16_t multi_hash(struct parser *parser)
{
    uint16_t parent = add(parser, NODE_HASH, NODE_NONE, NODE_NONE);
    uint16_t last = NODE_NONE;
    if (parent == NODE_NONE)
        return NODE_NONE;
    for (;;) {
        if (!append(parser, parent, &last, member(parser)))
            return NODE_NONE;
        if (word(parser) == WORD_BRACE_END)
            return advance(parser) < 0 ? NODE_NONE : parent;
        if (!take(parser, WORD_COMMA, "a comma or \"}\""))
            return NODE_NONE;
    }
}

/* --- projections ------------------------------------------------------------------------------ */

static uint16_t after_dot(struct parser *parser, unsigned bound)
{
    switch (word(parser)) {
    case WORD_NAME:
    case WORD_QUOTED:
    case WORD_STAR:
        return expression(parser, bound);
    case WORD_BRACKET:
        return advance(parser) < 0 ? NODE_NONE : multi_list(parser);
    case WORD_BRACE:
        return advance(parser) < 0 ? NODE_NONE : multi_hash(parser);
    default:
        return wrong(parser, "a name, \"*\", \"[\" or \"{\" after the dot");
    }
}

/* What is done with each element of a projection. */
static uint16_t projected(struct parser *parser, unsigned bound)
{
    if (strength[word(parser)] < PROJECTION_END)
        return current(parser);
    if (word(parser) == WORD_BRACKET || word(parser) == WORD_FILTER)
        return expression(parser, bound);
    if (word(parser) == WORD_DOT)
        return advance(parser) < 0 ? NODE_NONE : after_dot(parser, bound);
    return wrong(parser, "\".\", \"[\", \"[?\" or the end of the projection");
}

static uint16_t filter(struct parser *parser, uint16_t left)
{
    uint16_t condition = expression(parser, 0);
    if (condition == NODE_NONE || !take(parser, WORD_BRACKET_END, "\"]\""))
        return NODE_NONE;
    uint16_t right = word(parser) == WORD_FLATTEN ? current(parser)
                                                  : projected(parser, strength[WORD_FILTER]);
    uint16_t node = join(parser, NODE_FILTER, left, right);
    if (node != NODE_NONE)
        parser->out->nodes[node].third = condition;
    return node;
}

static uint16_t flatten(struct parser *parser, uint16_t left)
{
    uint16_t inner = join(parser, NODE_FLATTEN, left, left);
    return join(parser, NODE_PROJECT, inner, projected(parser, strength[WORD_FLATTEN]));
}

/* Up to three numbers with colons between. */
static bool slice_numbers(struct parser *parser, uint16_t node)
{
    for (size_t i = 0; i < 3; i++) {
        if (word(parser) == WORD_NUMBER) {
            parser->out->nodes[node].given[i] = true;
            parser->out->nodes[node].numbers[i] = parser->ahead[0].number;
            if (advance(parser) < 0)
                return false;
        }
        if (word(parser) == WORD_BRACKET_END)
            return true;
        if (i == 2 || !take(parser, WORD_COLON, "\":\", a number or \"]\""))
            break;
    }
    if (word(parser) != WORD_BRACKET_END)
        (void)wrong(parser, "\"]\" after at most three numbers");
    return word(parser) == WORD_BRACKET_END;
}

/* [n], or a slice, of `left`; "[" is taken. */
static uint16_t indexed(struct parser *parser, uint16_t left)
{
    bool is_slice = word(parser) == WORD_COLON || parser->ahead[1].word == WORD_COLON;
    uint16_t index = add(parser, is_slice ? NODE_SLICE : NODE_INDEX, NODE_NONE, NODE_NONE);
    if (index == NODE_NONE)
        return NODE_NONE;
    if (is_slice) {
        if (!slice_numbers(parser, index))
            return NODE_NONE;
    } else {
        parser->out->nodes[index].numbers[0] = parser->ahead[0].number;
        if (advance(parser) < 0)
            return NODE_NONE;
    }
    if (!take(parser, WORD_BRACKET_END, "\"]\""))
        return NODE_NONE;
    uint16_t node = join(parser, NODE_SUB, left, index);
    return is_slice ? join(parser, NODE_PROJECT, node, projected(parser, strength[WORD_STAR]))
                    : node;
}

/* [*] of `left`; "[" is taken. */
static uint16_t each(struct parser *parser, uint16_t left)
{
    if (!take(parser, WORD_STAR, "a number, \":\" or \"*\"") ||
        !take(parser, WORD_BRACKET_END, "\"]\""))
        return NODE_NONE;
    return join(parser, NODE_PROJECT, left, projected(parser, strength[WORD_STAR]));
}

static bool at_index(const struct parser *parser)
{
    return word(parser) == WORD_NUMBER || word(parser) == WORD_COLON;
}

/* --- expressions ------------------------------------------------------------------------------ */

static uint16_t call(struct parser *parser, uint16_t name)
{
    struct jmespath_node *node = &parser->out->nodes[name];
    if (node->kind != NODE_FIELD)
        return wrong(parser, "no \"(\": what stands before it is no name of a function");
    node->kind = NODE_CALL;
    return children(parser, name, WORD_PAREN_END, true);
}

static uint16_t unary(struct parser *parser, enum jmespath_kind kind, unsigned bound)
{
    uint16_t operand = expression(parser, bound);
    return join(parser, kind, operand, operand);
}

/* What begins with a word that has been taken. */
static uint16_t begun_by(struct parser *parser, enum jmespath_word first)
{
    uint16_t node;
    switch (first) {
    case WORD_STAR:
        node = current(parser);
        return join(parser, NODE_PROJECT_OF, node,
                    word(parser) == WORD_BRACKET_END ? current(parser)
                                                     : projected(parser, strength[WORD_STAR]));
    case WORD_FILTER:
        return filter(parser, current(parser));
    case WORD_FLATTEN:
        return flatten(parser, current(parser));
    case WORD_BRACE:
        return multi_hash(parser);
    case WORD_PAREN:
        node = expression(parser, 0);
        return node != NODE_NONE && take(parser, WORD_PAREN_END, "\")\"") ? node : NODE_NONE;
    case WORD_NOT:
        return unary(parser, NODE_NOT, strength[WORD_NOT]);
    case WORD_AMPERSAND:
        return unary(parser, NODE_EXPRESSION, 0);
    case WORD_BRACKET:
        if (at_index(parser))
            return indexed(parser, current(parser));
        if (word(parser) == WORD_STAR && parser->ahead[1].word == WORD_BRACKET_END)
            return each(parser, current(parser));
        return multi_list(parser);
    default:
        return current(parser); /* WORD_AT */
    }
}

static uint16_t begin(struct parser *parser)
{
    enum jmespath_word first = word(parser);
    uint16_t node;
    switch (first) {
    case WORD_VALUE:
        return leaf(parser, NODE_VALUE);
    case WORD_NAME:
        return leaf(parser, NODE_FIELD);
    case WORD_QUOTED:
        node = leaf(parser, NODE_FIELD);
        return node != NODE_NONE && word(parser) == WORD_PAREN
                   ? wrong(parser, "no \"(\": a function's name has no quotes")
                   : node;
    case WORD_STAR:
    case WORD_FILTER:
    case WORD_FLATTEN:
    case WORD_BRACE:
    case WORD_PAREN:
    case WORD_NOT:
    case WORD_AMPERSAND:
    case WORD_BRACKET:
    case WORD_AT:
        return advance(parser) < 0 ? NODE_NONE : begun_by(parser, first);
    default:
        return wrong(parser, "an expression");
    }
}

static uint16_t dotted(struct parser *parser, uint16_t left)
{
    if (word(parser) != WORD_STAR)
        return join(parser, NODE_SUB, left, after_dot(parser, strength[WORD_DOT]));
    if (advance(parser) < 0)
        return NODE_NONE;
    return join(parser, NODE_PROJECT_OF, left, projected(parser, strength[WORD_DOT]));
}

static uint16_t operation(struct parser *parser, enum jmespath_word sign, uint16_t left)
{
    enum jmespath_kind kind = sign == WORD_PIPE  ? NODE_PIPE
                              : sign == WORD_OR  ? NODE_OR
                              : sign == WORD_AND ? NODE_AND
                                                 : NODE_COMPARE;
    uint16_t node = join(parser, kind, left, expression(parser, strength[sign]));
    if (node != NODE_NONE)
        parser->out->nodes[node].word = sign;
    return node;
}

/* What goes on from `left` with a word that has been taken. */
static uint16_t go_on(struct parser *parser, enum jmespath_word sign, uint16_t left)
{
    switch (sign) {
    case WORD_DOT:
        return dotted(parser, left);
    case WORD_FILTER:
        return filter(parser, left);
    case WORD_FLATTEN:
        return flatten(parser, left);
    case WORD_BRACKET:
        return at_index(parser) ? indexed(parser, left) : each(parser, left);
    case WORD_PAREN:
        return call(parser, left);
    case WORD_STAR:
    case WORD_NOT:
    case WORD_BRACE:
        return wrong(parser, "an operator before this");
    default:
        return operation(parser, sign, left);
    }
}

static uint16_t expression(struct parser *parser, unsigned bound)
{
    if (++parser->depth > JMESPATH_DEPTH_MAX) {
        (void)error_set(parser->err, ERROR_LIMIT, "JMESPath: nested more than %d deep",
                        JMESPATH_DEPTH_MAX);
        return NODE_NONE;
    }
    uint16_t left = begin(parser);
    while (left != NODE_NONE && bound < strength[word(parser)]) {
        enum jmespath_word sign = word(parser);
        left = advance(parser) < 0 ? NODE_NONE : go_on(parser, sign, left);
    }
    parser->depth--;
    return left;
}

/* --- trees ------------------------------------------------------------------------------------ */

void jmespath_free(struct jmespath *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->count; i++)
        json_decref(tree->nodes[i].value);
    free(tree->nodes);
    free(tree);
}

void jmespath_cleanup(struct jmespath **tree)
{
    jmespath_free(*tree);
}

static int parse(struct parser *parser)
{
    if (jmespath_next(parser->text, &parser->offset, &parser->ahead[0], parser->err) < 0 ||
        jmespath_next(parser->text, &parser->offset, &parser->ahead[1], parser->err) < 0)
        return -1;
    parser->out->root = expression(parser, 0);
    if (parser->out->root == NODE_NONE)
        return -1;
    if (word(parser) != WORD_END) {
        (void)wrong(parser, "the end of the expression");
        return -1;
    }
    return 0;
}

struct jmespath *jmespath_new(struct span text, struct error *err)
{
    if (text.size > JMESPATH_SIZE_MAX) {
        (void)error_set(err, ERROR_LIMIT, "JMESPath: %zu bytes; at most %d are accepted", text.size,
                        JMESPATH_SIZE_MAX);
        return NULL;
    }
    struct jmespath *out = calloc(1, sizeof *out);
    if (!out) {
        (void)error_memory(err);
        return NULL;
    }
    struct parser parser = {.text = text, .out = out, .err = err};
    int result = parse(&parser);
    for (size_t i = 0; i < LOOKAHEAD; i++)
        json_decref(parser.ahead[i].value);
    if (result == 0)
        return out;
    jmespath_free(out);
    return NULL;
}
