/*
 * A folder that is one user's alone (mode 0700), with files that are made once and then only read:
 * the keys of simulated processors. Files are written whole or not at all, mode 0600.
 *
 * Theory of operation: of the files one is written last. Where it is, all are there; a maker that
 * was killed midway leaves it out, and the next one makes all of them anew. The folder's lock,
 * "lock", held from the first look until the last file is there, makes those who come at the same
 * time wait for the one who makes them.
 */
#ifndef CAISSON_OS_PRIVATE_DIR_H
#define CAISSON_OS_PRIVATE_DIR_H

#include "base/buf.h"

/* Makes the folder and its parents where they are not there. ERROR_INVALID, with the mode, unless
 * it is a folder of this user's that nobody else can open. */
int private_dir_prepare(const char *dir, struct error *err);

/* Writes all files of the folder, the last one last. */
typedef int private_dir_make_fn(const char *dir, struct error *err);

/* Calls `make` unless the file `last` is there already; one caller at a time, whatever the process.
 */
int private_dir_make_once(const char *dir, const char *last, private_dir_make_fn *make,
                          struct error *err);

int private_dir_write(const char *dir, const char *name, struct span bytes, struct error *err);

/* Appends the file's bytes to `out`, whose limit bounds it. */
int private_dir_read(const char *dir, const char *name, struct buf *out, struct error *err);

/* The same for a key. ERROR_INVALID, with the mode, for what is no file or can be opened by others.
 * The caller wipes `out` (buf_fini_secret). */
int private_dir_read_key(const char *dir, const char *name, struct buf *out, struct error *err);

#endif
