/* `caisson stop`: ends containers. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/client.h"

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S     3600

static const struct option_rule options[] = {
    {.name = "time",
     .letter = 't',
     .operand = "SECONDS",
     .help = "How long the container may take before its machine ends (10)"},
    {0},
};

static int stop_one(const char *name, uint32_t timeout_ms, struct error *err)
{
    struct client_exit end;
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection && err->code == ERROR_REFUSED) {
        (void)printf("%s\n", name); /* it has ended already, as was asked for */
        return 0;
    }
    if (!connection || client_stop(connection, timeout_ms, &end, err) < 0)
        return -1;
    if (end.failure.code == ERROR_REFUSED)
        (void)fprintf(stderr, "caisson: %s: %s; its machine was ended\n", name, end.failure.text);
    (void)printf("%s\n", name);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    const char *time = args_get(args, "time");
    uint64_t seconds = TIMEOUT_DEFAULT_S;
    if (args_operand_count(args) == 0)
        return error_set(err, ERROR_USAGE, "name a machine");
    if (time && !text_to_u64(time, TIMEOUT_MAX_S, &seconds))
        return error_set(err, ERROR_USAGE, "--time is \"%s\"; 0 to %d seconds can be", time,
                         TIMEOUT_MAX_S);
    for (char *const *name = args_operands(args); *name; name++) {
        if (stop_one(*name, (uint32_t)seconds * 1000, err) < 0)
            return -1;
    }
    return EXIT_OK;
}

const struct command command_stop = {
    .name = "stop",
    .operands = "NAME…",
    .summary = "End containers",
    .description =
        "The container gets SIGTERM where its policy lets the host send it; where not, or when "
        "the time is over, its machine ends.",
    .options = options,
    .run = run,
};
