/* `caisson top`: the processes of a container. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "format/json.h"
#include "vm/client.h"

#define TICKS_A_SECOND 100
#define PAGE_KIB       4

static const struct option_rule options[] = {
    {.name = "container", .letter = 'c', .operand = "NAME", .help = "In a group: the container"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

/* What the guest says is the guest's: a name may hold anything. */
static const char *plain(const char *name)
{
    return text_is_utf8(span_of_text(name)) && !strpbrk(name, "\n\r\t\033") ? name : "?";
}

#define NOT_KNOWN "-"

/* What nobody counts is not told (an enclave of another process). */
static int read_state(const json_t *process, const char **out, struct error *err)
{
    *out = NOT_KNOWN;
    return json_object_get(process, "state") ? json_get_text(process, "state", out, err) : 0;
}

static int read_time(const json_t *process, char out[32], struct error *err)
{
    uint64_t ticks;
    (void)text_copy(out, 32, NOT_KNOWN);
    if (!json_object_get(process, "ticks"))
        return 0;
    if (json_get_u64(process, "ticks", INT64_MAX, &ticks, err) < 0)
        return -1;
    (void)snprintf(out, 32, "%llu:%02llu.%02llu", (unsigned long long)(ticks / TICKS_A_SECOND / 60),
                   (unsigned long long)(ticks / TICKS_A_SECOND % 60),
                   (unsigned long long)(ticks % TICKS_A_SECOND));
    return 0;
}

static int read_memory(const json_t *process, char out[32], struct error *err)
{
    uint64_t pages;
    (void)text_copy(out, 32, NOT_KNOWN);
    if (!json_object_get(process, "pages"))
        return 0;
    if (json_get_u64(process, "pages", INT64_MAX / 4096, &pages, err) < 0)
        return -1;
    (void)snprintf(out, 32, "%llu", (unsigned long long)pages * PAGE_KIB);
    return 0;
}

static int print_one(const json_t *process, struct error *err)
{
    const char *name, *state;
    char spent[32], memory[32];
    uint64_t pid, user;
    if (json_get_u64(process, "pid", INT32_MAX, &pid, err) < 0 ||
        json_get_u64(process, "user", UINT32_MAX, &user, err) < 0 ||
        read_state(process, &state, err) < 0 || read_time(process, spent, err) < 0 ||
        read_memory(process, memory, err) < 0 || json_get_text(process, "name", &name, err) < 0)
        return error_context(err, "the guest's list");
    (void)printf("%-8llu %-8llu %-5.1s %12s %10s  %s\n", (unsigned long long)pid,
                 (unsigned long long)user, plain(state), spent, memory, plain(name));
    return 0;
}

static int print(const struct args *args, const json_t *result, struct error *err)
{
    json_t *processes;
    if (json_get_array(result, "processes", &processes, err) < 0)
        return error_context(err, "the guest's list");
    if (args_has(args, "json")) {
        BUF_AUTO text = BUF_WITH_LIMIT((size_t)1 << 20);
        if (json_append_pretty(processes, &text, err) < 0)
            return -1;
        (void)fputs(buf_text(&text), stdout);
        return EXIT_OK;
    }
    (void)printf("%-8s %-8s %-5s %12s %10s  %s\n", "PID", "USER", "STATE", "TIME", "RSS KIB",
                 "NAME");
    for (size_t i = 0; i < json_array_size(processes); i++) {
        if (print_one(json_array_get(processes, i), err) < 0)
            return -1;
    }
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    const char *container = args_get(args, "container");
    json_auto_t *result = NULL;
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one machine");
    const char *name = args_operands(args)[0];
    CLIENT_AUTO connection = client_connect(name, err);
    if (!connection)
        return -1;
    if (client_query(connection, "processes",
                     json_pack("{s:s}", "container", container ? container : ""), &result, err) < 0)
        return error_context(err, "%s", name);
    return print(args, result, err);
}

const struct command command_top = {
    .name = "top",
    .operands = "NAME",
    .summary = "List the processes of a container",
    .description =
        "Their numbers are the machine's. Arguments are not told: they may hold what the "
        "policy does not mean to tell. A policy with allow_properties_access off tells "
        "nothing. What nobody counts is \"-\": in an enclave, the time and memory of all but the "
        "first "
        "process.",
    .options = options,
    .run = run,
};
