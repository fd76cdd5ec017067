/* `caisson stats`: what containers use. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "format/json.h"
#include "os/terminal.h"
#include "vm/client.h"
#include "vm/record.h"

#define ROUND_MS   1000
#define MIB        (1024.0 * 1024.0)
#define DISK_MAJOR 254 /* virtio-blk's in the guest */

static const struct option_rule options[] = {
    {.name = "no-stream", .help = "Print once and end"},
    {.name = "container", .letter = 'c', .operand = "NAME", .help = "In a group: the container"},
    {.name = "json", .help = "Print JSON, once"},
    {0},
};

/* One look at a container; figures are bytes and microseconds since its start. */
struct usage {
    uint64_t at_us, cpu_us, memory, limit, processes, read, written;
};

/* The sum of the numbers behind `key` over the lines of a control group's file; "" for a file of
 * one number. "max" counts for nothing. */
static uint64_t sum_of(const char *text, const char *key)
{
    size_t size = strlen(key);
    uint64_t sum = 0;
    for (const char *at = text; *at && (at = strstr(at, key)); at += size ? size : strlen(at)) {
        if (at == text || at[-1] == '\n' || at[-1] == ' ')
            sum += strtoull(at + size, NULL, 10);
    }
    return sum;
}

/* What dm-verity and dm-crypt move their disks move too: the lines of the disks alone are taken.
 * Their driver is the first that the guest loads, and so gets the first number that Linux gives
 * away (Documentation/admin-guide/devices.txt). */
static uint64_t sum_of_disks(const char *text, const char *key)
{
    uint64_t sum = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        TEXT_AUTO one = strndup(line, strcspn(line, "\n"));
        if (one && strtoul(line, NULL, 10) == DISK_MAJOR)
            sum += sum_of(one, key);
    }
    return sum;
}

static int read_usage(const json_t *result, struct usage *out, struct error *err)
{
    const char *cpu, *memory, *max, *stat, *pids, *io;
    struct timespec now;
    if (json_get_text(result, "cpu.stat", &cpu, err) < 0 ||
        json_get_text(result, "memory.current", &memory, err) < 0 ||
        json_get_text(result, "memory.max", &max, err) < 0 ||
        json_get_text(result, "memory.stat", &stat, err) < 0 ||
        json_get_text(result, "pids.current", &pids, err) < 0 ||
        json_get_text(result, "io.stat", &io, err) < 0)
        return error_context(err, "the guest's figures");
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t cache = sum_of(stat, "inactive_file ");
    uint64_t current = sum_of(memory, "");
    *out = (struct usage){.at_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
                          .cpu_us = sum_of(cpu, "usage_usec "),
                          .memory = current > cache ? current - cache : 0,
                          .limit = sum_of(max, ""),
                          .processes = sum_of(pids, ""),
                          .read = sum_of_disks(io, "rbytes="),
                          .written = sum_of_disks(io, "wbytes=")};
    return 0;
}

static int look(const struct args *args, const char *name, struct usage *out, struct error *err)
{
    const char *container = args_get(args, "container");
    json_auto_t *result = NULL;
    RECORD_AUTO record = {0};
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection)
        return -1;
    if (client_query(connection, "usage",
                     json_pack("{s:s}", "container", container ? container : ""), &result,
                     err) < 0 ||
        read_usage(result, out, err) < 0)
        return error_context(err, "%s", name);
    /* Without a limit of its own, the machine's memory is one. */
    if (out->limit == 0 && record_read(name, &record, NULL) == 0)
        out->limit = (uint64_t)record.memory_mib << 20;
    return 0;
}

static double cpu_percent(const struct usage *before, const struct usage *after)
{
    uint64_t passed = after->at_us - before->at_us;
    uint64_t used = after->cpu_us > before->cpu_us ? after->cpu_us - before->cpu_us : 0;
    return passed ? 100.0 * (double)used / (double)passed : 0;
}

static void print_line(const char *name, const struct usage *before, const struct usage *after)
{
    (void)printf("%-24s %7.2f%% %9.2f / %.0f MiB %7.2f%% %8llu %10.2f / %.2f MiB\n", name,
                 cpu_percent(before, after), (double)after->memory / MIB,
                 (double)after->limit / MIB,
                 after->limit ? 100.0 * (double)after->memory / (double)after->limit : 0,
                 (unsigned long long)after->processes, (double)after->read / MIB,
                 (double)after->written / MIB);
}

static int print_json(const char *name, const struct usage *before, const struct usage *after,
                      struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    json_auto_t *object = json_pack(
        "{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "name", name, "cpu_percent",
        cpu_percent(before, after), "cpu_usec", (json_int_t)after->cpu_us, "memory",
        (json_int_t)after->memory, "memory_limit", (json_int_t)after->limit, "processes",
        (json_int_t)after->processes, "read_bytes", (json_int_t)after->read, "written_bytes",
        (json_int_t)after->written);
    if (!object)
        return error_memory(err);
    if (json_append(object, &text, err) < 0)
        return -1;
    (void)printf("%s\n", buf_text(&text));
    return 0;
}

static void print_head(bool live)
{
    if (live)
        (void)fputs("\033[H\033[J", stdout);
    (void)printf("%-24s %8s %22s %8s %8s %23s\n", "NAME", "CPU", "MEMORY / LIMIT", "MEMORY", "PIDS",
                 "DISK READ / WRITTEN");
}

/* Shows each name once: its figures now, against those of the round before. */
static int show_round(const struct args *args, struct usage *before, bool live, struct error *err)
{
    char *const *names = args_operands(args);
    if (!args_has(args, "json"))
        print_head(live);
    for (size_t i = 0; names[i]; i++) {
        struct usage after;
        if (look(args, names[i], &after, err) < 0)
            return -1;
        if (!args_has(args, "json"))
            print_line(names[i], &before[i], &after);
        else if (print_json(names[i], &before[i], &after, err) < 0)
            return -1;
        before[i] = after;
    }
    return fflush(stdout) == 0 ? 0 : error_set(err, ERROR_SYSTEM, "cannot write standard output");
}

static int show(const struct args *args, struct usage *before, struct error *err)
{
    const struct timespec pause = {.tv_sec = ROUND_MS / 1000,
                                   .tv_nsec = ROUND_MS % 1000 * 1000000L};
    bool once = args_has(args, "no-stream") || args_has(args, "json");
    bool live = !once && terminal_is(STDOUT_FILENO);
    for (size_t i = 0; args_operands(args)[i]; i++) {
        if (look(args, args_operands(args)[i], &before[i], err) < 0)
            return -1;
    }
    do {
        (void)nanosleep(&pause, NULL);
        if (show_round(args, before, live, err) < 0)
            return -1;
    } while (!once);
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    size_t count = args_operand_count(args);
    if (count == 0)
        return error_set(err, ERROR_USAGE, "name a machine");
    struct usage *before = calloc(count, sizeof *before);
    if (!before)
        return error_memory(err);
    int status = show(args, before, err);
    free(before);
    return status;
}

const struct command command_stats = {
    .name = "stats",
    .operands = "NAME…",
    .summary = "Show what containers use",
    .description =
        "CPU time over a second, memory without what could be dropped of cached files, processes, "
        "and what was read and written on disks. On a terminal it goes on until it is interrupted. "
        "Without a limit of its own a container has the machine's memory as one.\n\n"
        "The figures are the guest's. A policy with allow_properties_access off tells nothing.",
    .options = options,
    .run = run,
};
