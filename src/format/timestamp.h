/* Points in time as text, RFC 3339 in UTC: "2026-06-01T00:00:00Z". No clock here. */
#ifndef CAISSON_FORMAT_TIMESTAMP_H
#define CAISSON_FORMAT_TIMESTAMP_H

#include "base/span.h"

#define TIMESTAMP_SIZE 21 /* with its terminator */

/* Writes seconds since 1970; "?" for a time outside the years 1 to 9999. */
void timestamp_write(int64_t seconds, char out[TIMESTAMP_SIZE]);

/* Reads exactly the form above: 'T' and 'Z' in upper case, no fraction, no leap second. */
bool timestamp_read(const char *text, int64_t *seconds);

#endif
