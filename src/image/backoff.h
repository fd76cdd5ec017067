/* How long a client waits before it asks again. */
#ifndef CAISSON_IMAGE_BACKOFF_H
#define CAISSON_IMAGE_BACKOFF_H

#include <stdbool.h>

#define BACKOFF_MAX_S 60 /* the longest wait, whatever a server asks for */

/* Sleeps before the try that follows `tries` (from 1) that failed: longer each time, a little
 * random, and at least the seconds that the server asked for (Retry-After), up to BACKOFF_MAX_S.
 * Ends early once `is_stopped` (NULL: never) says so of its argument, which it is asked ten times a
 * second. */
void backoff_wait(unsigned tries, unsigned retry_after, bool (*is_stopped)(const void *arg),
                  const void *arg);

#endif
