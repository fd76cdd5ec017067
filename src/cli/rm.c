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

/* Ends the machine; by force where its monitor does not answer. False when it did not run. */
static bool end_machine(const char *name)
{
    struct client_exit end;
    CLIENT_AUTO connection = client_connect(name, NULL);
    if (!connection)
        return false;
    if (client_stop(connection, 0, &end, NULL) < 0)
        client_kill_monitor(connection);
    return true;
}

static bool has_ended(const char *name)
{
    RECORD_AUTO record = {0};
    return record_read(name, &record, NULL) == 0 && record.status == RECORD_EXITED;
}

static int remove_one(const struct args *args, const char *name, struct error *err)
{
    bool ended = (args_has(args, "force") && end_machine(name)) || has_ended(name);
    for (int tries = 1;; tries++) {
        if (record_remove(name, err) == 0)
            break;
        /* With --rm the monitor removes the record itself. */
        if (ended && err->code == ERROR_NOT_FOUND)
            break;
        if (!ended || err->code != ERROR_REFUSED)
            return -1;
        if (tries >= REMOVE_TRIES)
            return error_set(err, ERROR_REFUSED,
                             "%s has ended, and its monitor waits for whoever reads its output; "
                             "caisson rm -f %s drops the output",
                             name, name);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    (void)printf("%s\n", name);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    return command_each(args, remove_one, err);
}

const struct command command_rm = {
    .name = "rm",
    .operands = "NAME…",
    .summary = "Remove what is left of machines that have ended",
    .description = "The record, the log and the console go. Images and layers stay.",
    .options = options,
    .run = run,
};
