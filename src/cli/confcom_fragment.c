/* `caisson confcom acifragmentgen`: a fragment's text from images, signed where asked for, or the
 * row that lets a signed one in; as far as that needs no network of confcom's own. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/confcom_import.h"
#include "cli/fragment_signing.h"
#include "cli/workload_images.h"
#include "format/cose.h"
#include "os/file.h"
#include "os/output.h"
#include "policy/policy.h"
#include "template/config.h"

#define TEXT_MAX     ((size_t)4 << 20)
#define CONTENT_TYPE "application/unknown+rego" /* confcom's, cose_proxy.py */

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
    {.name = "feed",
     .letter = 'f',
     .operand = "TEXT",
     .help = "What the fragment is for (default: the first image, without tag and digest)"},
    {.name = "key",
     .letter = 'k',
     .operand = "FILE",
     .help = "Sign with this private key, unencrypted PEM"},
    {.name = "chain",
     .operand = "FILE",
     .help = "The signer's certificates in PEM, leaf first, authority last"},
    {.name = "algo", .operand = "NAME", .help = "The algorithm to sign by (default: by the key)"},
    {.name = "generate-import",
     .letter = 'g',
     .help = "Print the row that lets the signed fragment of --fragment-path in"},
    {.name = "fragment-path", .letter = 'p', .operand = "FILE", .help = "A signed fragment"},
    {.name = "minimum-svn", .operand = "NUMBER", .help = "The lowest svn that this row takes"},
    {.name = "fragments-json",
     .letter = 'j',
     .operand = "FILE",
     .help = "Put the row at the end of this file's, rather than print it"},
    {.name = "debug-mode", .help = "Let shells be started in the containers"},
    {.name = "disable-stdio", .help = "Keep standard streams inside the machine"},
    {.name = "omit-id", .help = "Leave the containers' ids out"},
    {.name = "outraw", .help = "Write the containers on one line"},
    {.name = "output-filename",
     .operand = "FILE",
     .help = "Write to FILE, with .rego behind it where it has none (default: the namespace)"},
    {.name = "no-print", .help = "Write the file and print nothing"},
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "upload-fragment", .letter = 'u', .help = "", .refusal = "nothing is sent anywhere"},
    {.name = "image-target",
     .operand = "IMAGE",
     .help = "",
     .refusal = "nothing is sent anywhere: name what the fragment is for by --feed"},
    {0},
};

static int check_namespace(const char *name, struct error *err)
{
    static const char *const kept[] = {
        "policy", "framework", "api", "metadata", "data", "input", "microsoftcontainerinstance"};
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

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const of_import[] = {"fragment-path", "minimum-svn", "fragments-json"};
    uint64_t svn;
    const char *name = args_get(args, "namespace");
    if (args_operand_count(args) > 0 || args_has(args, "input") == args_has(args, "image"))
        return error_set(err, ERROR_USAGE, "acifragmentgen wants --input FILE or --image IMAGE");
    for (size_t i = 0; i < sizeof of_import / sizeof *of_import; i++) {
        if (args_has(args, of_import[i]))
            return error_set(err, ERROR_USAGE, "--%s goes with --generate-import", of_import[i]);
    }
    if (!name || !args_has(args, "svn"))
        return error_set(err, ERROR_USAGE,
                         "acifragmentgen wants --namespace NAME and --svn NUMBER");
    if (!text_to_u64(args_get(args, "svn"), INT64_MAX, &svn))
        return error_set(err, ERROR_USAGE, "--svn is \"%.64s\", not a number",
                         args_get(args, "svn"));
    if (args_has(args, "key") != args_has(args, "chain"))
        return error_set(err, ERROR_USAGE, "signing wants both --key and --chain");
    return check_namespace(name, err);
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

/* The group's containers without the pause container, and its fragments, as a policy would have
 * them. */
static int write_policy(const struct args *args, struct template_groups *groups,
                        const struct template_images *images, struct buf *out, struct error *err)
{
    const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT,
                                       .debug = args_has(args, "debug-mode"),
                                       .disable_stdio = args_has(args, "disable-stdio"),
                                       .omit_id = args_has(args, "omit-id")};
    const struct template_group *group = &groups->groups[0];
    struct policy_draft draft = {.generation = form.generation,
                                 .container_count = group->container_count,
                                 .fragments = group->fragments,
                                 .fragment_count = group->fragment_count,
                                 .own_fragments_first = group->own_fragments_first,
                                 .pretty = !args_has(args, "outraw"),
                                 .no_pause = true,
                                 .debug = form.debug,
                                 .disable_stdio = form.disable_stdio};
    draft.containers = template_drafts(groups, group, &form, images, err);
    return draft.containers ? policy_generate(&draft, out, err) : -1;
}

/* Both definitions as the policy's writer puts them: no line of theirs is empty. */
static int write_fragment(const struct args *args, struct template_groups *groups,
                          const struct template_images *images, struct buf *out, struct error *err)
{
    static const char first[] = "\n\nfragments := ";
    static const char behind[] = "\n\nallow_properties_access";
    POLICY_AUTO parsed = NULL;
    BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (write_policy(args, groups, images, &policy, err) < 0)
        return -1;
    const char *start = strstr(buf_text(&policy), first);
    const char *end = start ? strstr(start, behind) : NULL;
    if (!end)
        return error_set(err, ERROR_INVALID, "nothing can be described");
    if (buf_printf(out, err, "package %s\n\nsvn := \"%s\"\nframework_version := \"0.2.3\"",
                   args_get(args, "namespace"), args_get(args, "svn")) < 0 ||
        buf_append(out, span_of(start, (size_t)(end - start)), err) < 0 ||
        buf_append_byte(out, '\n', err) < 0)
        return -1;
    return policy_parse_fragment(buf_span(out), "{}", &parsed, err) < 0
               ? error_context(err, "these containers cannot be described")
               : 0;
}

/* Its file: the name that was given, or the namespace, with one ".rego". */
static char *name_file(const struct args *args, const char *more)
{
    const char *name = args_get(args, "output-filename");
    name = name ? name : args_get(args, "namespace");
    return text_format("%s%s%s", name, text_ends_with(name, ".rego") ? "" : ".rego", more);
}

/* The image's name without tag and digest, so that the feed stays when they change. */
static char *feed_of(const char *image)
{
    const char *at = strchr(image, '@');
    size_t size = at ? (size_t)(at - image) : strlen(image);
    for (size_t i = size; i > 0 && image[i - 1] != '/'; i--) {
        if (image[i - 1] == ':')
            size = i - 1;
    }
    return text_format("%.*s", (int)size, image);
}

static int sign(const struct args *args, const struct template_group *group, struct span text,
                struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    TEXT_AUTO path = name_file(args, ".cose");
    TEXT_AUTO feed = args_has(args, "feed")       ? strdup(args_get(args, "feed"))
                     : group->container_count > 0 ? feed_of(group->containers[0].image)
                                                  : strdup("");
    if (!path || !feed)
        return error_memory(err);
    if (!*feed)
        return error_set(err, ERROR_USAGE, "there is no image to name the feed: give --feed");
    const struct fragment_signing how = {.key = args_get(args, "key"),
                                         .chain = args_get(args, "chain"),
                                         .feed = feed,
                                         .content_type = CONTENT_TYPE,
                                         .algorithm = args_get(args, "algo")};
    if (fragment_sign(text, &how, &out, err) < 0)
        return -1;
    return output_write(path, buf_span(&out), 0644, err);
}

/* Text and signature: both or, where signing fails, none. */
static int write_out(const struct args *args, const struct template_group *group, struct span text,
                     struct error *err)
{
    TEXT_AUTO path = name_file(args, "");
    if (!path)
        return error_memory(err);
    if (args_has(args, "key") && sign(args, group, text, err) < 0)
        return -1;
    if (output_write(path, text, 0644, err) < 0)
        return -1;
    if (!args_has(args, "no-print"))
        (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    const struct image_options image_options = {.roots_only = true,
                                                .tls_ca = args_get(args, "tls-ca")};
    TEMPLATE_GROUPS_AUTO groups = {0};
    WORKLOAD_IMAGES_AUTO images = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (args_has(args, "generate-import"))
        return confcom_import(args, err);
    if (check_usage(args, err) < 0 || template_groups_init(&groups, err) < 0 ||
        read_groups(args, &groups, err) < 0 ||
        workload_images_init(&images, args_get(args, "images"), &image_options, err) < 0 ||
        (args_has(args, "tar") &&
         workload_images_add_tars(&images, args_get(args, "tar"), err) < 0))
        return -1;
    if (groups.count != 1 || groups.groups[0].container_count == 0)
        return error_set(err, ERROR_INVALID,
                         "%zu groups with %zu containers; a fragment is of one "
                         "with some",
                         groups.count, groups.count == 1 ? groups.groups[0].container_count : 0);
    const struct template_images source = workload_images_source(&images);
    if (write_fragment(args, &groups, &source, &out, err) < 0 ||
        write_out(args, &groups.groups[0], buf_span(&out), err) < 0)
        return -1;
    return EXIT_OK;
}

const struct command command_confcom_acifragmentgen = {
    .name = "confcom acifragmentgen",
    .operands = "",
    .summary = "Write a policy fragment for images, as az confcom acifragmentgen does",
    .description =
        "Prints the fragment's text and writes it to NAMESPACE.rego: the containers and fragments "
        "that acipolicygen would put into a policy, without the pause container. With --key and "
        "--chain the signed fragment is written beside it, as NAMESPACE.rego.cose.\n\n"
        "With --generate-import, --fragment-path FILE and --minimum-svn N the row is printed by "
        "which a policy takes a signed fragment: what acipolicygen reads by --fragments-json.\n\n"
        "Nothing is uploaded, and no fragment is looked for in a registry.",
    .options = options,
    .run = run,
};
