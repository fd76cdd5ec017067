/*
 * Progress on standard error. On a terminal: a line with a bar for each step that is under way,
 * drawn anew ten times a second at most, and above them a line for good for each step that is done.
 * Elsewhere the latter lines only.
 *
 * A label is "what: doing"; the part before the colon tells one step from another.
 */
#ifndef CAISSON_CLI_PROGRESS_H
#define CAISSON_CLI_PROGRESS_H

#include "image/image.h"

#include <stdio.h>

#define PROGRESS_STEPS_MAX 8 /* at once; what is more is not shown before it is done */

struct progress_step {
    char label[80];
    uint64_t done, total;
    bool bytes;
    uint64_t start_ms, start_done; /* when it began, and with how much */
};

struct progress {
    FILE *out;                                      /* NULL: say nothing */
    bool live;                                      /* a terminal */
    size_t drawn;                                   /* lines of unfinished steps that stand there */
    uint64_t next_ms;                               /* when to draw again */
    struct progress_step steps[PROGRESS_STEPS_MAX]; /* the oldest first */
    size_t count;
};

/* `quiet`: say nothing at all. */
void progress_init(struct progress *progress, bool quiet);

/* `done` of `total` units of the step `label`; bytes when `bytes`. total may be 0: not known. */
void progress_show(struct progress *progress, const char *label, uint64_t done, uint64_t total,
                   bool bytes);

/* Ends the step with a line of its own: "label  note". */
void progress_done(struct progress *progress, const char *label, const char *note);

/* Takes unfinished lines away, before something else is written. */
void progress_clear(struct progress *progress);

/* Pulls and conversions, told as above. */
struct image_observer progress_observer(struct progress *progress);

/* "12.3 MB", in powers of ten. */
void progress_bytes(uint64_t bytes, char out[16]);

#endif
