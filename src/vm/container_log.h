/*
 * What a container has written, kept for `caisson logs`: the CRI log format of Kubernetes, a line
 * each,
 *
 *     2026-06-01T12:00:00.000000000Z stdout F the text
 *
 * where P instead of F says that the line goes on in the next one of the stream. Bytes stay as they
 * are. The log is bounded: past CONTAINER_LOG_MAX bytes the file becomes log.1 and a new one
 * begins.
 */
#ifndef CAISSON_VM_CONTAINER_LOG_H
#define CAISSON_VM_CONTAINER_LOG_H

#include <stdio.h>

#include "base/buf.h"

#define CONTAINER_LOG_MAX (16 * 1024 * 1024) /* bytes a file */

struct container_log;

/* Opens a log in the machine's folder for appending: that of its only container ("log"; `container`
 * NULL), or of one of a group ("log-web"). The caller calls container_log_close(). */
int container_log_open(const char *folder, const char *container, struct container_log **out,
                       struct error *err);
void container_log_close(struct container_log *log);

/* Appends output of stream 1 (stdout) or 2 (stderr). A disk that is full loses log, never output:
 * what could not be written is left out. `log` may be NULL. */
void container_log_write(struct container_log *log, unsigned int stream, struct span bytes);

/* Reads logs: keeps its place, so that it may be called again when more has come. */
struct container_log_reader {
    char *folder;
    char *leaf;
    int fd;             /* -1 before the first file is open */
    struct buf line;    /* the beginning of a line that is not all there */
    const char *prefix; /* written before each line; NULL for none, borrowed */
    bool inside[2];     /* of a line whose rest is still to come, by stream */
};

/* `container` as for container_log_open(). */
int container_log_reader_open(const char *folder, const char *container,
                              struct container_log_reader *reader, struct error *err);
void container_log_reader_close(struct container_log_reader *reader);

/* Writes what there is to `out` and `errors`, as the container wrote it; *more says whether
 * anything was there. */
int container_log_read(struct container_log_reader *reader, FILE *out, FILE *errors, bool *more,
                       struct error *err);

#endif
