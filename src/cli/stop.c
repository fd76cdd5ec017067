/* `caisson stop`: ends containers. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/client.h"
#include "vm/record.h"

#define TIMEOUT_MAX_S 3600

static const struct option_rule options[] = {
    {.name = "time",
     .letter = 't',
     .operand = "SECONDS",
     .help = "How long the container may take before its machine ends (10; of a group, as long "
             "as its manifest says)"},
    {0},
};

static int read_seconds(const struct args *args, const char *name, uint64_t *seconds,
                        struct error *err)
{
    const char *time = args_get(args, "time");
    RECORD_AUTO record = {.grace_s = RECORD_GRACE_S};
    if (!time && name && record_read(name, &record, err) < 0)
        return -1;
    *seconds = record.grace_s;
    if (time && !text_to_u64(time, TIMEOUT_MAX_S, seconds))
        return error_set(err, ERROR_USAGE, "--time is \"%s\"; 0 to %d seconds can be", time,
                         TIMEOUT_MAX_S);
    return 0;
}

/* A monitor that ends while it is asked has written down before what became of its machine. */
static bool has_ended(const char *name)
{
    struct error why = {0};
    CLIENT_AUTO connection = client_connect(name, &why);
    return !connection && why.code == ERROR_REFUSED;
}

static int stop_one(const struct args *args, const char *name, struct error *err)
{
    struct client_exit end;
    uint64_t seconds;
    if (read_seconds(args, name, &seconds, err) < 0)
        return -1;
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection && err->code == ERROR_REFUSED) {
        (void)printf("%s\n", name); /* it has ended already, as was asked for */
        return 0;
    }
    if (!connection)
        return -1;
    if (client_stop(connection, (uint32_t)seconds * 1000, &end, err) < 0) {
        if (err->code != ERROR_UNAVAILABLE || !has_ended(name))
            return error_context(err, "%s", name);
        end = (struct client_exit){0};
    }
    if (end.failure.code == ERROR_REFUSED)
        (void)fprintf(stderr, "caisson: %s: %s; its machine was ended\n", name, end.failure.text);
    (void)printf("%s\n", name);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    uint64_t seconds;
    if (read_seconds(args, NULL, &seconds, err) < 0)
        return -1;
    return command_each(args, stop_one, err);
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
