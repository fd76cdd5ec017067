/* `caisson doctor`: what this machine can do, and what is missing. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/doctor_checks.h"
#include "format/json.h"

static const struct option_rule options[] = {
    {.name = "guest", .operand = "DIR", .help = "The guest's files (default: beside the program)"},
    {.name = "json", .help = "Print JSON"},
    {0},
};

static int print_json(const struct diagnosis *diagnosis, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    json_auto_t *found = json_array();
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct finding *each = &diagnosis->findings[i];
        if (json_array_append_new(found, json_pack("{s:s, s:s, s:s, s:s}", "name", each->name,
                                                   "state", finding_state_name(each->state),
                                                   "found", each->found, "remedy", each->remedy)) <
            0)
            return error_memory(err);
    }
    json_auto_t *kinds = json_object();
    for (enum vm_tee tee = 0; tee < VM_TEE_COUNT; tee++) {
        if (json_object_set_new(kinds, vm_tee_name(tee), json_boolean(diagnosis->works[tee])) < 0)
            return error_memory(err);
    }
    json_auto_t *all = json_pack("{s:O, s:O}", "checks", found, "tee", kinds);
    if (!all)
        return error_memory(err);
    if (json_append_pretty(all, &text, err) < 0)
        return -1;
    (void)fputs(buf_text(&text), stdout);
    return 0;
}

static void print_text(const struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct finding *each = &diagnosis->findings[i];
        (void)printf("%-9s %-20s %s\n", finding_state_name(each->state), each->name, each->found);
        if (each->remedy[0])
            (void)printf("%-9s %-20s → %s\n", "", "", each->remedy);
    }
    (void)printf("\n");
    for (enum vm_tee tee = 0; tee < VM_TEE_COUNT; tee++)
        (void)printf("--tee %s %s here.\n", vm_tee_name(tee),
                     diagnosis->works[tee] ? "works" : "does not work");
}

static int run(const struct args *args, struct error *err)
{
    struct diagnosis diagnosis;
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "doctor takes no operand");
    doctor_examine(args_get(args, "guest"), &diagnosis);
    if (args_has(args, "json")) {
        if (print_json(&diagnosis, err) < 0)
            return -1;
    } else
        print_text(&diagnosis);
    return diagnosis.works[VM_TEE_SIMULATED] ? EXIT_OK : EXIT_ENVIRONMENT;
}

const struct command command_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "Tell what this machine can do and what is missing",
    .description =
        "Each line is a check: ok, missing, or optional (it is not there, and --tee simulated "
        "works without it), what was found, and what to do about it.\n\n"
        "The exit status is 0 when at least --tee simulated works, else 3.",
    .options = options,
    .run = run,
};
