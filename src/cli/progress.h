/*
 * Progress on standard error: on a terminal one line with a bar that is drawn anew ten times a
 * second at most, and a line for good when a step is done; elsewhere the latter lines only.
 */
#ifndef CAISSON_CLI_PROGRESS_H
#define CAISSON_CLI_PROGRESS_H

#include "image/image.h"

#include <stdio.h>

struct progress {
    FILE *out;        /* NULL: say nothing */
    bool live;        /* a terminal */
    bool drawn;       /* an unfinished line stands there */
    uint64_t next_ms; /* when to draw again */
    uint64_t start_ms;
    char label[80]; /* of the step under way */
};

/* `quiet`: say nothing at all. */
void progress_init(struct progress *progress, bool quiet);

/* `done` of `total` units of the step `label`; bytes when `bytes`. total may be 0: not known. */
void progress_show(struct progress *progress, const char *label, uint64_t done, uint64_t total,
                   bool bytes);

/* Ends the step with a line of its own: "label  note". */
void progress_done(struct progress *progress, const char *label, const char *note);

/* Takes an unfinished line away, before something else is written. */
void progress_clear(struct progress *progress);

/* Pulls and conversions, told as above. */
struct image_observer progress_observer(struct progress *progress);

/* "12.3 MB", in powers of ten. */
void progress_bytes(uint64_t bytes, char out[16]);

#endif
