#include "cli/command.h"
#include "cli/commands.h"

static const struct option_rule options[] = {{.name = "json", .help = "Print JSON"}, {0}};

static int run(const struct args *args, struct error *err)
{
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "version takes no operand");
    if (args_has(args, "json"))
        (void)printf("{\"version\":\"%s\"}\n", CAISSON_VERSION);
    else
        (void)printf("caisson %s\n", CAISSON_VERSION);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .operands = "",
    .summary = "Print the version of this program",
    .description = "",
    .options = options,
    .run = run,
};
