#ifndef CAISSON_CLI_PROGRAM_FOLDER_H
#define CAISSON_CLI_PROGRAM_FOLDER_H

#include <limits.h>

#include "base/error.h"

/* The folder in which this program lies: what belongs to it is beside it, or below
 * ../share/caisson. */
int program_folder_find(char out[PATH_MAX], struct error *err);

#endif
