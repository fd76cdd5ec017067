/* What the files of jmespath share: words, the tree of an expression, a search under way. */
#ifndef CAISSON_RULES_JMESPATH_PARTS_H
#define CAISSON_RULES_JMESPATH_PARTS_H

#include "base/buf.h"
#include "rules/jmespath.h"

/* --- words ------------------------------------------------------------------------------------ */

enum jmespath_word {
    WORD_END,
    WORD_NAME,   /* foo */
    WORD_QUOTED, /* "foo" */
    WORD_NUMBER, /* -1 */
    WORD_VALUE,  /* `…` or '…' */
    WORD_DOT,
    WORD_STAR,
    WORD_COMMA,
    WORD_COLON,
    WORD_AT,
    WORD_AND,
    WORD_AMPERSAND,
    WORD_OR,
    WORD_PIPE,
    WORD_NOT,
    WORD_EQUAL,
    WORD_UNEQUAL,
    WORD_LESS,
    WORD_LESS_EQUAL,
    WORD_GREATER,
    WORD_GREATER_EQUAL,
    WORD_FILTER,  /* [? */
    WORD_FLATTEN, /* [] */
    WORD_BRACKET,
    WORD_BRACKET_END,
    WORD_PAREN,
    WORD_PAREN_END,
    WORD_BRACE,
    WORD_BRACE_END,
    WORD_COUNT,
};

struct jmespath_token {
    enum jmespath_word word;
    size_t offset;  /* bytes from the start of the expression */
    json_t *value;  /* of a name, quoted or not (a string), and of a value; owned */
    int64_t number; /* of WORD_NUMBER */
};

/* Reads the word at *offset, past blanks, and advances it. */
int jmespath_next(struct span text, size_t *offset, struct jmespath_token *out, struct error *err);

/* --- tree ------------------------------------------------------------------------------------- */

enum jmespath_kind {
    NODE_CURRENT,
    NODE_FIELD,      /* value: the name */
    NODE_VALUE,      /* value */
    NODE_INDEX,      /* numbers[0] */
    NODE_SLICE,      /* numbers, as far as given */
    NODE_SUB,        /* left, then right of its result */
    NODE_PIPE,       /* the same; ends a projection */
    NODE_PROJECT,    /* right of each element of left */
    NODE_PROJECT_OF, /* right of each value of the object left */
    NODE_FILTER,     /* right of each element of left for which third is true */
    NODE_FLATTEN,    /* left */
    NODE_OR,
    NODE_AND,
    NODE_NOT,
    NODE_COMPARE,    /* word */
    NODE_LIST,       /* children */
    NODE_HASH,       /* children, each NODE_MEMBER */
    NODE_MEMBER,     /* value: the key; left */
    NODE_CALL,       /* value: the name; children */
    NODE_EXPRESSION, /* &left */
};

#define NODE_NONE UINT16_MAX
_Static_assert(JMESPATH_NODES_MAX < NODE_NONE, "a node's index has 16 bits");

struct jmespath_node {
    enum jmespath_kind kind;
    enum jmespath_word word;
    uint16_t left, right, third;
    uint16_t first, next; /* children, and the sibling that follows */
    bool given[3];
    int64_t numbers[3];
    json_t *value;
};

struct jmespath {
    struct jmespath_node *nodes;
    size_t count;
    uint16_t root;
};

/* --- a search --------------------------------------------------------------------------------- */

struct jmespath_search {
    const struct jmespath *expression;
    uint64_t *steps;
    struct error *err;
};

/* An argument of a function: a value, or an expression (value NULL). Owned by the caller. */
struct jmespath_argument {
    json_t *value;
    uint16_t expression;
};

/* Takes steps; false, with the error set, when too few are left. */
bool jmespath_spend(struct jmespath_search *search, size_t steps);
#define JMESPATH_TEXT_STEP 16 /* bytes */

/* Takes what writing a value costs. Values are shared: one that is small in memory can be long. */
bool jmespath_spend_on(struct jmespath_search *search, json_t *value);

/* Both: NULL with the error set; else the result is the caller's. `value` is borrowed. */
json_t *jmespath_visit(struct jmespath_search *search, uint16_t node, json_t *value);
json_t *jmespath_call(struct jmespath_search *search, const char *name,
                      const struct jmespath_argument *arguments, size_t count);

/* -1 (with the error set), 0 or 1. Numbers are compared as such, 1 and 1.0 are equal. */
int jmespath_equal(struct jmespath_search *search, const json_t *a, const json_t *b);

/* False for false, null, "", [] and {}. */
bool jmespath_is_true(const json_t *value);

#endif
