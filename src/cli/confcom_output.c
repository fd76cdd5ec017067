#include "cli/confcom_output.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/log.h"
#include "cli/command.h"
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

int confcom_write(struct confcom_output *output, struct error *err)
{
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
