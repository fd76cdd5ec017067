#include "cli/command.h"

#include <string.h>

#include "base/log.h"
#include "cli/commands.h"

const struct command *const commands[] = {
    &command_version,
    &command_manual,
    NULL,
};

enum exit_status command_status(const struct error *err)
{
    switch (err->code) {
    case ERROR_NONE:
        return EXIT_OK;
    case ERROR_INVALID:
    case ERROR_LIMIT:
    case ERROR_REFUSED:
        return EXIT_REFUSED;
    case ERROR_USAGE:
        return EXIT_USAGE;
    case ERROR_NOT_FOUND:
    case ERROR_SYSTEM:
    case ERROR_MEMORY:
    case ERROR_PROTOCOL:
    case ERROR_UNAVAILABLE:
        return EXIT_ENVIRONMENT;
    }
    return EXIT_ENVIRONMENT;
}

static void help_option(const struct option_rule *rule, FILE *out)
{
    char left[64];
    char letter[8] = "    ";
    if (rule->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", rule->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, rule->name, rule->operand ? " " : "",
                   rule->operand ? rule->operand : "");
    (void)fprintf(out, "  %-30s %s%s\n", left, rule->help, rule->repeats ? " (may repeat)" : "");
}

void command_help(const struct command *command, FILE *out)
{
    if (!command) {
        (void)fputs("caisson: run containers in memory that their host can't read, and prove it\n\n"
                    "usage: caisson COMMAND [OPTION…] [OPERAND…]\n\n",
                    out);
        for (size_t i = 0; commands[i]; i++) {
            if (!commands[i]->hidden)
                (void)fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
        }
        (void)fputs("\n`caisson COMMAND --help` tells more of each.\n", out);
        return;
    }
    (void)fprintf(out, "usage: caisson %s [OPTION…]%s%s\n\n%s.\n\n", command->name,
                  *command->operands ? " " : "", command->operands, command->summary);
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (rule->help && !rule->refusal)
            help_option(rule, out);
    }
    (void)fprintf(out, "  %-30s %s\n", "    --help", "Print this help");
}

/* How many words of argv[1..] the command's name takes; 0 when they do not name it. */
static int match_name(const struct command *command, int argc, char *argv[])
{
    const char *name = command->name;
    int words = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (1 + words >= argc || strlen(argv[1 + words]) != len ||
            strncmp(argv[1 + words], name, len) != 0)
            return 0;
        words++;
        name += len + (name[len] == ' ');
    }
    return words;
}

static const struct command *find(int argc, char *argv[], int *words)
{
    for (size_t i = 0; commands[i]; i++) {
        *words = match_name(commands[i], argc, argv);
        if (*words > 0)
            return commands[i];
    }
    return NULL;
}

/* --help is honoured where an option may stand: before `--` and before a command's own words. */
static bool asks_for_help(int argc, char *argv[], bool stop_at_operand)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
        if (stop_at_operand && argv[i][0] != '-')
            return false;
    }
    return false;
}

static int report(const struct command *command, const struct error *err)
{
    log_error("%s", err->text);
    if (err->code == ERROR_USAGE)
        log_error("see: caisson %s --help", command->name);
    return (int)command_status(err);
}

static int unknown_command(int argc, char *argv[])
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        command_help(NULL, stdout);
        return EXIT_OK;
    }
    if (argc < 2)
        command_help(NULL, stderr);
    else
        log_error("unknown command \"%s\"; see: caisson --help", argv[1]);
    return EXIT_USAGE;
}

int command_main(int argc, char *argv[])
{
    int words = 0;
    const struct command *command = find(argc, argv, &words);
    if (!command)
        return unknown_command(argc, argv);
    argc -= words;
    argv += words;
    if (asks_for_help(argc, argv, command->stop_at_operand)) {
        command_help(command, stdout);
        return EXIT_OK;
    }
    struct error err = {0};
    ARGS_AUTO args = args_parse(command->options, command->stop_at_operand, argc, argv, &err);
    if (!args)
        return report(command, &err);
    int status = command->run(args, &err);
    if (status < 0)
        return report(command, &err);
    if (fflush(stdout) != 0) {
        log_error("cannot write standard output");
        return EXIT_ENVIRONMENT;
    }
    return status;
}
