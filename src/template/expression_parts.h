/* What the files of the evaluator share; not for others. */
#ifndef CAISSON_TEMPLATE_EXPRESSION_PARTS_H
#define CAISSON_TEMPLATE_EXPRESSION_PARTS_H

#include "base/buf.h"
#include "format/json.h"
#include "template/expression.h"

#define EXPRESSION_ARGUMENTS_MAX 256

enum node_kind { NODE_TEXT, NODE_NUMBER, NODE_CALL, NODE_MEMBER, NODE_INDEX };

struct node {
    enum node_kind kind;
    const char *text; /* the text, the function's or the member's name */
    json_int_t number;
    struct node *base;   /* of a member or an index */
    struct node **items; /* arguments; an index is the first */
    size_t count;
};

/* Parses what stands between the brackets. The tree lives in the arena. NULL with `err`. */
struct node *expression_parse(const char *text, size_t size, struct arena *arena,
                              struct error *err);

/* The arguments of a call, evaluated, and what it makes of them. */
struct call {
    struct expression_scope *scope;
    const char *name; /* as the table has it */
    json_t **items;
    size_t count;
};

struct function {
    const char *name;
    size_t least, most; /* arguments */
    json_t *(*run)(const struct call *call, struct error *err);
};

extern const struct function expression_text_functions[]; /* each ends with an empty one */
extern const struct function expression_value_functions[];
extern const struct function expression_logic_functions[];
extern const struct function expression_deployment_functions[];

/* Typed arguments; each refuses with function and number. */
int call_text(const struct call *call, size_t index, const char **out, struct error *err);
/* Positions are bytes: a text with others than ASCII is refused rather than cut in a character. */
int call_ascii(const struct call *call, size_t index, const char **out, struct error *err);
int call_number(const struct call *call, size_t index, json_int_t *out, struct error *err);
int call_bool(const struct call *call, size_t index, bool *out, struct error *err);
int call_wrong(const struct call *call, size_t index, const char *expected, struct error *err);

/* Values that calls make: kept, and counted against the scope's bytes. */
json_t *call_make(const struct call *call, json_t *value, struct error *err);
json_t *call_make_text(const struct call *call, struct span text, struct error *err);
json_t *call_make_bool(bool value);

/* A number as text, a text as itself; other values as JSON. */
int call_append(const json_t *value, struct buf *out, struct error *err);

#endif
