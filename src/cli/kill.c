/* `caisson kill`: a signal to a container's first process. */
#include <signal.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "policy/generate.h"
#include "vm/client.h"

static const struct option_rule options[] = {
    {.name = "signal",
     .letter = 's',
     .operand = "SIGNAL",
     .help = "By name or number (default: KILL)"},
    {.name = "container", .letter = 'c', .operand = "NAME", .help = "In a group: the container"},
    {0},
};

/* "9", "KILL", "SIGKILL". */
static int read_signal(const struct args *args, uint64_t *number, struct error *err)
{
    const char *name = args_get(args, "signal");
    *number = SIGKILL;
    if (!name || (text_to_u64(name, 64, number) && *number > 0))
        return 0;
    TEXT_AUTO full = text_format("%s%s", text_starts_with(name, "SIG") ? "" : "SIG", name);
    if (!full)
        return error_memory(err);
    *number = policy_signal_number(full);
    return *number ? 0 : error_set(err, ERROR_USAGE, "--signal: there is no signal \"%s\"", name);
}

static int kill_one(const struct args *args, const char *name, struct error *err)
{
    const char *container = args_get(args, "container");
    json_auto_t *result = NULL;
    uint64_t number;
    if (read_signal(args, &number, err) < 0)
        return -1;
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection)
        return -1;
    if (client_query(connection, "signal",
                     json_pack("{s:I, s:s}", "signal", (json_int_t)number, "container",
                               container ? container : ""),
                     &result, err) < 0)
        return error_context(err, "%s", name);
    (void)printf("%s\n", name);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    uint64_t number;
    return read_signal(args, &number, err) < 0 ? -1 : command_each(args, kill_one, err);
}

const struct command command_kill = {
    .name = "kill",
    .operands = "NAME…",
    .summary = "Send a signal to containers, as their policies allow",
    .description = "A policy lists the signals that a container's first process may get. Where it "
                   "lists none, caisson stop ends the machine.",
    .options = options,
    .run = run,
};
