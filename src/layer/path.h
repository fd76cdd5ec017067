/* Paths as a layer's entries name them, made plain. */
#ifndef CAISSON_LAYER_PATH_H
#define CAISSON_LAYER_PATH_H

#include "base/buf.h"

#define PATH_LIMIT ((size_t)4 << 20) /* bytes: three header fields of 1 MiB may be joined */

/* Writes the plain form of "/" + path to `out`: components with one slash between them, none at the
 * ends, no "." and no ".."; what climbs above the root stays at the root, whose form is empty. */
int path_clean(struct span path, struct buf *out, struct error *err);

/* Splits off the first component of a plain path. */
struct span path_take(struct span *rest);

/* Where the last component begins: after the last slash. */
size_t path_leaf(struct span path);

#define PATH_PRINT_SIZE 200

/* The path for a message: what could confuse a terminal becomes '?', a long one is cut. */
const char *path_print(struct span path, char out[PATH_PRINT_SIZE]);

#endif
