/* What the files of JMESPath's functions share. Each function gets as many arguments, and such, as
 * the table in jmespath_functions.c says; they are borrowed. */
#ifndef CAISSON_RULES_JMESPATH_FUNCTIONS_H
#define CAISSON_RULES_JMESPATH_FUNCTIONS_H

#include "rules/jmespath_parts.h"

typedef json_t *jmespath_function(struct jmespath_search *search,
                                  const struct jmespath_argument *arguments, size_t count);

/* Sets ERROR_INVALID, naming the function. Returns NULL. */
json_t *jmespath_fail(struct jmespath_search *search, const char *function, const char *problem);

/* Sets ERROR_MEMORY where `value` is NULL, and returns it. */
json_t *jmespath_made(struct jmespath_search *search, json_t *value);

/* jmespath_texts.c */
jmespath_function jmespath_contains, jmespath_ends_with, jmespath_equals_ignore_case, jmespath_join,
    jmespath_length, jmespath_reverse, jmespath_starts_with, jmespath_to_number, jmespath_to_string;

/* jmespath_order.c */
jmespath_function jmespath_max, jmespath_max_by, jmespath_min, jmespath_min_by, jmespath_sort,
    jmespath_sort_by;

#endif
