/*
 * Where in the text of a JSON document a value lies, so that it can be replaced and all else stays
 * as its author wrote it. The text has been parsed before: what is malformed is found nowhere.
 */
#ifndef CAISSON_TEMPLATE_JSON_PLACE_H
#define CAISSON_TEMPLATE_JSON_PLACE_H

#include "base/span.h"

struct json_place {
    size_t start; /* the value's first byte */
    size_t end;   /* behind its last */
};

/* The document's own value. */
bool json_place_root(struct span text, struct json_place *out);

/* The member of that key, in any case, of the object at `object`. False where it is no object or
 * has no such member. Keys with escapes are not found. */
bool json_place_member(struct span text, struct json_place object, const char *key,
                       struct json_place *out);

/* Element `index` of the array at `array`, or member `index` of an object. */
bool json_place_element(struct span text, struct json_place array, size_t index,
                        struct json_place *out);

#endif
