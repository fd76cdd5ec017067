/*
 * JSON from outside, strictly (RFC 8259 by jansson): size and depth are limited before anything is
 * built, duplicate keys and bytes after the value are refused, text is UTF-8 without zero bytes.
 *
 * Members are read with typed getters. json_get_*() wants the member; json_find_*() lets it be
 * absent. Either refuses another type, null included, with the key, what was expected and what is
 * there. What a getter returns is borrowed from the object and lives as long as it does.
 *
 * jansson's own names start with json_ too; a function of jansson may be used wherever it fits.
 * Hold a document in jansson's `json_auto_t *`.
 */
#ifndef CAISSON_FORMAT_JSON_H
#define CAISSON_FORMAT_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "format/json_string.h"

#define JSON_DEPTH_MAX 64 /* the deepest that any caller may ask for */

struct json_limits {
    size_t size;  /* bytes of text */
    size_t depth; /* nested arrays and objects, at most JSON_DEPTH_MAX; `{}` has depth 1 */
};

/* Parses one object or array. The result is the caller's (json_decref, json_auto_t); NULL with
 * ERROR_LIMIT for too large or too deep a text, ERROR_INVALID with line and column for all else. */
json_t *json_parse(struct span text, const struct json_limits *limits, struct error *err);

/* As json_parse(), and refuses anything but an object. */
json_t *json_parse_object(struct span text, const struct json_limits *limits, struct error *err);

/* What a value is, for messages: "an object", "a string", "null", … ; "nothing" for NULL. */
const char *json_kind(const json_t *value);

/* Refuses (ERROR_INVALID, naming it) any key that is not in the NULL-terminated list. */
int json_check_keys(const json_t *object, const char *const known[], struct error *err);

/* Text without zero bytes. */
int json_get_text(const json_t *object, const char *key, const char **out, struct error *err);
int json_get_bool(const json_t *object, const char *key, bool *out, struct error *err);
/* An integer from 0 to `max`, which may not exceed 2^63-1. */
int json_get_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                 struct error *err);
int json_get_i64(const json_t *object, const char *key, int64_t *out, struct error *err);
int json_get_array(const json_t *object, const char *key, json_t **out, struct error *err);
int json_get_object(const json_t *object, const char *key, json_t **out, struct error *err);

/* As above; where the member is absent *out becomes NULL, or keeps what it holds for numbers and
 * booleans. */
int json_find_text(const json_t *object, const char *key, const char **out, struct error *err);
int json_find_bool(const json_t *object, const char *key, bool *out, struct error *err);
int json_find_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out,
                  struct error *err);
int json_find_array(const json_t *object, const char *key, json_t **out, struct error *err);
int json_find_object(const json_t *object, const char *key, json_t **out, struct error *err);

/* A member's text in memory of its own, which the caller frees; *out keeps what it holds where the
 * member is absent. ERROR_INVALID for a text that is empty. */
int json_copy_text(const json_t *object, const char *key, char **out, struct error *err);

/* Element `index` of an array of strings; `name` is what the array is called in messages. */
int json_text_at(const json_t *array, size_t index, const char *name, const char **out,
                 struct error *err);

/* Appends the value as JSON text, compact, keys in the order of the object. */
int json_append(const json_t *value, struct buf *out, struct error *err);

/* As json_append(), indented by two blanks and with a newline at the end, for people. */
int json_append_pretty(const json_t *value, struct buf *out, struct error *err);

#endif
