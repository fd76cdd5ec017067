/* `caisson logs`: what a container has written. */
#include <time.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/container_logs.h"

#define FOLLOW_PAUSE_NS 100000000 /* 0.1 s */

static const struct option_rule options[] = {
    {.name = "follow", .letter = 'f', .help = "Go on until the container has ended"},
    {.name = "container",
     .letter = 'c',
     .operand = "NAME",
     .help = "Of a group, this container alone (default: all, each line with its name)"},
    {0},
};

static bool still_runs(const char *name)
{
    RECORD_AUTO record;
    return record_read(name, &record, NULL) == 0 && record.status != RECORD_EXITED;
}

static int copy(struct container_logs *logs, const char *name, bool follow, struct error *err)
{
    for (;;) {
        /* Asked before the log is read: what was written before the end is read after it. */
        bool runs = follow && still_runs(name);
        bool more;
        if (container_logs_read(logs, &more, err) < 0)
            return -1;
        if (!runs)
            return EXIT_OK;
        if (!more)
            (void)nanosleep(&(struct timespec){.tv_nsec = FOLLOW_PAUSE_NS}, NULL);
    }
}

static int run(const struct args *args, struct error *err)
{
    RECORD_AUTO record = {0};
    struct container_logs logs;
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one machine");
    const char *name = args_operands(args)[0];
    if (record_read(name, &record, err) < 0 ||
        container_logs_open(&record, args_get(args, "container"), &logs, err) < 0)
        return -1;
    int status = copy(&logs, name, args_has(args, "follow"), err);
    container_logs_close(&logs);
    return status;
}

const struct command command_logs = {
    .name = "logs",
    .operands = "NAME",
    .summary = "Print what a container has written",
    .description =
        "Standard output goes to standard output, standard error to standard error. The log "
        "is bounded: of more than 32 MiB the oldest part is gone.",
    .options = options,
    .run = run,
};
