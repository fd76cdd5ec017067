/* A file on its way to its name, with one writer at a time; see store.h for the theory. */
#ifndef CAISSON_IMAGE_PARTIAL_H
#define CAISSON_IMAGE_PARTIAL_H

#include "base/error.h"

/* Opens (and makes) `path` and waits for its lock. The descriptor's file is the one that has the
 * name now: a writer that was waited for may have renamed or removed it. -1 on error. */
int partial_open(const char *path, struct error *err);

#endif
