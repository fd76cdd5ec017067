/* `caisson exec`: one more process in a container that runs. */
#include <unistd.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/workload.h"
#include "os/terminal.h"
#include "vm/client.h"

static const struct option_rule options[] = {
    WORKLOAD_PROCESS_OPTIONS,
    {.name = "interactive", .letter = 'i', .help = "Join standard input"},
    {.name = "tty", .letter = 't', .help = "Give the process a terminal"},
    {.name = "detach", .letter = 'd', .help = "Leave it running, its output to nowhere"},
    {.name = "container", .letter = 'c', .operand = "NAME", .help = "In a group: the container"},
    {.name = "privileged", .refusal = "a process gets no more than its container has"},
    {.name = "entrypoint",
     .operand = "PROGRAM",
     .refusal = "what is run is the command after the name"},
    {.name = "allow-exec",
     .operand = "COMMAND",
     .refusal = "the policy says what may be run, and it is part of what is measured"},
    {0},
};

static int check(const struct args *args, struct error *err)
{
    if (args_operand_count(args) < 2)
        return error_set(err, ERROR_USAGE, "name a machine, and the command to run in it");
    if (args_has(args, "detach") && args_has(args, "interactive"))
        return error_set(err, ERROR_USAGE, "--detach leaves no input to join; leave -i out");
    if (args_has(args, "tty") && args_has(args, "interactive") && !terminal_is(STDIN_FILENO))
        return error_set(err, ERROR_USAGE,
                         "--tty and --interactive need a terminal as standard input; leave --tty "
                         "out to pipe something in");
    return 0;
}

static int exec_in(const struct args *args, const struct workload *workload, struct error *err)
{
    const char *container = args_get(args, "container");
    bool input = args_has(args, "interactive");
    const struct client_streams streams = {.in = input ? STDIN_FILENO : -1,
                                           .out = STDOUT_FILENO,
                                           .error = STDERR_FILENO,
                                           .terminal = args_has(args, "tty")};
    struct client_exec exec = {.container = container ? container : "",
                               .args = workload->args,
                               .env = workload->env,
                               .cwd = args_has(args, "workdir") ? workload->cwd : "",
                               .user = workload->user,
                               .rows = 24,
                               .columns = 80,
                               .detach = args_has(args, "detach")};
    struct client_exit end;
    (void)terminal_size(STDIN_FILENO, &exec.rows, &exec.columns);
    CLIENT_AUTO connection = client_connect(args_operands(args)[0], err);
    if (!connection || client_exec(connection, &exec, &streams, &end, err) < 0)
        return -1;
    if (end.failure.code == ERROR_NONE)
        return (int)end.code;
    *err = end.failure;
    return -1;
}

static int run(const struct args *args, struct error *err)
{
    static const struct oci_config nothing;
    WORKLOAD_AUTO workload = {0};
    if (check(args, err) < 0 ||
        workload_init(&workload, &nothing, args, args_operands(args) + 1, err) < 0)
        return -1;
    if (args_has(args, "tty") && !workload_has_env(&workload, "TERM") &&
        workload_set_env(&workload, "TERM=xterm", err) < 0)
        return -1;
    return exec_in(args, &workload, err);
}

const struct command command_exec = {
    .name = "exec",
    .operands = "NAME COMMAND [ARG…]",
    .summary = "Run one more process in a container, as its policy allows",
    .description =
        "The policy lists the commands that may be run in a container, word for word "
        "(exec_processes); caisson run and caisson policy generate take them by --allow-exec. "
        "Folder, user and capabilities are the container's, and so are its variables, over which "
        "-e sets others as far as the policy has rules for them.\n\n"
        "The exit status is the process's own. Signals are handed on to it where the policy lists "
        "them for that command; where it does not, they end the waiting alone.",
    .options = options,
    .stop_at_operand = true,
    .run = run,
};
