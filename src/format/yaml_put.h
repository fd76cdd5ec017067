/*
 * Puts one text into a YAML document and leaves every other byte of the file as it is: comments,
 * order, anchors, line ends. What has no such place is refused, so that nothing else comes to mean
 * something else. Host programs only.
 */
#ifndef CAISSON_FORMAT_YAML_PUT_H
#define CAISSON_FORMAT_YAML_PUT_H

#include "format/yaml.h"

/* One step from a value to one in it: a member's key, or, where `key` is NULL, an element. */
struct yaml_step {
    const char *key;
    size_t index;
};

/* Where the text goes. Mappings that are missing at the end of the way are made; elements are not.
 */
struct yaml_way {
    size_t document; /* as yaml_read() counts them: empty ones do not count */
    const struct yaml_step *steps;
    size_t count; /* at least 1; the last step is a key */
};

/*
 * Appends `text` with `value` at the end of the way to `out`. What is there already is replaced,
 * where it is a scalar.
 *
 * A missing member comes behind the line of its mapping's key, or, in {…}, behind the brace. The
 * result is read again, and must be what was read before with this one value set; ERROR_REFUSED
 * otherwise (an anchor whose aliases would change too, a merge, a layout that is not foreseen),
 * with the line. ERROR_INVALID and ERROR_LIMIT as yaml_read(), whose limits are the text's before.
 */
int yaml_put(struct span text, const struct yaml_limits *limits, const struct yaml_way *way,
             const char *value, struct buf *out, struct error *err);

#endif
