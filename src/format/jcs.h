/*
 * The JSON Canonicalization Scheme (RFC 8785): one text for one value, so that two sides hash the
 * same bytes. Members stand in the order of their names' UTF-16 units, numbers as ECMAScript writes
 * them, text with the fewest escapes, and no white space anywhere.
 */
#ifndef CAISSON_FORMAT_JCS_H
#define CAISSON_FORMAT_JCS_H

#include <jansson.h>

#include "base/buf.h"

/* The largest integer that every reader of JSON takes for itself (RFC 7493, section 2.2). */
#define JCS_INTEGER_MAX INT64_C(9007199254740991)

/* Appends the value's canonical text; on failure `out` is as before. ERROR_INVALID for an integer
 * beyond ±JCS_INTEGER_MAX, of which readers would make different numbers; ERROR_LIMIT for more than
 * JSON_DEPTH_MAX levels, and where `out` is full. */
int jcs_append(const json_t *value, struct buf *out, struct error *err);

#endif
