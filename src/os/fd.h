/* File descriptors: owned by the variable that holds them, -1 for none, always close-on-exec. */
#ifndef CAISSON_OS_FD_H
#define CAISSON_OS_FD_H

#include <sys/types.h>

#include "base/buf.h"

/* Closes *fd where it is one and sets it to -1; errno stays. */
void fd_close(int *fd);
#define FD_AUTO __attribute__((cleanup(fd_close))) int

/* Gives the descriptor to the caller and leaves -1 behind. */
int fd_take(int *fd);

/* Opens as openat2(2) does, close-on-exec; `resolve` is of RESOLVE_* (linux/openat2.h). Returns the
 * descriptor, or -1 with errno. */
int fd_open_resolved(int dir, const char *path, int flags, unsigned int resolve);

/* Writes all bytes, going on after signals and short writes; for blocking descriptors. */
int fd_write_all(int fd, struct span bytes, struct error *err);
int fd_pwrite_all(int fd, struct span bytes, off_t offset, struct error *err);

/* Reads up to `size` bytes, fewer only at the end of the file; *got says how many. */
int fd_read_full(int fd, void *out, size_t size, size_t *got, struct error *err);
int fd_pread_full(int fd, void *out, size_t size, off_t offset, size_t *got, struct error *err);

/* Appends all that is left to `out`, whose limit bounds it (ERROR_LIMIT). */
int fd_read_to_end(int fd, struct buf *out, struct error *err);

/* Opens /dev/null for each of 0, 1, 2 that is closed: else the next file that is opened would be
 * the standard output. For the beginning of main(). */
int fd_fill_standard(struct error *err);

int fd_set_nonblocking(int fd, struct error *err);

#endif
