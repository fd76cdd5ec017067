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

#define ROUND_MS    1000
#define TARGETS_MAX 256
#define MIB         (1024.0 * 1024.0)
#define DISK_MAJOR  254 /* virtio-blk's in the guest */

static const struct option_rule options[] = {
    {.name = "no-stream", .help = "Print once and end"},
    {.name = "container", .letter = 'c', .operand = "NAME", .help = "In a group: the container"},
    {.name = "json", .help = "Print JSON, once"},
    {0},
};

#define NOT_KNOWN UINT64_MAX /* what nobody counts, as in an enclave */

/* One look at a container; figures are bytes and microseconds since its start, or NOT_KNOWN. */
struct usage {
    uint64_t at_us, cpu_us, memory, limit, processes, read, written;
};

/* Whom one line is about. */
struct target {
    char name[RECORD_NAME_MAX + 1];
    char container[65]; /* of a group; "" for the one container */
    char label[132];    /* "shop/web" */
    uint64_t machine_memory;
    struct usage seen; /* the last look; at_us 0 for none */
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

/* A file that is not there is NULL. */
static int read_file(const json_t *result, const char *name, const char **out, struct error *err)
{
    *out = NULL;
    if (!json_object_get(result, name))
        return 0;
    return json_get_text(result, name, out, err) < 0 ? error_context(err, "the guest's figures")
                                                     : 0;
}

/* Without what could be dropped of cached files. */
static uint64_t memory_of(const char *memory, const char *stat)
{
    uint64_t cache = stat ? sum_of(stat, "inactive_file ") : 0;
    uint64_t current = memory ? sum_of(memory, "") : NOT_KNOWN;
    if (!memory)
        return NOT_KNOWN;
    return current > cache ? current - cache : 0;
}

static int read_usage(const json_t *result, struct usage *out, struct error *err)
{
    const char *cpu, *memory, *max, *stat, *pids, *io;
    struct timespec now;
    if (read_file(result, "cpu.stat", &cpu, err) < 0 ||
        read_file(result, "memory.current", &memory, err) < 0 ||
        read_file(result, "memory.max", &max, err) < 0 ||
        read_file(result, "memory.stat", &stat, err) < 0 ||
        read_file(result, "pids.current", &pids, err) < 0 ||
        read_file(result, "io.stat", &io, err) < 0)
        return -1;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    *out = (struct usage){.at_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
                          .cpu_us = cpu ? sum_of(cpu, "usage_usec ") : NOT_KNOWN,
                          .memory = memory_of(memory, stat),
                          .limit = max ? sum_of(max, "") : NOT_KNOWN,
                          .processes = pids ? sum_of(pids, "") : NOT_KNOWN,
                          .read = io ? sum_of_disks(io, "rbytes=") : NOT_KNOWN,
                          .written = io ? sum_of_disks(io, "wbytes=") : NOT_KNOWN};
    return 0;
}

static int look(struct target *target, struct usage *out, struct error *err)
{
    json_auto_t *result = NULL;
    CLIENT_AUTO connection = client_connect(target->name, err);
    if (!connection)
        return -1;
    if (client_query(connection, "usage", json_pack("{s:s}", "container", target->container),
                     &result, err) < 0 ||
        read_usage(result, out, err) < 0)
        return error_context(err, "%s", target->label);
    /* Without a limit of its own, the machine's memory is one. */
    if (out->limit == 0)
        out->limit = target->machine_memory;
    return 0;
}

/* --- whom to look at -------------------------------------------------------------------------- */

/* One line each. Those that were there in the round before keep what was seen then. */
struct targets {
    struct target items[TARGETS_MAX];
    size_t count;
};

static int add_target(const struct record *record, const char *container,
                      const struct targets *before, struct targets *out, struct error *err)
{
    if (out->count == TARGETS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d containers; name some", TARGETS_MAX);
    struct target *target = &out->items[out->count++];
    *target = (struct target){.machine_memory = (uint64_t)record->memory_mib << 20};
    (void)text_copy(target->name, sizeof target->name, record->name);
    (void)text_copy(target->container, sizeof target->container, container);
    (void)snprintf(target->label, sizeof target->label, "%s%s%s", record->name,
                   *container ? "/" : "", container);
    for (size_t i = 0; i < before->count; i++) {
        if (strcmp(before->items[i].label, target->label) == 0)
            target->seen = before->items[i].seen;
    }
    return 0;
}

/* The containers of a group that run, or the one container. */
static int add_machine(const struct record *record, const char *container,
                       const struct targets *before, struct targets *out, struct error *err)
{
    if (container || json_array_size(record->containers) == 0)
        return add_target(record, container ? container : "", before, out, err);
    for (size_t i = 0; i < json_array_size(record->containers); i++) {
        const json_t *each = json_array_get(record->containers, i);
        const char *name = json_string_value(json_object_get(each, "name"));
        const char *status = json_string_value(json_object_get(each, "status"));
        if (name && status && strcmp(status, "running") == 0 &&
            add_target(record, name, before, out, err) < 0)
            return -1;
    }
    return 0;
}

static int collect_all(const struct targets *before, struct targets *out, struct error *err)
{
    char **names;
    int status = record_names(&names, err);
    for (size_t i = 0; status == 0 && names && names[i]; i++) {
        RECORD_AUTO record = {0};
        struct error passed = {0}; /* one that is being made or removed is not there */
        if (record_read(names[i], &record, &passed) == 0 && record.status == RECORD_RUNNING)
            status = add_machine(&record, NULL, before, out, err);
    }
    record_names_free(names);
    return status;
}

/* Those that are named, or all that run. What has ended since the first round is passed over. */
static int collect(const struct args *args, bool first, const struct targets *before,
                   struct targets *out, struct error *err)
{
    char *const *names = args_operands(args);
    *out = (struct targets){0};
    if (!names[0])
        return collect_all(before, out, err);
    for (; *names; names++) {
        RECORD_AUTO record = {0};
        struct error passed = {0};
        if (record_read(*names, &record, first ? err : &passed) < 0) {
            if (first)
                return -1;
            continue;
        }
        if (record.status != RECORD_RUNNING && first)
            return error_set(err, ERROR_REFUSED, "%s does not run", *names);
        if (record.status != RECORD_RUNNING)
            continue;
        if (add_machine(&record, args_get(args, "container"), before, out, err) < 0)
            return -1;
    }
    return 0;
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* Negative where it is not known. */
static double cpu_percent(const struct usage *before, const struct usage *after)
{
    if (before->cpu_us == NOT_KNOWN || after->cpu_us == NOT_KNOWN)
        return -1;
    uint64_t passed = after->at_us - before->at_us;
    uint64_t used = after->cpu_us > before->cpu_us ? after->cpu_us - before->cpu_us : 0;
    return passed ? 100.0 * (double)used / (double)passed : 0;
}

static double memory_percent(const struct usage *usage)
{
    if (usage->memory == NOT_KNOWN || usage->limit == NOT_KNOWN)
        return -1;
    return usage->limit ? 100.0 * (double)usage->memory / (double)usage->limit : 0;
}

struct figure {
    char text[24];
};

static struct figure mib(uint64_t bytes, int digits)
{
    struct figure out = {.text = "-"};
    if (bytes != NOT_KNOWN)
        (void)snprintf(out.text, sizeof out.text, "%.*f", digits, (double)bytes / MIB);
    return out;
}

static struct figure percent(double value)
{
    struct figure out = {.text = "-"};
    if (value >= 0)
        (void)snprintf(out.text, sizeof out.text, "%.2f%%", value);
    return out;
}

static struct figure number(uint64_t value)
{
    struct figure out = {.text = "-"};
    if (value != NOT_KNOWN)
        (void)snprintf(out.text, sizeof out.text, "%llu", (unsigned long long)value);
    return out;
}

static void print_line(const char *name, const struct usage *before, const struct usage *after)
{
    (void)printf("%-24s %8s %9s / %s MiB %8s %8s %10s / %s MiB\n", name,
                 percent(cpu_percent(before, after)).text, mib(after->memory, 2).text,
                 mib(after->limit, 0).text, percent(memory_percent(after)).text,
                 number(after->processes).text, mib(after->read, 2).text,
                 mib(after->written, 2).text);
}

static json_t *json_number(uint64_t value)
{
    return value == NOT_KNOWN ? json_null() : json_integer((json_int_t)value);
}

/* What is not known is null. */
static int print_json(const struct target *target, const struct usage *before,
                      const struct usage *after, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    double cpu = cpu_percent(before, after);
    json_auto_t *object = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", target->name, "container",
        target->container, "cpu_percent", cpu < 0 ? json_null() : json_real(cpu), "cpu_usec",
        json_number(after->cpu_us), "memory", json_number(after->memory), "memory_limit",
        json_number(after->limit), "processes", json_number(after->processes), "read_bytes",
        json_number(after->read), "written_bytes", json_number(after->written));
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

/* A container that has ended since its record was read is passed over; one that was named has to be
 * there at first. */
static int show_one(const struct args *args, struct target *target, bool first, struct error *err)
{
    struct error passed = {0};
    struct usage now;
    bool named = args_operand_count(args) > 0 && first;
    if (look(target, &now, named ? err : &passed) < 0) {
        target->seen.at_us = 0;
        return named ? -1 : 0;
    }
    struct usage before = target->seen.at_us ? target->seen : now;
    target->seen = now;
    if (first)
        return 0;
    if (args_has(args, "json"))
        return print_json(target, &before, &now, err);
    print_line(target->label, &before, &now);
    return 0;
}

/* Looks at each once. The first round is what the next one's figures are against. */
static int show_round(const struct args *args, struct targets *targets, bool first, bool live,
                      struct error *err)
{
    if (!first && !args_has(args, "json"))
        print_head(live);
    for (size_t i = 0; i < targets->count; i++) {
        if (show_one(args, &targets->items[i], first, err) < 0)
            return -1;
    }
    return fflush(stdout) == 0 ? 0 : error_set(err, ERROR_SYSTEM, "cannot write standard output");
}

static int show(const struct args *args, struct targets rounds[2], struct error *err)
{
    const struct timespec pause = {.tv_sec = ROUND_MS / 1000,
                                   .tv_nsec = ROUND_MS % 1000 * 1000000L};
    bool once = args_has(args, "no-stream") || args_has(args, "json");
    bool live = !once && terminal_is(STDOUT_FILENO);
    if (collect(args, true, &rounds[1], &rounds[0], err) < 0 ||
        show_round(args, &rounds[0], true, live, err) < 0)
        return -1;
    for (size_t i = 1;; i++) {
        (void)nanosleep(&pause, NULL);
        if (collect(args, false, &rounds[(i + 1) % 2], &rounds[i % 2], err) < 0 ||
            show_round(args, &rounds[i % 2], false, live, err) < 0)
            return -1;
        if (once || (args_operand_count(args) > 0 && rounds[i % 2].count == 0))
            return EXIT_OK;
    }
}

static int run(const struct args *args, struct error *err)
{
    if (args_has(args, "container") && args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "--container is for one machine that is named");
    struct targets *rounds = calloc(2, sizeof *rounds);
    if (!rounds)
        return error_memory(err);
    int status = show(args, rounds, err);
    free(rounds);
    return status;
}

const struct command command_stats = {
    .name = "stats",
    .operands = "[NAME…]",
    .summary = "Show what containers use",
    .description =
        "Of the machines that are named, or of all that run: a line for each container, a group's "
        "as "
        "GROUP/CONTAINER. "
        "CPU time over a second, memory without what could be dropped of cached files, processes, "
        "and what was read and written on disks. On a terminal it goes on until it is interrupted. "
        "Without a limit of its own a container has the machine's memory as one.\n\n"
        "The figures are the guest's; what nobody counts there is \"-\", and null in JSON. An "
        "enclave "
        "knows how many processes there are, and memory as long as there is one. A policy with "
        "allow_properties_access off tells nothing.",
    .options = options,
    .run = run,
};
