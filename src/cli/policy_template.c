#include "cli/policy_template.h"

#include <stdio.h>
#include <string.h>

#include "cli/arm_file.h"
#include "cli/command.h"
#include "cli/policy_output.h"
#include "cli/workload_images.h"
#include "os/file.h"
#include "policy/policy.h"
#include "template/config.h"

static const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};

bool policy_template_wanted(const struct args *args)
{
    return args_has(args, "arm") || args_has(args, "input");
}

/* What makes sense for something else alone. */
static int check_options(const struct args *args, struct error *err)
{
    static const char *const others[] = {"env",    "env-file",        "workdir",
                                         "user",   "entrypoint",      "kubernetes",
                                         "secret", "attestation-api", "security-context"};
    static const char *const of_templates[] = {"parameters",       "subscription", "resource-group",
                                               "location",         "diff",         "write",
                                               "approve-wildcards"};
    const char *source = args_has(args, "arm") ? "arm" : "input";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (args_has(args, others[i]))
            return error_set(err, ERROR_USAGE, "--%s does not go with --%s", others[i], source);
    }
    for (size_t i = 0; i < sizeof of_templates / sizeof *of_templates; i++) {
        if (args_has(args, "input") && args_has(args, of_templates[i]))
            return error_set(err, ERROR_USAGE, "--%s does not go with --input", of_templates[i]);
    }
    if (args_has(args, "arm") && args_has(args, "input"))
        return error_set(err, ERROR_USAGE, "--arm does not go with --input");
    if (args_operand_count(args) > 0)
        return error_set(err, ERROR_USAGE, "--%s names its images itself: leave \"%.64s\" out",
                         source, args_operands(args)[0]);
    bool all = args_has(args, "write") || args_has(args, "diff");
    if (all && (args_has(args, "output") || args_has(args, "workload")))
        return error_set(err, ERROR_USAGE,
                         "--write and --diff are for all groups of the template: leave --output "
                         "and --workload out");
    if (args_has(args, "write") && args_has(args, "diff"))
        return error_set(err, ERROR_USAGE, "--write does not go with --diff");
    return 0;
}

static int read_input(const char *path, struct template_groups *groups, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    return template_read_config(buf_span(&text), groups, err) < 0 ? error_context(err, "%s", path)
                                                                  : 0;
}

static int read_groups(const struct args *args, struct arm_file *file,
                       struct template_groups *groups, struct error *err)
{
    struct template_arm_options options = {
        .approve_wildcards = args_has(args, "approve-wildcards"),
        .facts = {.subscription = args_get(args, "subscription"),
                  .resource_group = args_get(args, "resource-group"),
                  .location = args_get(args, "location")},
    };
    if (args_has(args, "input"))
        return read_input(args_get(args, "input"), groups, err);
    return arm_file_read(file, args_get(args, "arm"), args_get(args, "parameters"), &options,
                         groups, err);
}

static int make_policy(struct template_groups *groups, size_t index,
                       const struct template_images *images, struct buf *out, struct error *err)
{
    const struct template_group *group = &groups->groups[index];
    if (template_policy(groups, group, &form, images, out, err) < 0 ||
        policy_output_check(buf_span(out), err) < 0)
        return *group->name ? error_context(err, "container group \"%.64s\"", group->name) : -1;
    return 0;
}

static int write_one(const struct args *args, struct template_groups *groups,
                     const struct template_images *images, struct error *err)
{
    BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    size_t index = 0;
    if (policy_output_choose(args, groups, "template", "container group", &index, err) < 0 ||
        make_policy(groups, index, images, &policy, err) < 0 ||
        policy_output_write(args_get(args, "output"), buf_span(&policy), err) < 0)
        return -1;
    return EXIT_OK;
}

static int append_hash(struct buf *lines, struct span policy, const char *name, struct error *err)
{
    char hex[65];
    policy_output_hash(policy, hex);
    return buf_printf(lines, err, "%s  %s\n", hex, name);
}

/* All policies into the template; their hashes are printed, with the groups' names. */
static int write_all(struct arm_file *file, struct template_groups *groups,
                     const struct template_images *images, struct error *err)
{
    BUF_AUTO lines = BUF_WITH_LIMIT((size_t)1 << 20);
    for (size_t i = 0; i < groups->count; i++) {
        BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
        if (make_policy(groups, i, images, &policy, err) < 0 ||
            arm_file_put(file, &groups->groups[i], buf_span(&policy), err) < 0 ||
            append_hash(&lines, buf_span(&policy), groups->groups[i].name, err) < 0)
            return -1;
    }
    if (arm_file_write(file, err) < 0)
        return -1;
    (void)fputs(buf_text(&lines), stdout);
    return EXIT_OK;
}

static int compare_all(struct template_groups *groups, const struct template_images *images,
                       struct error *err)
{
    bool differ = false;
    for (size_t i = 0; i < groups->count; i++) {
        BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
        BUF_AUTO lines = BUF_WITH_LIMIT((size_t)16 << 20);
        if (make_policy(groups, i, images, &policy, err) < 0 ||
            arm_file_compare(&groups->groups[i], buf_span(&policy), &lines, err) < 0)
            return -1;
        differ = differ || lines.size > 0;
        (void)printf("container group \"%s\": %s\n%s", groups->groups[i].name,
                     lines.size > 0 ? "the policy there (first) differs from the one made (second)"
                                    : "the policy is the same",
                     buf_text(&lines));
    }
    return differ ? EXIT_REFUSED : EXIT_OK;
}

int policy_generate_template(const struct args *args, const struct image_options *options,
                             struct error *err)
{
    ARM_FILE_AUTO file = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    WORKLOAD_IMAGES_AUTO images = {0};
    if (check_options(args, err) < 0 || template_groups_init(&groups, err) < 0 ||
        read_groups(args, &file, &groups, err) < 0 ||
        workload_images_init(&images, args_get(args, "images"), options, err) < 0)
        return -1;
    const struct template_images source = workload_images_source(&images);
    if (args_has(args, "write"))
        return write_all(&file, &groups, &source, err);
    if (args_has(args, "diff"))
        return compare_all(&groups, &source, err);
    return write_one(args, &groups, &source, err);
}
