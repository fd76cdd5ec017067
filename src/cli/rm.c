/* `caisson rm`: forgets machines that have ended. */
#include <time.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "vm/client.h"
#include "vm/record.h"

static const struct option_rule options[] = {
    {.name = "force", .letter = 'f', .help = "End a machine that runs"},
    {0},
};

#define REMOVE_TRIES 50 /* of 0.1 s: a monitor that has ended its machine goes at once */

static int remove_one(const char *name, bool force, struct error *err)
{
    struct client_exit end;
    CLIENT_AUTO connection = force ? client_connect(name, NULL) : NULL;
    bool stopped = connection && client_stop(connection, 0, &end, NULL) == 0;
    client_cleanup(&connection);
    for (int tries = 1;; tries++) {
        if (record_remove(name, err) == 0)
            break;
        /* With --rm the monitor removes the record itself. */
        if (stopped && err->code == ERROR_NOT_FOUND)
            break;
        if (!stopped || err->code != ERROR_REFUSED || tries >= REMOVE_TRIES)
            return -1;
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    (void)printf("%s\n", name);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    if (args_operand_count(args) == 0)
        return error_set(err, ERROR_USAGE, "name a machine");
    for (char *const *name = args_operands(args); *name; name++) {
        if (remove_one(*name, args_has(args, "force"), err) < 0)
            return -1;
    }
    return EXIT_OK;
}

const struct command command_rm = {
    .name = "rm",
    .operands = "NAME…",
    .summary = "Remove what is left of machines that have ended",
    .description = "The record, the log and the console go. Images and layers stay.",
    .options = options,
    .run = run,
};
