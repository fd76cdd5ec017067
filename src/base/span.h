/*
 * A span is borrowed bytes: a pointer and a size. It owns nothing, and it is how every function of
 * this project takes bytes that it only reads.
 */
#ifndef CAISSON_BASE_SPAN_H
#define CAISSON_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t size; /* bytes */
};

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){.data = data, .size = size};
}

/* The bytes of a C string, without its terminator. */
static inline struct span span_of_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* Not for secrets: use secret_equal(). */
static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_equal_text(struct span a, const char *text)
{
    return span_equal(a, span_of_text(text));
}

/* True when all bytes are zero; an empty span is. */
static inline bool span_is_zero(struct span a)
{
    for (size_t i = 0; i < a.size; i++) {
        if (a.data[i] != 0)
            return false;
    }
    return true;
}

#endif
