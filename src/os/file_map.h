#ifndef CAISSON_OS_FILE_MAP_H
#define CAISSON_OS_FILE_MAP_H

#include "base/error.h"
#include "base/span.h"

/* Maps the whole file for reading; munmap(2) gives it back, unless it is empty. Who else may write
 * to it or cut it short changes what is seen, and the latter ends this process. */
int file_map(int fd, struct span *out, struct error *err);

#endif
