#include "cli/confcom_output.h"

#include <stdio.h>

#include "base/base64.h"
#include "cli/command.h"
#include "cli/pod_file.h"
#include "cli/policy_output.h"
#include "os/output.h"

#define TEXT_MAX ((size_t)16 << 20) /* bytes of what is printed for one group */

static int compact_policy(struct confcom_output *output, const struct template_group *group,
                          struct buf *out, struct error *err)
{
    return template_policy(output->groups, group, &output->form, &output->images, out, err);
}

/* In the form that the options ask for: base64 where they ask for none. */
static int shown_policy(struct confcom_output *output, const struct template_group *group,
                        struct buf *out, struct error *err)
{
    BUF_AUTO compact = BUF_WITH_LIMIT(TEXT_MAX);
    struct template_form form = output->form;
    form.pretty = args_has(output->args, "outraw-pretty-print");
    if (form.pretty || args_has(output->args, "outraw"))
        return template_policy(output->groups, group, &form, &output->images, out, err);
    if (compact_policy(output, group, &compact, err) < 0)
        return -1;
    return base64_encode(buf_span(&compact), out, err);
}

static int print_policies(struct confcom_output *output, struct error *err)
{
    const char *path = args_get(output->args, "save-to-file");
    for (size_t i = 0; i < output->groups->count; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        if (shown_policy(output, &output->groups->groups[i], &text, err) < 0)
            return -1;
        (void)fwrite(text.data, 1, text.size, stdout);
        (void)fputs("\n\n\n", stdout);
        if (path && output_write(path, buf_span(&text), 0644, err) < 0)
            return -1;
    }
    return EXIT_OK;
}

/* confcom asks before it replaces a policy; here --approve-wildcards is the answer, for all. */
static int check_replaced(const struct confcom_output *output, struct error *err)
{
    for (size_t i = 0; i < output->groups->count; i++) {
        const struct template_group *group = &output->groups->groups[i];
        if (group->policy && *group->policy && !args_has(output->args, "approve-wildcards"))
            return error_set(err, ERROR_REFUSED,
                             "container group \"%.64s\" has a policy; --approve-wildcards "
                             "replaces it",
                             group->name);
    }
    return 0;
}

/* Into the text of the template, or the annotations of the manifest, that is held. */
static int put_policy(struct confcom_output *output, const struct template_group *group,
                      struct span policy, struct error *err)
{
    return args_has(output->args, "template-file")
               ? arm_file_put(output->template, group, policy, err)
               : pod_file_annotate(output->manifest, output->pods, group->place, policy, err);
}

static int write_file(const struct confcom_output *output, struct error *err)
{
    return args_has(output->args, "template-file") ? arm_file_write(output->template, err)
                                                   : pod_file_write(output->manifest, err);
}

/* All policies into the file that they were read from; their hashes are printed. */
static int write_into_file(struct confcom_output *output, struct error *err)
{
    BUF_AUTO lines = BUF_WITH_LIMIT(TEXT_MAX);
    if (check_replaced(output, err) < 0)
        return -1;
    for (size_t i = 0; i < output->groups->count; i++) {
        const struct template_group *group = &output->groups->groups[i];
        BUF_AUTO policy = BUF_WITH_LIMIT(TEXT_MAX);
        char hex[65];
        if (compact_policy(output, group, &policy, err) < 0 ||
            put_policy(output, group, buf_span(&policy), err) < 0)
            return -1;
        policy_output_hash(buf_span(&policy), hex);
        if (buf_printf(&lines, err, "%s\n", hex) < 0)
            return -1;
    }
    if (write_file(output, err) < 0)
        return -1;
    (void)fputs(buf_text(&lines), stdout);
    return EXIT_OK;
}

/* confcom's exit status where they differ. */
#define EXIT_DIFFERENT 2

static int compare(struct confcom_output *output, struct error *err)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < output->groups->count; i++) {
        const struct template_group *group = &output->groups->groups[i];
        BUF_AUTO policy = BUF_WITH_LIMIT(TEXT_MAX);
        BUF_AUTO lines = BUF_WITH_LIMIT(TEXT_MAX);
        if (compact_policy(output, group, &policy, err) < 0 ||
            arm_file_compare(group, buf_span(&policy), &lines, err) < 0)
            return -1;
        if (lines.size > 0)
            status = EXIT_DIFFERENT;
        (void)fputs(lines.size > 0 ? buf_text(&lines) : "Existing policy and Template match\n",
                    stdout);
    }
    return status;
}

int confcom_write(struct confcom_output *output, struct error *err)
{
    const struct args *args = output->args;
    bool printed = args_has(args, "outraw") || args_has(args, "outraw-pretty-print") ||
                   args_has(args, "print-policy");
    bool from_file = args_has(args, "template-file") || args_has(args, "virtual-node-yaml");
    if (args_has(args, "diff"))
        return compare(output, err);
    if (from_file && !printed)
        return write_into_file(output, err);
    return print_policies(output, err);
}

int confcom_print_existing(struct confcom_output *output, struct error *err)
{
    for (size_t i = 0; i < output->groups->count; i++) {
        const struct template_group *group = &output->groups->groups[i];
        BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
        if (!group->policy || !*group->policy)
            return error_set(err, ERROR_NOT_FOUND, "container group \"%.64s\" has no policy",
                             group->name);
        if (base64_decode(span_of_text(group->policy), &text, err) < 0)
            return error_context(err, "the policy of container group \"%.64s\"", group->name);
        (void)printf("CCE Policy for Container Group: %s\n\n", group->name);
        (void)fwrite(text.data, 1, text.size, stdout);
        (void)putchar('\n');
    }
    return EXIT_OK;
}
