/* `caisson ps`: the machines of this user. */
#include <time.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "vm/launch.h"
#include "vm/record.h"

#define ROW "%-20s %-28.28s %-24.24s %-11s %-12s %-28s %s\n"

static const struct option_rule options[] = {
    {.name = "all", .letter = 'a', .help = "Show those that have ended too"},
    {.name = "quiet", .letter = 'q', .help = "Print names only"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

/* "5 minutes", as far as matters. */
static void write_age(int64_t seconds, char out[32])
{
    static const struct {
        int64_t size;
        const char *unit;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (seconds >= 2 * units[i].size || i == 3) {
            (void)snprintf(out, 32, "%lld %s", (long long)(seconds / units[i].size), units[i].unit);
            return;
        }
    }
}

static void print_row(const struct record *record)
{
    char age[32];
    char status[80];
    char scratch[32] = "memory";
    char ports[PORTS_MAX * PORT_RULE_TEXT] = "";
    int64_t since = record->status == RECORD_RUNNING  ? record->started
                    : record->status == RECORD_EXITED ? record->finished
                                                      : record->created;
    write_age((int64_t)time(NULL) - since, age);
    if (record->status == RECORD_EXITED)
        (void)snprintf(status, sizeof status, "exited (%u) %s ago", record->exit_code,
                       since ? age : "some time");
    else
        (void)snprintf(status, sizeof status, "%s %s%s", record_status_name(record->status), age,
                       record->paused                             ? " (paused)"
                       : json_array_size(record->containers) == 0 ? ""
                       : record->ready                            ? " (ready)"
                                                                  : " (not ready)");
    for (size_t i = 0; i < record->port_count; i++) {
        size_t len = strlen(ports);
        char rule[PORT_RULE_TEXT];
        port_rule_text(&record->ports[i], rule);
        (void)snprintf(ports + len, sizeof ports - len, "%s%s", len ? ", " : "", rule);
    }
    if (record->scratch_size)
        (void)snprintf(scratch, sizeof scratch, "disk:%llum",
                       (unsigned long long)record->scratch_size >> 20);
    (void)printf(ROW, record->name, record->image, record->command,
                 launch_kind(record->tee)->is_simulated ? "SIMULATED" : vm_tee_name(record->tee),
                 scratch, status, ports);
}

static int print_one(const struct args *args, const struct record *record, bool *first,
                     struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)1 << 20);
    if (args_has(args, "quiet")) {
        (void)printf("%s\n", record->name);
        return 0;
    }
    if (!args_has(args, "json")) {
        print_row(record);
        return 0;
    }
    if (record_append_json(record, &text, err) < 0)
        return -1;
    (void)printf("%s%s", *first ? "" : ",", buf_text(&text));
    *first = false;
    return 0;
}

static int print_all(const struct args *args, char **names, struct error *err)
{
    bool first = true;
    for (; *names; names++) {
        RECORD_AUTO record;
        struct error passed = {0};
        /* A machine that is being made or removed right now has no record: it is not there. */
        if (record_read(*names, &record, &passed) < 0)
            continue;
        if (record.status == RECORD_EXITED && !args_has(args, "all"))
            continue;
        if (print_one(args, &record, &first, err) < 0)
            return -1;
    }
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    char **names = NULL;
    bool json = args_has(args, "json");
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE,
                         "ps takes no operand; caisson inspect NAME tells of one");
    int status = record_names(&names, err);
    if (status == 0 && json)
        (void)fputs("[", stdout);
    if (status == 0 && !json && !args_has(args, "quiet"))
        (void)printf(ROW, "NAME", "IMAGE", "COMMAND", "TEE", "SCRATCH", "STATUS", "PORTS");
    if (status == 0)
        status = print_all(args, names, err);
    if (status == 0 && json)
        (void)fputs("]\n", stdout);
    record_names_free(names);
    return status;
}

const struct command command_ps = {
    .name = "ps",
    .operands = "",
    .summary = "List the machines that run",
    .description = "SCRATCH tells where what containers write goes: memory, at most half of the "
                   "machine's, or an encrypted disk and its size.",
    .options = options,
    .run = run,
};
