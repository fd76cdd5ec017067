/*
 * JSON as a tree of values in an arena, for those who trust little code: the guest, and whoever
 * reads policies. Strict (RFC 8259): depth, size and the number of an object's members are limited,
 * duplicate keys, bytes after the value and zero bytes are refused, text is UTF-8, numbers are
 * integers of 64 bits: nothing here needs others.
 *
 * The values and their texts live as long as the arena. What to do with an object's members is for
 * format/fields.h. Where documents are made or changed (on the host), format/json.h is right.
 */
#ifndef CAISSON_FORMAT_VALUE_H
#define CAISSON_FORMAT_VALUE_H

#include "base/arena.h"
#include "base/buf.h"

#define VALUE_MEMBERS_MAX 1024 /* of one object: each key is compared with all before it */

enum value_kind {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_INTEGER,
    VALUE_TEXT,
    VALUE_ARRAY,
    VALUE_OBJECT,
};

struct value {
    const struct value *next; /* in the same array or object; NULL for the last */
    const char *key;          /* of an object's member, else NULL */
    union {
        const char *text; /* without zero bytes */
        int64_t number;
        const struct value *first; /* of an array or object; NULL where it is empty */
    };
    uint32_t count; /* of its elements or members */
    enum value_kind kind;
};

/* A place of a Rego text whose value comes from elsewhere: parameter("NAME"), or
 * parameter("NAME").MEMBER. Until it is filled its value is null. */
struct value_hole {
    struct value_hole *next; /* the one before it in the text */
    struct value *place;
    const char *name;
    const char *member; /* NULL for the whole value */
    unsigned int line;
};

/* What is left to read: well-formed UTF-8 without zero bytes, and one after it. Texts are unescaped
 * where they stand. */
struct value_reader {
    char *at;
    unsigned int line;
    unsigned int depth; /* arrays and objects that may be open at once */
    bool rego;          /* Rego's comments, `raw` texts and commas before a bracket that closes */
    struct value_hole **holes; /* NULL where there may be none */
    struct arena *arena;
};

/* ERROR_INVALID with the line, what is wrong, and what stands there. Returns -1. */
int value_refuse(const struct value_reader *reader, struct error *err, const char *what);

/* Passes over blanks, ends of lines and, in Rego, comments. */
void value_skip_space(struct value_reader *reader);

/* Reads the value that stands here. ERROR_INVALID or ERROR_LIMIT with the line. */
int value_read(struct value_reader *reader, struct value *out, struct error *err);

/* Reads a whole text, which must be an object nested at most `depth` deep. */
int value_read_object(struct span text, unsigned int depth, struct arena *arena, struct value *out,
                      struct error *err);

/* What a value is, for messages: "an object", "a string", "null", …; "nothing" for NULL. */
const char *value_kind(const struct value *value);

/* NULL where the object has no such member, or is none. */
const struct value *value_member(const struct value *object, const char *key);

/* Appends it as JSON, compact, its members in the order in which they came. */
int value_append(const struct value *value, struct buf *out, struct error *err);

#endif
