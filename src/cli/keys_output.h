/* What the `keys` commands share: names that are checked, and keys as they are printed. */
#ifndef CAISSON_CLI_KEYS_OUTPUT_H
#define CAISSON_CLI_KEYS_OUTPUT_H

#include <jansson.h>

#include "cli/args.h"

/* ERROR_USAGE unless there is one operand, a key's name; of `keys rule` two. */
int keys_check_name(const struct args *args, struct error *err);

/* Adds the rule in a file to the body of a request, once it is one. */
int keys_add_rule(json_t *body, const char *path, bool immutable, struct error *err);

/* Prints the kid of a key that was made or changed; with --json the answer. An exit status. */
int keys_print_made(const struct args *args, const json_t *answer, struct error *err);

/* Prints the answer as JSON, indented. An exit status. */
int keys_print_json(const json_t *answer, struct error *err);

/* A member that is text; "" where it is not there. */
const char *keys_text(const json_t *object, const char *key);

#endif
