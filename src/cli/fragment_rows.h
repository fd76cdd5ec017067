/* A fragment's text as tools read it: with the parameters that a policy's row would give it. */
#ifndef CAISSON_CLI_FRAGMENT_ROWS_H
#define CAISSON_CLI_FRAGMENT_ROWS_H

#include "base/buf.h"
#include "policy/policy.h"

#define FRAGMENT_PARAMETERS_OPTION                                                                 \
    {                                                                                              \
        .name = "parameters", .operand = "FILE",                                                   \
        .help = "Read the fragment with these values, a JSON object as a policy's row gives it"    \
    }

/* The values in the file, `{}` for no file (NULL): an object's JSON. `out` is empty. */
int fragment_parameters_read(const char *path, struct buf *out, struct error *err);

/* Reads the rows of a fragment's text. Where a parameter without a default is not among
 * `parameters` its rows cannot be known: *out is NULL, and `missing` says which. The caller frees
 * *out. */
int fragment_rows_read(struct span text, const char *parameters, struct policy **out,
                       struct error *missing, struct error *err);

#endif
