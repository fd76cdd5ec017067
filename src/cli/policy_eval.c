/* `caisson policy eval`: what a policy answers to a list of calls. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/policy_file.h"
#include "os/file.h"
#include "policy/calls.h"

#define ANSWERS_MAX ((size_t)1 << 30) /* bytes of output */

static const struct option_rule options[] = {
    {.name = "policy", .operand = "FILE", .help = "The policy"},
    {.name = "calls", .operand = "FILE", .help = "The calls, a JSON array"},
    POLICY_ALLOW_ALL_OPTION,
    {0},
};

static int play(struct policy_calls *calls, struct policy_state *state, struct buf *answers,
                struct error *err)
{
    POLICY_DECISION_AUTO decision = {0};
    for (size_t i = 0; i < policy_calls_count(calls); i++) {
        if (policy_calls_play(calls, i, state, &decision, err) < 0 ||
            policy_calls_answer(calls, i, &decision, answers, err) < 0)
            return -1;
    }
    return 0;
}

static int read_calls(const char *path, struct policy_calls **calls, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_CALLS_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    return policy_calls_parse(buf_span(&text), calls, err) < 0 ? error_context(err, "%s", path) : 0;
}

/* All answers are printed, or none where a call is malformed. */
static int eval(const struct policy *policy, struct policy_calls *calls, struct error *err)
{
    struct policy_state *state;
    BUF_AUTO answers = BUF_WITH_LIMIT(ANSWERS_MAX);
    if (policy_state_new(policy, &state, err) < 0)
        return -1;
    int result = play(calls, state, &answers, err);
    policy_state_free(state);
    if (result == 0)
        (void)fwrite(answers.data, 1, answers.size, stdout);
    return result;
}

static int run(const struct args *args, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    POLICY_AUTO policy = NULL;
    POLICY_CALLS_AUTO calls = NULL;
    const char *calls_path = args_get(args, "calls");
    if (args_operand_count(args) > 0 || !args_has(args, "policy") || !calls_path)
        return error_set(err, ERROR_USAGE, "eval wants --policy FILE and --calls FILE");
    if (policy_file_read(args, args_get(args, "policy"), &text, &policy, err) < 0 ||
        read_calls(calls_path, &calls, err) < 0)
        return -1;
    return eval(policy, calls, err) < 0 ? error_context(err, "%s", calls_path) : EXIT_OK;
}

const struct command command_policy_eval = {
    .name = "policy eval",
    .operands = "",
    .summary = "Play a list of calls under a policy, and print what is allowed and why not",
    .description =
        "The calls are made in their order on one state, as a host would make them of one machine: "
        "each is an object with Op, the enforcement point, and the members that this point takes "
        "(docs/policy.md). A line of JSON answers each: i, op, note, allowed; what a process keeps "
        "(env_kept, caps_kept, stdio); and errors, where it is denied.\n\n"
        "The exit status is 0 when all were answered, whatever the answers; 1 for a policy or a "
        "list that is not accepted.",
    .options = options,
    .run = run,
};
