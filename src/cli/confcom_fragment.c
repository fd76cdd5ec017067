/* `caisson confcom acifragmentgen`: a fragment's text from images, as far as that needs no network
 * of confcom's own. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/workload_images.h"
#include "os/file.h"
#include "os/output.h"
#include "policy/policy.h"
#include "template/config.h"

#define TEXT_MAX ((size_t)4 << 20)

static const struct option_rule options[] = {
    {.name = "input", .letter = 'i', .operand = "FILE", .help = "Read containers from this JSON"},
    {.name = "image", .operand = "IMAGE", .help = "Describe this image alone"},
    {.name = "images", .operand = "LOCK", .help = "Take images from this lock alone"},
    {.name = "tar",
     .operand = "FILE",
     .help = "Take images from this archive, or from those that a .json file names"},
    {.name = "namespace",
     .letter = 'n',
     .operand = "NAME",
     .help = "The package that the fragment is"},
    {.name = "svn", .operand = "NUMBER", .help = "The fragment's security version"},
    {.name = "debug-mode", .help = "Let shells be started in the containers"},
    {.name = "disable-stdio", .help = "Keep standard streams inside the machine"},
    {.name = "output-filename", .operand = "FILE", .help = "Write to FILE, not to the output"},
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "key",
     .letter = 'k',
     .operand = "FILE",
     .help = "",
     .refusal = "sign what this writes by: caisson policy fragment sign"},
    {.name = "chain",
     .operand = "FILE",
     .help = "",
     .refusal = "sign what this writes by: caisson policy fragment sign"},
    {.name = "feed",
     .letter = 'f',
     .operand = "TEXT",
     .help = "",
     .refusal = "it goes to: caisson policy fragment sign"},
    {.name = "generate-import",
     .letter = 'g',
     .help = "",
     .refusal = "caisson policy fragment show --import prints it, once the fragment is signed"},
    {.name = "upload-fragment", .letter = 'u', .help = "", .refusal = "nothing is sent anywhere"},
    {0},
};

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const kept[] = {
        "policy", "framework", "api", "metadata", "data", "input", "microsoftcontainerinstance"};
    uint64_t svn;
    const char *name = args_get(args, "namespace");
    if (args_operand_count(args) > 0 || args_has(args, "input") == args_has(args, "image"))
        return error_set(err, ERROR_USAGE, "acifragmentgen wants --input FILE or --image IMAGE");
    if (!name || !args_has(args, "svn"))
        return error_set(err, ERROR_USAGE,
                         "acifragmentgen wants --namespace NAME and --svn NUMBER");
    if (!text_to_u64(args_get(args, "svn"), INT64_MAX, &svn))
        return error_set(err, ERROR_USAGE, "--svn is \"%.64s\", not a number",
                         args_get(args, "svn"));
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_')
            return error_set(err, ERROR_USAGE, "--namespace is \"%.64s\", not a name", name);
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (strcmp(kept[i], name) == 0)
            return error_set(err, ERROR_REFUSED, "the namespace \"%s\" is reserved", name);
    }
    return 0;
}

static int read_groups(const struct args *args, struct template_groups *groups, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEXT_MAX);
    const char *path = args_get(args, "input");
    if (!path)
        return template_of_image(args_get(args, "image"), groups, err);
    if (file_read(path, &text, err) < 0)
        return -1;
    return template_read_config(buf_span(&text), groups, err) < 0 ? error_context(err, "%s", path)
                                                                  : 0;
}

/* The line that begins so; the policy's writer puts each definition there whole. */
static int copy_line(const struct buf *policy, const char *start, struct buf *out,
                     struct error *err)
{
    const char *line = strstr(buf_text(policy), start);
    size_t size = line ? strcspn(line + 1, "\n") + 1 : 0;
    if (!line)
        return error_set(err, ERROR_INVALID, "nothing can be described");
    return buf_append(out, span_of(line, size), err);
}

/* The group's containers without the pause container, as a policy would have them. */
static int write_fragment(const struct args *args, struct template_groups *groups,
                          const struct template_images *images, struct buf *out, struct error *err)
{
    const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT,
                                       .debug = args_has(args, "debug-mode"),
                                       .disable_stdio = args_has(args, "disable-stdio"),
                                       .exclude_default_fragments = true};
    const struct template_group *group = &groups->groups[0];
    BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (groups->count != 1)
        return error_set(err, ERROR_INVALID, "%zu groups; a fragment is of one", groups->count);
    struct policy_draft draft = {.generation = form.generation,
                                 .container_count = group->container_count,
                                 .no_pause = true,
                                 .debug = form.debug,
                                 .disable_stdio = form.disable_stdio,
                                 .exclude_default_fragments = true};
    draft.containers = template_drafts(groups, group, &form, images, err);
    if (!draft.containers || policy_generate(&draft, &policy, err) < 0 ||
        buf_printf(
            out, err,
            "package %s\n\nsvn := \"%s\"\nframework_version := \"0.2.3\"\n\nfragments := []\n",
            args_get(args, "namespace"), args_get(args, "svn")) < 0 ||
        copy_line(&policy, "\ncontainers := ", out, err) < 0)
        return -1;
    return buf_append_byte(out, '\n', err);
}

static int write_out(const struct args *args, struct span text, struct error *err)
{
    POLICY_AUTO parsed = NULL;
    const char *path = args_get(args, "output-filename");
    if (policy_parse_fragment(text, &parsed, err) < 0)
        return error_context(err, "these containers cannot be described");
    if (path)
        return output_write(path, text, 0644, err);
    (void)fwrite(text.data, 1, text.size, stdout);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    const struct image_options image_options = {.roots_only = true,
                                                .tls_ca = args_get(args, "tls-ca")};
    TEMPLATE_GROUPS_AUTO groups = {0};
    WORKLOAD_IMAGES_AUTO images = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (check_usage(args, err) < 0 || template_groups_init(&groups, err) < 0 ||
        read_groups(args, &groups, err) < 0 ||
        workload_images_init(&images, args_get(args, "images"), &image_options, err) < 0 ||
        (args_has(args, "tar") &&
         workload_images_add_tars(&images, args_get(args, "tar"), err) < 0))
        return -1;
    const struct template_images source = workload_images_source(&images);
    if (write_fragment(args, &groups, &source, &out, err) < 0 ||
        write_out(args, buf_span(&out), err) < 0)
        return -1;
    return EXIT_OK;
}

const struct command command_confcom_acifragmentgen = {
    .name = "confcom acifragmentgen",
    .operands = "",
    .summary = "Write a policy fragment for images, as az confcom acifragmentgen does",
    .description =
        "Writes the fragment's text: the containers as acipolicygen describes them, without the "
        "pause container. Its containers are confcom's byte for byte; the lines around them have "
        "not "
        "been compared with confcom's. Signing is caisson policy fragment sign's, and nothing is "
        "uploaded.",
    .options = options,
    .run = run,
};
