/* `caisson cp`, which is refused: known, so that whoever asks is told why. */
#include "cli/command.h"
#include "cli/commands.h"

static const struct option_rule options[] = {{0}};

static int run(const struct args *args, struct error *err)
{
    (void)args;
    return error_set(
        err, ERROR_REFUSED,
        "cp is refused: the host is what the container is protected from, so it neither "
        "reads the container's files nor changes them; put files into a layer of the "
        "image, or let the workload send and fetch them itself");
}

const struct command command_cp = {
    .name = "cp",
    .operands = "SOURCE TARGET",
    .summary = "Refused: the host reads and writes no files of a container's",
    .description = "Files come with the image, whose layers the policy names. What may leave is "
                   "what the workload sends.",
    .options = options,
    .run = run,
};
