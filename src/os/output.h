/*
 * The one way in which a file gets its name: when it is whole. Until then it has none where the
 * file system allows it (O_TMPFILE), so that nothing is left behind even by kill -9. What is to be
 * found and gone on with after a kill is written under a name of its own, and ends with
 * output_rename().
 */
#ifndef CAISSON_OS_OUTPUT_H
#define CAISSON_OS_OUTPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/span.h"

struct output {
    int fd;          /* open for reading and writing, empty; -1 before and after */
    char *path;      /* what it will be called */
    char *temporary; /* its name meanwhile; NULL while it has none */
};

#define OUTPUT_AUTO __attribute__((cleanup(output_fini))) struct output

/* Opens the file beside `path`. A name that anything but a regular file has is refused: a device or
 * a symbolic link would be replaced. output_fini() is due even after a failure. */
int output_init(struct output *output, const char *path, mode_t mode, struct error *err);

/* Names the file, in the place of what had the name before. `lasting`: it is synced first, so that
 * whoever finds the name finds the file whole, after a power cut too. Without, it is for what can
 * be made again and is checked when it is used. */
int output_publish(struct output *output, bool lasting, struct error *err);

/* Closes the file; without output_publish() before, nothing remains of it. */
void output_fini(struct output *output);

/* The same, lasting, for a file `fd` that has the name `from`. */
int output_rename(int fd, const char *from, const char *to, struct error *err);

/* All of it at once: `path` is replaced by these bytes, lasting, with exactly this mode. */
int output_write(const char *path, struct span bytes, mode_t mode, struct error *err);

/* The same, but not lasting: after a power cut the file may be empty. */
int output_write_passing(const char *path, struct span bytes, mode_t mode, struct error *err);

#endif
