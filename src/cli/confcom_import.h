/* `caisson confcom acifragmentgen --generate-import`. */
#ifndef CAISSON_CLI_CONFCOM_IMPORT_H
#define CAISSON_CLI_CONFCOM_IMPORT_H

#include "cli/args.h"

/* Prints the row by which a policy takes the fragment of --fragment-path, or puts it at the end of
 * those of --fragments-json, which need not be there yet. Gives the exit status, or -1 with `err`.
 */
int confcom_import(const struct args *args, struct error *err);

#endif
