/* `caisson policy diff`: what differs between two policies. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/policy_file.h"
#include "os/file.h"
#include "policy/diff.h"

#define PAGE_MAX ((size_t)256 << 20)

static int run(const struct args *args, struct error *err)
{
    char *const *paths = args_operands(args);
    BUF_AUTO first = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    BUF_AUTO second = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    BUF_AUTO page = BUF_WITH_LIMIT(PAGE_MAX);
    POLICY_AUTO a = NULL;
    POLICY_AUTO b = NULL;
    bool same;
    if (args_operand_count(args) != 2)
        return error_set(err, ERROR_USAGE, "diff wants two policies");
    if (policy_file_read(args, paths[0], &first, &a, err) < 0 ||
        policy_file_read(args, paths[1], &second, &b, err) < 0 ||
        policy_diff(buf_span(&first), buf_span(&second), POLICY_DIFF_VALUES, &page, &same, err) < 0)
        return -1;
    (void)fwrite(page.data, 1, page.size, stdout);
    return same ? EXIT_OK : EXIT_REFUSED;
}

static const struct option_rule options[] = {POLICY_ALLOW_ALL_OPTION, {0}};

const struct command command_policy_diff = {
    .name = "policy diff",
    .operands = "FIRST SECOND",
    .summary = "Tell what differs between two policies, by container and key",
    .description =
        "Layout, comments and order do not count here, but the hash does count them: policies "
        "without a difference may have different hashes. Lists of rules and layers are compared "
        "element by element; rows of containers by their names.\n\n"
        "The exit status is 0 where nothing differs, 1 where something does or a policy is not "
        "accepted.",
    .options = options,
    .run = run,
};
