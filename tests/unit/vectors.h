/*
 * Vectors of others that are not part of this tree: where they are absent a test skips and says so.
 * They lie in $CAISSON_VECTORS, else in ../shared/vectors beside the source tree.
 */
#ifndef CAISSON_TESTS_VECTORS_H
#define CAISSON_TESTS_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define VECTORS_PATH_MAX 4096

static inline const char *vectors_path(const char *name)
{
    static char path[VECTORS_PATH_MAX];
    const char *dir = getenv("CAISSON_VECTORS");
    (void)snprintf(path, sizeof path, "%s/%s", dir ? dir : CAISSON_SOURCE_ROOT "/../shared/vectors",
                   name);
    return path;
}

/* Skips the running test, with the reason, when this file or folder is absent. */
#define vectors_need(name)                                                                         \
    do {                                                                                           \
        if (access(vectors_path(name), R_OK) != 0)                                                 \
            check_skip("no %s (set CAISSON_VECTORS to have it tested)", vectors_path(name));       \
    } while (0)

/* Appends the file's bytes; fails the test when it can't. */
static inline void vectors_read(const char *name, struct buf *out)
{
    FILE *file = fopen(vectors_path(name), "rbe");
    assert_non_null(file);
    uint8_t bytes[65536];
    size_t got;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0)
        assert_int_equal(buf_append(out, span_of(bytes, got), NULL), 0);
    (void)fclose(file);
}

#endif
