/* Where the guest's files are: kernel, initrd, command lines, manifest. */
#ifndef CAISSON_CLI_GUEST_FOLDER_H
#define CAISSON_CLI_GUEST_FOLDER_H

#include "base/error.h"

/* The absolute folder: `given`, else $CAISSON_GUEST, else `guest` beside this program, else
 * ../share/caisson/guest from it. It must hold manifest.json. The caller frees *out.
 * ERROR_UNAVAILABLE. */
int guest_folder_find(const char *given, char **out, struct error *err);

#endif
