/* Writes manual pages (man(7)) from the commands' tables; the build calls it once for each. */
#include <string.h>

#include "cli/command.h"
#include "cli/commands.h"

static const struct option_rule options[] = {{0}};

/* Text for man(7): backslashes, dashes and leading dots are escaped; a blank line is a paragraph.
 */
static void write_text(const char *text)
{
    for (const char *at = text; *at; at++) {
        bool line_start = at == text || at[-1] == '\n';
        if (line_start && *at == '\n')
            (void)fputs(".PP", stdout);
        if (line_start && (*at == '.' || *at == '\''))
            (void)fputs("\\&", stdout);
        if (*at == '\\')
            (void)fputs("\\e", stdout);
        else if (*at == '-')
            (void)fputs("\\-", stdout);
        else
            (void)putchar(*at);
    }
}

static void write_styled(const char *style, const char *text)
{
    (void)printf("\\f%s", style);
    write_text(text);
    (void)fputs("\\fR", stdout);
}

/* A command's page is named as the command with dashes: caisson-layer-hash. */
static void write_page_name(const char *command)
{
    (void)fputs("caisson\\-", stdout);
    for (; *command; command++) {
        if (*command == ' ' || *command == '-')
            (void)fputs("\\-", stdout);
        else
            (void)putchar(*command);
    }
}

static void write_title(const char *command)
{
    (void)fputs(".TH ", stdout);
    write_page_name(command);
    (void)printf(" 1 \"\" \"caisson %s\" \"Caisson\"\n", CAISSON_VERSION);
}

static void write_option(const struct option_rule *rule)
{
    char letter[] = {'-', rule->letter, '\0'};
    (void)fputs(".TP\n", stdout);
    if (rule->letter) {
        write_styled("B", letter);
        (void)fputs(", ", stdout);
    }
    (void)fputs("\\fB\\-\\-", stdout);
    write_text(rule->name);
    (void)fputs("\\fR", stdout);
    if (rule->operand) {
        (void)fputs(" ", stdout);
        write_styled("I", rule->operand);
    }
    (void)fputs(rule->refusal ? "\nRefused: " : "\n", stdout);
    write_text(rule->refusal ? rule->refusal : rule->help);
    (void)fputs(rule->repeats ? ".\nMay be given more than once.\n" : ".\n", stdout);
}

static void write_exit_status(void)
{
    (void)fputs(".SH EXIT STATUS\n"
                ".TP\n0\nDone.\n"
                ".TP\n1\nRefused, or the input is malformed.\n"
                ".TP\n2\nWrong usage.\n"
                ".TP\n3\nThe machine or a service lacks what is needed.\n"
                ".PP\nA command that runs a container's program gives that program's own status.\n",
                stdout);
}

static void write_page(const struct command *command)
{
    write_title(command->name);
    (void)fputs(".SH NAME\n", stdout);
    write_page_name(command->name);
    (void)fputs(" \\- ", stdout);
    write_text(command->summary);
    (void)fputs("\n.SH SYNOPSIS\n\\fBcaisson\\fR ", stdout);
    write_styled("B", command->name);
    (void)fputs(" [\\fIOPTION\\fR ...]", stdout);
    if (*command->operands) {
        (void)fputs(" ", stdout);
        write_styled("I", command->operands);
    }
    (void)fputs("\n", stdout);
    if (*command->description) {
        (void)fputs(".SH DESCRIPTION\n", stdout);
        write_text(command->description);
        (void)fputs("\n", stdout);
    }
    (void)fputs(".SH OPTIONS\n", stdout);
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (rule->help || rule->refusal)
            write_option(rule);
    }
    (void)fputs(".TP\n\\fB\\-\\-help\\fR\nPrint a short help.\n", stdout);
    write_exit_status();
    (void)fputs(".SH SEE ALSO\n.BR caisson (1)\n", stdout);
}

/* caisson(1): what there is, with a line for each command. */
static void write_overview(void)
{
    (void)printf(".TH CAISSON 1 \"\" \"caisson %s\" \"Caisson\"\n", CAISSON_VERSION);
    (void)fputs(".SH NAME\n"
                "caisson \\- run containers in memory that their host can't read, and prove it\n"
                ".SH SYNOPSIS\n\\fBcaisson\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR ...] "
                "[\\fIOPERAND\\fR ...]\n.SH COMMANDS\n",
                stdout);
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        (void)fputs(".TP\n", stdout);
        write_styled("B", commands[i]->name);
        (void)fputs("\n", stdout);
        write_text(commands[i]->summary);
        (void)fputs(".\nSee\n.BR ", stdout);
        write_page_name(commands[i]->name);
        (void)fputs(" (1).\n", stdout);
    }
    write_exit_status();
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
    const char *name = args_operands(args)[0];
    if (strcmp(name, "caisson") == 0) {
        write_overview();
        return EXIT_OK;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            write_page(commands[i]);
            return EXIT_OK;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "no command \"%s\"", name);
}

const struct command command_manual = {
    .name = "__manual",
    .operands = "[COMMAND|caisson]",
    .summary = "Write a command's manual page; without operand, list the commands",
    .description = "",
    .options = options,
    .hidden = true,
    .run = run,
};
