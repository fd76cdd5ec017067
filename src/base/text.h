/* Small helpers for C strings from outside: strict numbers, UTF-8, allocation. */
#ifndef CAISSON_BASE_TEXT_H
#define CAISSON_BASE_TEXT_H

#include "base/error.h"
#include "base/span.h"

/* A decimal number without sign, blanks or leading zeros, at most `max`. *out is set on success. */
bool text_to_u64(const char *text, uint64_t max, uint64_t *out);

/* True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above 10FFFF. */
bool text_is_utf8(struct span bytes);

/* Makes one line of well-formed UTF-8 of it, in place and in the same length: control characters
 * become blanks, what is malformed becomes question marks. */
void text_make_printable(char *text);

bool text_starts_with(const char *text, const char *prefix);

/* Of names that end with NULL the place of the one that is "NAME" or stands before '=' in
 * "NAME=value"; that of the NULL where there is none. */
size_t text_find_name(const char *const *names, const char *text);
bool text_ends_with(const char *text, const char *suffix);

/* printf into a new allocation, which the caller frees; NULL when memory ran out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Copies bytes into a new C string, which the caller frees; NULL when memory ran out, or when the
 * bytes hold a zero byte. */
char *text_dup_span(struct span bytes);

/* Copies `text` with its terminator into out[size]; false, and an empty `out`, when it does not
 * fit. */
bool text_copy(char *out, size_t size, const char *text);

/* Cleanup attribute for a heap string: TEXT_AUTO name = …; */
void text_free(char **text);
#define TEXT_AUTO __attribute__((cleanup(text_free))) char *

#endif
