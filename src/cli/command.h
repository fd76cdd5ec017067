/*
 * A command is a verb of `caisson`, or a verb and its object (`layer hash`). A file a verb: it
 * holds one `const struct command`, listed in commands.h.
 */
#ifndef CAISSON_CLI_COMMAND_H
#define CAISSON_CLI_COMMAND_H

#include <stdio.h>

#include "cli/args.h"

enum exit_status { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

struct command {
    const char *name;                  /* "run", "layer hash" */
    const char *operands;              /* "IMAGE [COMMAND [ARG…]]" */
    const char *summary;               /* one line, no full stop */
    const char *description;           /* paragraphs for the manual, separated by blank lines */
    const struct option_rule *options; /* ends with an empty rule; --help is added by itself */
    bool stop_at_operand;              /* what follows the first operand is not ours */
    bool hidden;                       /* internal: not in help, no manual page */
    /* The exit status; -1 when `err` is set, which then decides it. */
    int (*run)(const struct args *args, struct error *err);
};

/* All commands, NULL-terminated, in the order that help shows. */
extern const struct command *const commands[];

/* Finds the command that argv[1..] names, runs it and reports its error. Returns the exit status.
 */
int command_main(int argc, char *argv[]);

/*
 * Does `one` to each operand, whatever becomes of the others, and reports each that fails, as
 * Docker does. Gives the exit status of the first failure; -1 when there is no operand.
 */
int command_each(const struct args *args,
                 int (*one)(const struct args *args, const char *name, struct error *err),
                 struct error *err);

/* The exit status that an error stands for; never EXIT_OK. */
enum exit_status command_status(const struct error *err);

/* Writes the help of one command, or of the whole program when `command` is NULL. */
void command_help(const struct command *command, FILE *out);

#endif
