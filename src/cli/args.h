/*
 * Options of a command, from one table: the parser, --help and the manual page all read it.
 *
 * A table is an array of struct option_rule that ends with an empty one. Parsing follows Docker's
 * command line: `--name value`, `--name=value`, `-n value`, `-nvalue`, bundled flags (`-it`), `--`
 * ends the options. --help is an option of every command; where it stands, nothing after it is
 * read. Where `stop_at_operand` is set, the first operand ends them too (run IMAGE CMD…).
 */
#ifndef CAISSON_CLI_ARGS_H
#define CAISSON_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct option_rule {
    const char *name;    /* long name without dashes */
    char letter;         /* or 0 */
    const char *operand; /* what the value is called, "FILE"; NULL for a flag */
    const char *help;    /* one sentence, no full stop; NULL hides the option */
    const char *refusal; /* non-NULL: never allowed, and why */
    bool repeats;
};

#define ARGS_MAX 4096 /* options plus operands on one command line */

struct args; /* parsed options and operands; borrows argv */

/* Parses argv[1..argc). The result is the caller's; NULL with `err` (ERROR_USAGE, or ERROR_REFUSED
 * for an option that has a refusal). */
struct args *args_parse(const struct option_rule *rules, bool stop_at_operand, int argc,
                        char *const argv[], struct error *err);
void args_free(struct args *args);
void args_cleanup(struct args **args);
#define ARGS_AUTO __attribute__((cleanup(args_cleanup))) struct args *

/* Whether --help was given. */
bool args_wants_help(const struct args *args);

/* Whether the option was given. Asking for a name that is not in the table aborts: a bug. */
bool args_has(const struct args *args, const char *name);

/* The last value given, or NULL. */
const char *args_get(const struct args *args, const char *name);

/* The value number `index` of a repeated option, in the order given, or NULL past the end. */
const char *args_get_nth(const struct args *args, const char *name, size_t index);

/* Operands: what is no option. argv order; args_operands() is NULL-terminated. */
size_t args_operand_count(const struct args *args);
char *const *args_operands(const struct args *args);

#endif
