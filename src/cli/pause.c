/* `caisson pause` and `caisson unpause`: stop all processes of machines, and let them go on. */
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/client.h"

static const struct option_rule options[] = {{0}};

static int ask(const char *name, const char *op, struct error *err)
{
    json_auto_t *result = NULL;
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection)
        return -1;
    if (client_query(connection, op, json_object(), &result, err) < 0)
        return error_context(err, "%s", name);
    (void)printf("%s\n", name);
    return 0;
}

static int pause_one(const struct args *args, const char *name, struct error *err)
{
    (void)args;
    return ask(name, "pause", err);
}

static int unpause_one(const struct args *args, const char *name, struct error *err)
{
    (void)args;
    return ask(name, "unpause", err);
}

static int run_pause(const struct args *args, struct error *err)
{
    return command_each(args, pause_one, err);
}

static int run_unpause(const struct args *args, struct error *err)
{
    return command_each(args, unpause_one, err);
}

const struct command command_pause = {
    .name = "pause",
    .operands = "NAME…",
    .summary = "Stop all processes of machines until caisson unpause",
    .description = "All containers of a machine or none: a host that could stop one of a group "
                   "could let the rest go on without it.",
    .options = options,
    .run = run_pause,
};

const struct command command_unpause = {
    .name = "unpause",
    .operands = "NAME…",
    .summary = "Let the processes of paused machines go on",
    .description = "What was paused goes on where it was.",
    .options = options,
    .run = run_unpause,
};
