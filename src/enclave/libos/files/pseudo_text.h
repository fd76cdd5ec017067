/* A text that grows, up to a limit: what files of /proc and /sys say. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_PSEUDO_TEXT_H
#define CAISSON_ENCLAVE_LIBOS_FILES_PSEUDO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define PSEUDO_TEXT_MAX 1048576 /* bytes; what is beyond is an error */

/* All zero is an empty one. */
struct pseudo_text {
    char *bytes;
    size_t size, room;
    bool failed; /* there was no room: the text is not to be used */
};

void pseudo_add(struct pseudo_text *text, const void *bytes, size_t size);

/* As printf(3), of which it knows %s, %c, %d, %lu, %lx, %% and, before lu and lx, a width of one or
 * two digits, with zeros if it begins with one. */
void pseudo_print(struct pseudo_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void pseudo_text_fini(struct pseudo_text *text);

#endif
