/* Where a value of a YAML text stands: of use to yaml_put.c alone. */
#ifndef CAISSON_FORMAT_YAML_PLACE_H
#define CAISSON_FORMAT_YAML_PLACE_H

#include "format/yaml_put.h"

#define YAML_PLACE_REFUSAL                                                                         \
    "it cannot be put here without changing something else (aliases, merges, or an unusual "       \
    "layout): put it there by hand"

/* A place in the text, in bytes, and its column, in characters. */
struct yaml_place_mark {
    size_t at;
    size_t column;
};

/* The value that the way leads to, or the last one on it that is there. */
struct yaml_place {
    size_t depth; /* steps that were taken */
    size_t line;  /* from 1 */
    bool is_mapping, is_flow, is_scalar, is_block_text;
    struct yaml_place_mark start, end;  /* `end` of a scalar */
    bool has_key;                       /* it is a member's value */
    struct yaml_place_mark key_end;     /* of that member's key */
    struct yaml_place_mark children[2]; /* a mapping's first two keys */
    size_t child_count;
};

/* Follows the way as far as it goes. The text was read by yaml_read() before, which limits it.
 * ERROR_REFUSED where there is no such document. */
int yaml_place_find(struct span text, const struct yaml_way *way, struct yaml_place *out,
                    struct error *err);

#endif
