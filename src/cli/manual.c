/* Writes a command's manual page (man(7)) from its table; the build calls it for each command. */
#include <string.h>

#include "cli/command.h"
#include "cli/commands.h"

static const struct option_rule options[] = {{0}};

/* Text for man(7): backslashes, leading dots and dashes are escaped; a blank line is a paragraph. */
static void write_text(const char *text)
{
    for (const char *at = text; *at; at++) {
        bool line_start = at == text || at[-1] == '\n';
        if (line_start && *at == '\n')
            (void)fputs(".PP", stdout);
        if (line_start && (*at == '.' || *at == '\''))
            (void)fputs("\\&", stdout);
        if (*at == '\\' || *at == '-')
            (void)putchar('\\');
        if (*at == '\\')
            (void)putchar('e');
        else
            (void)putchar(*at);
    }
}

static void write_option(const struct option_rule *rule)
{
    (void)fputs(".TP\n", stdout);
    if (rule->letter)
        (void)printf("\\fB\\-%c\\fR, ", rule->letter);
    (void)fputs("\\fB\\-\\-", stdout);
    write_text(rule->name);
    (void)fputs("\\fR", stdout);
    if (rule->operand) {
        (void)fputs(" \\fI", stdout);
        write_text(rule->operand);
        (void)fputs("\\fR", stdout);
    }
    (void)fputs("\n", stdout);
    if (rule->refusal)
        (void)fputs("Refused: ", stdout);
    write_text(rule->refusal ? rule->refusal : rule->help);
    (void)fputs(rule->repeats ? ". May be given more than once.\n" : ".\n", stdout);
}

static void write_page(const struct command *command)
{
    (void)printf(".TH \"CAISSON %s\" 1 \"\" \"caisson %s\"\n.SH NAME\ncaisson %s \\- ",
                 command->name, CAISSON_VERSION, command->name);
    write_text(command->summary);
    (void)printf("\n.SH SYNOPSIS\n\\fBcaisson %s\\fR [\\fIOPTION\\fR...]", command->name);
    if (*command->operands) {
        (void)fputs(" \\fI", stdout);
        write_text(command->operands);
        (void)fputs("\\fR", stdout);
    }
    if (*command->description) {
        (void)fputs("\n.SH DESCRIPTION\n", stdout);
        write_text(command->description);
    }
    (void)fputs("\n.SH OPTIONS\n", stdout);
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (rule->help || rule->refusal)
            write_option(rule);
    }
    (void)fputs(".TP\n\\fB\\-\\-help\\fR\nPrint a short help.\n.SH EXIT STATUS\n"
                "0 done; 1 refused; 2 wrong usage; 3 the environment lacks something. "
                "For run and exec: the container's own.\n",
                stdout);
}

static int run(const struct args *args, struct error *err)
{
    if (args_operand_count(args) == 0) {
        for (size_t i = 0; commands[i]; i++) {
            if (!commands[i]->hidden)
                (void)printf("%s\n", commands[i]->name);
        }
        return EXIT_OK;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, args_operands(args)[0]) == 0) {
            write_page(commands[i]);
            return EXIT_OK;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "no command \"%s\"", args_operands(args)[0]);
}

const struct command command_manual = {
    .name = "__manual",
    .operands = "[COMMAND]",
    .summary = "Write a command's manual page; without operand, list the commands",
    .description = "",
    .options = options,
    .hidden = true,
    .run = run,
};
