/* `caisson inspect`: all that the host knows of a machine. */
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/record.h"

static const struct option_rule options[] = {
    {.name = "json", .help = "Print JSON (it always is)"},
    {0},
};

static int inspect_one(const struct args *args, const char *name, struct error *err)
{
    RECORD_AUTO record = {0};
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)1 << 20);
    (void)args;
    if (record_read(name, &record, err) < 0 || record_append_json(&record, &text, err) < 0)
        return -1;
    (void)fputs(buf_text(&text), stdout);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    return command_each(args, inspect_one, err);
}

const struct command command_inspect = {
    .name = "inspect",
    .operands = "NAME…",
    .summary = "Print all that is known of a machine",
    .description = "One JSON object for each name.",
    .options = options,
    .run = run,
};
