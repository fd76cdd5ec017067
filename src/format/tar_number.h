/*
 * Numbers and times as tar archives write them. Acceptance follows Go's archive/tar, which is what
 * the reference converter reads with: a field that it refuses is refused here, and the reverse.
 */
#ifndef CAISSON_FORMAT_TAR_NUMBER_H
#define CAISSON_FORMAT_TAR_NUMBER_H

#include "base/span.h"

struct tar_time {
    bool set;
    int64_t sec;  /* since 1970, before it negative */
    int32_t nsec; /* 0..999,999,999, counted forward from sec */
};

/* Octal digits with blanks or zero bytes around them; an empty field is 0. */
bool tar_parse_octal(struct span field, int64_t *out);

/* Octal, or base-256 when the first bit is set: big endian two's complement, GNU and star. */
bool tar_parse_numeric(struct span field, int64_t *out);

/* A decimal number with an optional sign, as PAX records carry it; must fit 64 bits. */
bool tar_parse_decimal(struct span text, int64_t *out);

/* "seconds" or "seconds.fraction"; digits beyond nanoseconds are checked and dropped. */
bool tar_parse_time(struct span text, struct tar_time *out);

#endif
