/* The functions of JMESPath that put values in order: of numbers by size, of text by its bytes,
 * which in UTF-8 is the order of its code points. Equal values stay in the order that they had. */
#include "rules/jmespath_functions.h"

#include <stdlib.h>

/* A value, and what it is ordered by (owned). */
struct entry {
    json_t *value;
    json_t *key;
};

struct entries {
    struct entry *at;
    size_t count;
};

static void entries_fini(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        json_decref(entries->at[i].key);
    free(entries->at);
}

static int order(const json_t *a, const json_t *b)
{
    if (json_is_string(a)) {
        size_t a_size = json_string_length(a);
        size_t b_size = json_string_length(b);
        int result = memcmp(json_string_value(a), json_string_value(b),
                            a_size < b_size ? a_size : b_size);
        return result != 0 ? result : (a_size > b_size) - (a_size < b_size);
    }
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) -
               (json_integer_value(a) < json_integer_value(b));
    return (json_number_value(a) > json_number_value(b)) -
           (json_number_value(a) < json_number_value(b));
}

/* `expression` NODE_NONE: the values themselves are the keys. All keys must be numbers, or all
 * text. */
static bool collect(struct jmespath_search *search, json_t *list, uint16_t expression,
                    struct entries *out)
{
    size_t count = json_array_size(list);
    out->at = calloc(count + 1, sizeof *out->at);
    if (!out->at)
        return jmespath_made(search, NULL) != NULL;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_array_get(list, i);
        json_t *key = expression == NODE_NONE ? json_incref(value)
                                              : jmespath_visit(search, expression, value);
        if (!key)
            return false;
        out->at[out->count++] = (struct entry){value, key};
        const json_t *first = out->at[0].key;
        bool good = json_is_number(first) ? json_is_number(key)
                                          : json_is_string(first) && json_is_string(key);
        if (!good) {
            (void)error_set(search->err, ERROR_INVALID,
                            "JMESPath: %s can't be ordered: numbers alone or text alone can",
                            json_kind(key));
            return false;
        }
    }
    return true;
}

static size_t text_steps(const json_t *key)
{
    return json_string_length(key) / JMESPATH_TEXT_STEP;
}

/* Merges two ordered runs that lie side by side. */
static bool merge(struct jmespath_search *search, struct entry *from, size_t middle, size_t count,
                  struct entry *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        bool both = left < middle && right < count;
        if (!jmespath_spend(search, 1 + (both ? text_steps(from[left].key) : 0)))
            return false;
        bool take_left = both ? order(from[left].key, from[right].key) <= 0 : left < middle;
        to[i] = take_left ? from[left++] : from[right++];
    }
    return true;
}

static bool merge_sort(struct jmespath_search *search, struct entries *entries)
{
    struct entry *other = calloc(entries->count + 1, sizeof *other);
    bool good = true;
    if (!other)
        return jmespath_made(search, NULL) != NULL;
    for (size_t width = 1; good && width < entries->count; width *= 2) {
        for (size_t at = 0; good && at < entries->count; at += 2 * width) {
            size_t count = entries->count - at < 2 * width ? entries->count - at : 2 * width;
            good = merge(search, entries->at + at, width < count ? width : count, count,
                         other + at);
        }
        if (good)
            memcpy(entries->at, other, entries->count * sizeof *other);
    }
    free(other);
    return good;
}

static json_t *sorted(struct jmespath_search *search, json_t *list, uint16_t expression)
{
    struct entries entries = {0};
    json_t *out = NULL;
    if (collect(search, list, expression, &entries) && merge_sort(search, &entries)) {
        out = json_array();
        for (size_t i = 0; out && i < entries.count; i++) {
            if (json_array_append(out, entries.at[i].value) < 0) {
                json_decref(out);
                out = NULL;
            }
        }
        out = jmespath_made(search, out);
    }
    entries_fini(&entries);
    return out;
}

/* The first of the largest (sign 1) or smallest (-1); null of an empty list. */
static json_t *extreme(struct jmespath_search *search, json_t *list, uint16_t expression, int sign)
{
    struct entries entries = {0};
    json_t *out = NULL;
    bool good = collect(search, list, expression, &entries);
    const struct entry *best = entries.at;
    for (size_t i = 1; good && i < entries.count; i++) {
        good = jmespath_spend(search, 1 + text_steps(entries.at[i].key));
        if (good && sign * order(entries.at[i].key, best->key) > 0)
            best = &entries.at[i];
    }
    if (good)
        out = entries.count > 0 ? json_incref(best->value) : json_null();
    entries_fini(&entries);
    return out;
}

json_t *jmespath_sort(struct jmespath_search *search, const struct jmespath_argument *arguments,
                      size_t count)
{
    (void)count;
    return sorted(search, arguments[0].value, NODE_NONE);
}

json_t *jmespath_sort_by(struct jmespath_search *search, const struct jmespath_argument *arguments,
                         size_t count)
{
    (void)count;
    return sorted(search, arguments[0].value, arguments[1].expression);
}

json_t *jmespath_max(struct jmespath_search *search, const struct jmespath_argument *arguments,
                     size_t count)
{
    (void)count;
    return extreme(search, arguments[0].value, NODE_NONE, 1);
}

json_t *jmespath_max_by(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    (void)count;
    return extreme(search, arguments[0].value, arguments[1].expression, 1);
}

json_t *jmespath_min(struct jmespath_search *search, const struct jmespath_argument *arguments,
                     size_t count)
{
    (void)count;
    return extreme(search, arguments[0].value, NODE_NONE, -1);
}

json_t *jmespath_min_by(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    (void)count;
    return extreme(search, arguments[0].value, arguments[1].expression, -1);
}
