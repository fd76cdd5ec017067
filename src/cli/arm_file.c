#include "cli/arm_file.h"

#include <sys/stat.h>

#include "base/base64.h"
#include "base/log.h"
#include "os/file.h"
#include "os/output.h"
#include "policy/diff.h"
#include "policy/policy.h"

static int read_texts(struct arm_file *file, const char *parameters, struct buf *given,
                      struct error *err)
{
    if (file_read(file->path, &file->text, err) < 0)
        return -1;
    return parameters ? file_read(parameters, given, err) : 0;
}

int arm_file_read(struct arm_file *file, const char *path, const char *parameters,
                  struct template_arm_options *options, struct template_groups *groups,
                  struct error *err)
{
    BUF_AUTO given = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    *file = (struct arm_file){.path = path, .text = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX)};
    if (read_texts(file, parameters, &given, err) < 0)
        return -1;
    if (template_read_arm(buf_span(&file->text), buf_span(&given), options, groups, err) < 0)
        return error_context(err, "%s", path);
    if (options->left_out > 0)
        log_warning("%zu variables without a value are left out, %.64s the last; with "
                    "--approve-wildcards they may be any",
                    options->left_out, options->left_out_name);
    return 0;
}

void arm_file_fini(struct arm_file *file)
{
    buf_fini(&file->text);
}

int arm_file_put(struct arm_file *file, const struct template_group *group, struct span policy,
                 struct error *err)
{
    BUF_AUTO base64 = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    BUF_AUTO text = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    if (base64_encode(policy, &base64, err) < 0 ||
        template_write_arm(buf_span(&file->text), group->place, buf_text(&base64), &text, err) < 0)
        return error_context(err, "%s: container group \"%.64s\"", file->path, group->name);
    struct buf old = file->text;
    file->text = text;
    text = old; /* released on return */
    return 0;
}

int arm_file_write(const struct arm_file *file, struct error *err)
{
    struct stat status;
    mode_t mode = stat(file->path, &status) == 0 ? status.st_mode & 0777 : 0644;
    return output_write(file->path, buf_span(&file->text), mode, err);
}

int arm_file_compare(const struct template_group *group, struct span policy, struct buf *out,
                     struct error *err)
{
    BUF_AUTO there = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    bool same = false;
    if (!group->policy || !*group->policy)
        return buf_append_text(out, "there is no policy in the file\n", err);
    if (expression_is(group->policy))
        return buf_append_text(out, "the policy in the file is an expression\n", err);
    if (base64_decode(span_of_text(group->policy), &there, err) < 0)
        return error_context(err, "the policy of \"%.64s\"", group->name);
    if (span_equal(buf_span(&there), policy))
        return 0;
    if (policy_diff(buf_span(&there), policy, POLICY_DIFF_NAMES, out, &same, err) < 0)
        return error_context(err, "the policies of \"%.64s\"", group->name);
    return same ? buf_append_text(out, "only order or layout: the hashes differ\n", err) : 0;
}
