/*
 * The members of a JSON object, read into a struct by a table: what each is called, how it is read,
 * and where it goes. Every key must be one of the table, and every field that is not optional must
 * be there; each is of its own type, null included. Errors name the key.
 */
#ifndef CAISSON_FORMAT_FIELDS_H
#define CAISSON_FORMAT_FIELDS_H

#include "format/value.h"

struct decoder {
    struct arena *arena; /* of rows and lists */
    unsigned int version;
    void *context; /* of the callers' own readers */
    size_t index;  /* of the row that is being read */
    struct error *err;
};

struct field;

/* Reads a member into the struct `out`, at the field's offset. Returns 0, or -1 with the error. */
typedef int field_reader(struct decoder *decoder, const struct value *value,
                         const struct field *field, void *out);

/* Reads one row of an array into its own struct, which is zero before. */
typedef int row_reader(struct decoder *decoder, const struct value *value, void *row);

struct field {
    const char *key; /* NULL ends a table */
    field_reader *read;
    size_t offset;
    bool optional;
    unsigned int since; /* the first version that has it: in older documents it is passed over */
    uint64_t min, max;  /* bounds of a number; of rows and lists how many, 0 for any */
    /* field_rows: how a row is read, its size, and where their number goes (a size_t). */
    row_reader *row;
    size_t size;
    size_t count;
};

/* The middle of a field_rows: where the rows and their number go, how each is read, and into what.
 */
#define FIELD_ROWS(type, rows, number, reader, row_type)                                           \
    .offset = offsetof(type, rows), .count = offsetof(type, number), .row = (reader),              \
    .size = sizeof(row_type)

int fields_read(struct decoder *decoder, const struct value *object, const struct field *fields,
                void *out);

field_reader field_text; /* const char * */
field_reader field_bool; /* bool */
field_reader field_u64;  /* uint64_t */
field_reader field_uint; /* unsigned int */
field_reader field_rows; /* a pointer to the rows, which lie in the arena */

/* Refuses a value that is not what was expected: "key "x": expected a string, found null". */
int field_refuse(struct decoder *decoder, const struct value *value, const char *expected);

/* Where a field's value goes. */
static inline void *field_at(const struct field *field, void *out)
{
    return (char *)out + field->offset;
}

#endif
