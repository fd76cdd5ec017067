/* `caisson wait`: until containers have ended. */
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/client.h"
#include "vm/record.h"

static const struct option_rule options[] = {{0}};

/* Waits for the end that its monitor tells; one that has told it to others already may go while it
 * is asked, and has left a record. */
static int wait_for_end(const char *name, unsigned int *code, struct error *err)
{
    RECORD_AUTO record = {0};
    struct client_exit end;
    CLIENT_AUTO connection = client_connect(name, err);
    if (connection && client_wait(connection, &end, err) == 0) {
        *code = end.code;
        return 0;
    }
    if (record_read(name, &record, NULL) < 0 || record.status != RECORD_EXITED)
        return -1;
    *code = record.exit_code;
    return 0;
}

static int wait_one(const struct args *args, const char *name, struct error *err)
{
    unsigned int code;
    (void)args;
    if (wait_for_end(name, &code, err) < 0)
        return error_context(err, "%s", name);
    (void)printf("%u\n", code);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    return command_each(args, wait_one, err);
}

const struct command command_wait = {
    .name = "wait",
    .operands = "NAME…",
    .summary = "Wait until containers have ended, and print their exit codes",
    .description = "A code a line, in the order of the names. Of one that has ended already, the "
                   "code that its record has.",
    .options = options,
    .run = run,
};
