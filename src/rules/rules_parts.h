/* What the files of the policy language share: words, and the tree of a policy. */
#ifndef CAISSON_RULES_RULES_PARTS_H
#define CAISSON_RULES_RULES_PARTS_H

#include "rules/rules.h"

/* --- words ------------------------------------------------------------------------------------ */

enum rules_word {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_VALUE, /* text, an integer, true or false */
    TOKEN_BRACE,
    TOKEN_BRACE_END,
    TOKEN_BRACKET,
    TOKEN_BRACKET_END,
    TOKEN_PAREN,
    TOKEN_PAREN_END,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_COLON,
    TOKEN_DOT,
    TOKEN_ARROW,
    TOKEN_AND,
    TOKEN_NOT,
    TOKEN_ASSIGN,
    TOKEN_EQUAL,
    TOKEN_UNEQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
};

struct rules_token {
    enum rules_word word;
    struct span text; /* as it stands in the policy */
    json_t *value;    /* of TOKEN_VALUE; owned */
    size_t line, column;
};

/* Where a reader stands. */
struct rules_place {
    struct span text;
    size_t offset;
    size_t line;
    size_t line_start; /* offset */
};

/* Reads the next word, past blanks and comments. */
int rules_next(struct rules_place *place, struct rules_token *out, struct error *err);

/* --- tree ------------------------------------------------------------------------------------- */

enum rules_property {
    PROPERTY_TYPE,
    PROPERTY_VALUE,
    PROPERTY_VALUE_TYPE,
    PROPERTY_ISSUER,
    PROPERTY_COUNT
};

enum rules_kind { EXPRESSION_VALUE, EXPRESSION_PROPERTY, EXPRESSION_CALL };

#define RULES_ARGUMENTS_MAX 2

struct rules_expression {
    enum rules_kind kind;
    json_t *value;                         /* EXPRESSION_VALUE; owned */
    size_t condition;                      /* EXPRESSION_PROPERTY: of the rule, from 0 */
    enum rules_property property;          /* EXPRESSION_PROPERTY */
    size_t function;                       /* EXPRESSION_CALL: index of rules_functions */
    size_t arguments[RULES_ARGUMENTS_MAX]; /* expressions */
};

struct rules_comparison {
    enum rules_property property;
    enum rules_word sign;
    bool is_assignment; /* "=" was written */
    size_t expression;
};

struct rules_condition {
    bool is_negated;
    struct span name;    /* empty: none */
    bool is_used;        /* the name */
    size_t first, count; /* comparisons */
    size_t line;
    struct span text;
};

struct rules_rule {
    enum rules_section section;
    enum rules_action action;
    size_t first, count; /* conditions */
    bool is_claim;       /* claim=name: the condition `claim` */
    size_t claim;
    size_t type, value; /* else: expressions */
    bool has_kind;      /* valueType was given */
    enum claim_kind kind;
    size_t line;
    struct span text;
};

struct rules {
    struct buf text;
    unsigned version;
    bool has_section[RULES_SECTION_COUNT];
    struct rules_rule *rules;
    size_t count;
    struct rules_condition *conditions;
    size_t condition_count;
    struct rules_comparison *comparisons;
    size_t comparison_count;
    struct rules_expression *expressions;
    size_t expression_count;
};

/* --- evaluation ------------------------------------------------------------------------------- */

struct rules_value {
    json_t *json; /* owned */
    bool read_only;
};

struct rules_values {
    struct rules_value *at;
    size_t count;
    size_t capacity;
};

void rules_values_fini(struct rules_values *values);
#define RULES_VALUES_AUTO __attribute__((cleanup(rules_values_fini))) struct rules_values

/* Adds a value, which is borrowed; NULL is ERROR_MEMORY. */
int rules_values_add(struct rules_values *values, json_t *json, bool read_only, struct error *err);

#define RULES_PARSED_MAX 4

/* What an evaluation may still do, and the texts that it read last as JSON: many rules ask the same
 * one. */
struct rules_work {
    uint64_t steps;
    struct rules_parsed {
        json_t *text; /* the very value; owned */
        json_t *value;
    } parsed[RULES_PARSED_MAX];
    size_t next_parsed;
};

void rules_work_fini(struct rules_work *work);

struct rules_function {
    const char *name;
    size_t arguments;
    int (*call)(const struct rules_values *arguments, struct rules_work *work,
                struct rules_values *out, struct error *err);
};

extern const struct rules_function rules_functions[];
extern const size_t rules_function_count;

/* Takes steps; ERROR_LIMIT when too few are left. */
int rules_spend(struct rules_work *work, uint64_t count, struct error *err);

#define RULES_TEXT_STEP 16 /* bytes of text that are read, written or compared in a step */

/* 1 where the values are equal, 0 where they are not, -1 with ERROR_LIMIT. */
int rules_equal(const json_t *a, const json_t *b, struct rules_work *work, struct error *err);

/* The sections' and properties' names in the language. */
const char *rules_section_name(enum rules_section section);
const char *rules_property_name(enum rules_property property);

#endif
