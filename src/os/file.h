/* Whole files and folders: read with a limit, made, locked. os/output.h writes them. */
#ifndef CAISSON_OS_FILE_H
#define CAISSON_OS_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* Opens for reading, close-on-exec. Returns the descriptor or -1 with the path in `err`
 * (ERROR_NOT_FOUND when there is no such file). */
int file_open_read(const char *path, struct error *err);

/* Appends the file's bytes to `out`, whose limit bounds it. */
int file_read(const char *path, struct buf *out, struct error *err);

/* Makes the folder and its parents, each new one with `mode`; an existing one is left as it is. */
int dir_make_all(const char *path, mode_t mode, struct error *err);

/* Replaces the heap text *path by the absolute path of the same folder, which exists. */
int dir_make_absolute(char **path, struct error *err);

/* Opens (and makes, mode 0600) a lock file and takes its lock (flock). With `wait` false a lock
 * that is held elsewhere gives ERROR_REFUSED. The lock lives as long as the returned descriptor. */
int file_lock(const char *path, bool wait, struct error *err);

/* As file_lock() with `wait`, for a lock that several may hold at once. On a read-only file system
 * the lock file has to be there. */
int file_lock_shared(const char *path, struct error *err);

/* Waits to turn the lock held by `fd` into an exclusive or a shared one. It may be free in between.
 */
int file_lock_convert(int fd, bool exclusive, struct error *err);

#endif
