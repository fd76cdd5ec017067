/* The caller's terminal: raw while a container's is attached to it, and as it was afterwards. */
#ifndef CAISSON_OS_TERMINAL_H
#define CAISSON_OS_TERMINAL_H

#include "base/error.h"

#include <stdbool.h>

/* Whether the descriptor is a terminal. */
bool terminal_is(int fd);

/* Puts the terminal into raw mode; terminal_restore() (also run at exit) undoes it. */
int terminal_make_raw(int fd, struct error *err);
void terminal_restore(void);

/* False, and 24 × 80, when there is no size to be had. */
bool terminal_size(int fd, unsigned int *rows, unsigned int *columns);

#endif
