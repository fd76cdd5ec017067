/*
 * A file that is written at length and gets its name only when it is whole. Until then it has none
 * where the file system allows it (O_TMPFILE), so that nothing is left behind even by kill -9.
 */
#ifndef CAISSON_OS_OUTPUT_H
#define CAISSON_OS_OUTPUT_H

#include <sys/types.h>

#include "base/error.h"

struct output {
    int fd;          /* open for reading and writing, empty; -1 before and after */
    char *path;      /* what it will be called */
    char *temporary; /* its name meanwhile; NULL while it has none */
};

#define OUTPUT_AUTO __attribute__((cleanup(output_fini))) struct output

/* Opens the file beside `path`. output_fini() is due even after a failure. */
int output_init(struct output *output, const char *path, mode_t mode, struct error *err);

/* Names the file, in the place of what had the name before. It is not synced: a power cut may lose
 * it, so this is for what can be made again and is checked when it is used. */
int output_publish(struct output *output, struct error *err);

/* Closes the file; without output_publish() before, nothing remains of it. */
void output_fini(struct output *output);

#endif
