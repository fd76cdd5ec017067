/* A file of vectors, whole. */
#ifndef CAISSON_TESTS_POLICY_WHOLE_H
#define CAISSON_TESTS_POLICY_WHOLE_H

#include <stdio.h>
#include <stdlib.h>

/* Aborts the test where the file can't be read. The caller frees the text, which a zero byte ends.
 */
static inline char *read_whole(const char *path, size_t *size)
{
    const size_t limit = (size_t)8 << 20;
    FILE *file = fopen(path, "rbe");
    char *text = malloc(limit);
    if (!file || !text)
        abort();
    *size = fread(text, 1, limit - 1, file);
    text[*size] = '\0';
    (void)fclose(file);
    return text;
}

#endif
