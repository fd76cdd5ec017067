#include "rules/jmespath_parts.h"

#include <stdlib.h>

#define ARGUMENTS_MAX 32 /* of a call */

bool jmespath_spend(struct jmespath_search *search, size_t steps)
{
    if (*search->steps < steps) {
        *search->steps = 0;
        (void)error_set(search->err, ERROR_LIMIT, "JMESPath: the search takes too many steps");
        return false;
    }
    *search->steps -= steps;
    return true;
}

bool jmespath_spend_on(struct jmespath_search *search, json_t *value)
{
    if (!jmespath_spend(search, 1 + json_string_length(value) / JMESPATH_TEXT_STEP))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!jmespath_spend_on(search, json_array_get(value, i)))
            return false;
    }
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        if (!jmespath_spend(search, strlen(json_object_iter_key(at)) / JMESPATH_TEXT_STEP) ||
            !jmespath_spend_on(search, json_object_iter_value(at)))
            return false;
    }
    return true;
}

bool jmespath_is_true(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_FALSE:
    case JSON_NULL:
        return false;
    default:
        return true;
    }
}

static json_t *no_memory(struct jmespath_search *search, json_t *unfinished)
{
    json_decref(unfinished);
    (void)error_memory(search->err);
    return NULL;
}

/* --- equality --------------------------------------------------------------------------------- */

static int equal_arrays(struct jmespath_search *search, const json_t *a, const json_t *b)
{
    int result = json_array_size(a) == json_array_size(b);
    for (size_t i = 0; result == 1 && i < json_array_size(a); i++)
        result = jmespath_equal(search, json_array_get(a, i), json_array_get(b, i));
    return result;
}

static int equal_objects(struct jmespath_search *search, const json_t *a, const json_t *b)
{
    int result = json_object_size(a) == json_object_size(b);
    json_t *members = (json_t *)(uintptr_t)a; /* jansson's iterators leave it alone */
    for (void *at = json_object_iter(members); result == 1 && at;
         at = json_object_iter_next(members, at)) {
        const json_t *other = json_object_get(b, json_object_iter_key(at));
        result = other ? jmespath_equal(search, json_object_iter_value(at), other) : 0;
    }
    return result;
}

int jmespath_equal(struct jmespath_search *search, const json_t *a, const json_t *b)
{
    if (!jmespath_spend(search, 1 + json_string_length(a) / JMESPATH_TEXT_STEP))
        return -1;
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_number(a) && json_is_number(b)) {
        double difference = json_number_value(a) - json_number_value(b);
        return !(difference < 0) && !(difference > 0);
    }
    if (json_typeof(a) != json_typeof(b))
        return 0;
    if (json_is_array(a))
        return equal_arrays(search, a, b);
    if (json_is_object(a))
        return equal_objects(search, a, b);
    return json_equal(a, b);
}

static json_t *compare(struct jmespath_search *search, enum jmespath_word sign, const json_t *a,
                       const json_t *b)
{
    if (sign == WORD_EQUAL || sign == WORD_UNEQUAL) {
        int result = jmespath_equal(search, a, b);
        return result < 0 ? NULL : json_boolean(result == (sign == WORD_EQUAL));
    }
    if (!json_is_number(a) || !json_is_number(b))
        return json_null();
    bool whole = json_is_integer(a) && json_is_integer(b);
    bool less = whole ? json_integer_value(a) < json_integer_value(b)
                      : json_number_value(a) < json_number_value(b);
    bool greater = whole ? json_integer_value(a) > json_integer_value(b)
                         : json_number_value(a) > json_number_value(b);
    return json_boolean(sign == WORD_LESS         ? less
                        : sign == WORD_GREATER    ? greater
                        : sign == WORD_LESS_EQUAL ? !greater
                                                  : !less);
}

/* --- projections ------------------------------------------------------------------------------ */

/* Appends what `node` makes of an element, unless that is null. */
static bool project_one(struct jmespath_search *search, uint16_t node, json_t *element, json_t *out)
{
    json_t *result = jmespath_visit(search, node, element);
    if (!result)
        return false;
    if (json_is_null(result))
        json_decref(result);
    else if (json_array_append_new(out, result) < 0)
        return no_memory(search, NULL) != NULL;
    return true;
}

/* -1 with the error set, 0 or 1: whether the filter lets the element through. */
static int passes(struct jmespath_search *search, uint16_t condition, json_t *element)
{
    json_t *result = condition == NODE_NONE ? json_true()
                                            : jmespath_visit(search, condition, element);
    if (!result)
        return -1;
    int passed = jmespath_is_true(result);
    json_decref(result);
    return passed;
}

static json_t *project(struct jmespath_search *search, const struct jmespath_node *node,
                       const json_t *base)
{
    if (!json_is_array(base))
        return json_null();
    json_t *out = json_array();
    for (size_t i = 0; out && i < json_array_size(base); i++) {
        json_t *element = json_array_get(base, i);
        int passed = passes(search, node->third, element);
        if (passed < 0 || (passed && !project_one(search, node->right, element, out))) {
            json_decref(out);
            return NULL;
        }
    }
    return out ? out : no_memory(search, NULL);
}

static json_t *project_values(struct jmespath_search *search, const struct jmespath_node *node,
                              json_t *base)
{
    if (!json_is_object(base))
        return json_null();
    json_t *out = json_array();
    for (void *at = json_object_iter(base); out && at; at = json_object_iter_next(base, at)) {
        if (!project_one(search, node->right, json_object_iter_value(at), out)) {
            json_decref(out);
            return NULL;
        }
    }
    return out ? out : no_memory(search, NULL);
}

static json_t *flatten(struct jmespath_search *search, const json_t *base)
{
    if (!json_is_array(base))
        return json_null();
    json_t *out = json_array();
    for (size_t i = 0; out && i < json_array_size(base); i++) {
        json_t *element = json_array_get(base, i);
        if (!jmespath_spend(search, 1 + json_array_size(element))) {
            json_decref(out);
            return NULL;
        }
        if ((json_is_array(element) ? json_array_extend(out, element)
                                    : json_array_append(out, element)) < 0)
            return no_memory(search, out);
    }
    return out ? out : no_memory(search, NULL);
}

/* --- indexes ---------------------------------------------------------------------------------- */

static json_t *element_at(const json_t *array, int64_t index)
{
    int64_t size = (int64_t)json_array_size(array);
    if (index < 0)
        index += size;
    if (!json_is_array(array) || index < 0 || index >= size)
        return json_null();
    return json_incref(json_array_get(array, (size_t)index));
}

/* A start or stop counted from the end where it is negative, and within what a step can reach. */
static int64_t clamp(int64_t index, int64_t size, int64_t step)
{
    int64_t low = step < 0 ? -1 : 0;
    int64_t high = step < 0 ? size - 1 : size;
    if (index < 0)
        index = index < -size ? low : index + size;
    return index < low ? low : index > high ? high : index;
}

static json_t *slice(struct jmespath_search *search, const struct jmespath_node *node,
                     const json_t *array)
{
    int64_t size = (int64_t)json_array_size(array);
    int64_t step = node->given[2] ? node->numbers[2] : 1;
    if (!json_is_array(array))
        return json_null();
    if (step == 0) {
        (void)error_set(search->err, ERROR_INVALID, "JMESPath: a slice with step 0");
        return NULL;
    }
    int64_t at = node->given[0] ? clamp(node->numbers[0], size, step) : step < 0 ? size - 1 : 0;
    int64_t stop = node->given[1] ? clamp(node->numbers[1], size, step) : step < 0 ? -1 : size;
    json_t *out = jmespath_spend(search, (size_t)size) ? json_array() : NULL;
    while (out && (step > 0 ? at < stop : at > stop)) {
        if (json_array_append(out, json_array_get(array, (size_t)at)) < 0)
            return no_memory(search, out);
        if (__builtin_add_overflow(at, step, &at))
            break;
    }
    return out;
}

/* --- lists ------------------------------------------------------------------------------------ */

static json_t *multi_list(struct jmespath_search *search, const struct jmespath_node *node,
                          json_t *value)
{
    const struct jmespath_node *nodes = search->expression->nodes;
    if (json_is_null(value))
        return json_null();
    json_t *out = json_array();
    for (uint16_t child = node->first; out && child != NODE_NONE; child = nodes[child].next) {
        json_t *element = jmespath_visit(search, child, value);
        if (!element || json_array_append_new(out, element) < 0) {
            json_decref(out);
            return element ? no_memory(search, NULL) : NULL;
        }
    }
    return out ? out : no_memory(search, NULL);
}

static json_t *multi_hash(struct jmespath_search *search, const struct jmespath_node *node,
                          json_t *value)
{
    const struct jmespath_node *nodes = search->expression->nodes;
    if (json_is_null(value))
        return json_null();
    json_t *out = json_object();
    for (uint16_t child = node->first; out && child != NODE_NONE; child = nodes[child].next) {
        size_t size = json_string_length(nodes[child].value);
        json_t *member = jmespath_spend(search, size / JMESPATH_TEXT_STEP)
                             ? jmespath_visit(search, nodes[child].left, value)
                             : NULL;
        if (!member ||
            json_object_set_new(out, json_string_value(nodes[child].value), member) < 0) {
            json_decref(out);
            return member ? no_memory(search, NULL) : NULL;
        }
    }
    return out ? out : no_memory(search, NULL);
}

static json_t *call(struct jmespath_search *search, const struct jmespath_node *node, json_t *value)
{
    const struct jmespath_node *nodes = search->expression->nodes;
    struct jmespath_argument arguments[ARGUMENTS_MAX];
    size_t count = 0;
    json_t *result = NULL;
    bool good = true;
    for (uint16_t child = node->first; good && child != NODE_NONE; child = nodes[child].next) {
        bool is_expression = nodes[child].kind == NODE_EXPRESSION;
        good = count < ARGUMENTS_MAX;
        if (!good) {
            (void)error_set(search->err, ERROR_LIMIT, "JMESPath: more than %d arguments",
                            ARGUMENTS_MAX);
            break;
        }
        arguments[count] = (struct jmespath_argument){
            .value = is_expression ? NULL : jmespath_visit(search, child, value),
            .expression = is_expression ? nodes[child].left : NODE_NONE};
        good = is_expression || arguments[count].value;
        count += good;
    }
    if (good)
        result = jmespath_call(search, json_string_value(node->value), arguments, count);
    for (size_t i = 0; i < count; i++)
        json_decref(arguments[i].value);
    return result;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* The operators that look at their left side first, whose result is borrowed here. */
static json_t *visit_right(struct jmespath_search *search, const struct jmespath_node *node,
                           json_t *left, json_t *value)
{
    json_t *right;
    json_t *result;
    switch (node->kind) {
    case NODE_PROJECT:
    case NODE_FILTER:
        return project(search, node, left);
    case NODE_PROJECT_OF:
        return project_values(search, node, left);
    case NODE_FLATTEN:
        return flatten(search, left);
    case NODE_OR:
        return jmespath_is_true(left) ? json_incref(left)
                                      : jmespath_visit(search, node->right, value);
    case NODE_AND:
        return jmespath_is_true(left) ? jmespath_visit(search, node->right, value)
                                      : json_incref(left);
    case NODE_NOT:
        return json_boolean(!jmespath_is_true(left));
    case NODE_COMPARE:
        right = jmespath_visit(search, node->right, value);
        result = right ? compare(search, node->word, left, right) : NULL;
        json_decref(right);
        return result;
    default: /* NODE_SUB, NODE_PIPE */
        return jmespath_visit(search, node->right, left);
    }
}

static json_t *visit_leaf(struct jmespath_search *search, const struct jmespath_node *node,
                          json_t *value)
{
    json_t *member;
    switch (node->kind) {
    case NODE_CURRENT:
        return json_incref(value);
    case NODE_FIELD:
        member = json_object_get(value, json_string_value(node->value));
        return member ? json_incref(member) : json_null();
    case NODE_VALUE:
        return json_incref(node->value);
    case NODE_INDEX:
        return element_at(value, node->numbers[0]);
    case NODE_SLICE:
        return slice(search, node, value);
    case NODE_LIST:
        return multi_list(search, node, value);
    case NODE_HASH:
        return multi_hash(search, node, value);
    case NODE_CALL:
        return call(search, node, value);
    default: /* NODE_EXPRESSION; a member is visited by its object */
        (void)error_set(search->err, ERROR_INVALID,
                        "JMESPath: \"&\" stands only before an argument of a function");
        return NULL;
    }
}

json_t *jmespath_visit(struct jmespath_search *search, uint16_t index, json_t *value)
{
    const struct jmespath_node *node = &search->expression->nodes[index];
    if (!jmespath_spend(search, 1 + json_string_length(node->value) / JMESPATH_TEXT_STEP))
        return NULL;
    if (node->left == NODE_NONE || node->kind == NODE_EXPRESSION || node->kind == NODE_MEMBER)
        return visit_leaf(search, node, value);
    json_t *left = jmespath_visit(search, node->left, value);
    json_t *result = left ? visit_right(search, node, left, value) : NULL;
    json_decref(left);
    return result;
}

json_t *jmespath_search(const struct jmespath *expression, json_t *document, uint64_t *steps,
                        struct error *err)
{
    struct jmespath_search search = {.expression = expression, .steps = steps, .err = err};
    json_t *result = jmespath_visit(&search, expression->root, document);
    if (!result || jmespath_spend_on(&search, result))
        return result;
    json_decref(result);
    return NULL;
}
