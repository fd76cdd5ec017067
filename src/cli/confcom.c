/* `caisson confcom acipolicygen`: az confcom's own verb, its options and its bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/confcom_output.h"
#include "cli/pod_file.h"
#include "cli/workload_images.h"
#include "os/file.h"
#include "policy/version.h"
#include "template/arm.h"
#include "template/config.h"

static const struct option_rule options[] = {
    {.name = "input", .letter = 'i', .operand = "FILE", .help = "Read containers from this JSON"},
    {.name = "template-file",
     .letter = 'a',
     .operand = "FILE",
     .help = "Read container groups from this ARM template"},
    {.name = "parameters",
     .letter = 'p',
     .operand = "FILE",
     .help = "Take the template's parameters from FILE"},
    {.name = "image", .operand = "IMAGE", .help = "Describe this image alone"},
    {.name = "virtual-node-yaml",
     .operand = "FILE",
     .help = "Read workloads from this Kubernetes manifest, for virtual nodes"},
    {.name = "images", .operand = "LOCK", .help = "Take images from this lock alone"},
    {.name = "tar",
     .operand = "FILE",
     .help = "Take images from this archive, or from those that a .json file names"},
    {.name = "infrastructure-svn",
     .operand = "NUMBER",
     .help = "Demand at least this version of the infrastructure's fragment"},
    {.name = "debug-mode", .help = "Let shells be started in the containers, and logs be read"},
    {.name = "approve-wildcards",
     .letter = 'y',
     .help = "Let variables without a value be any, and replace a policy that is there"},
    {.name = "disable-stdio", .help = "Keep standard streams inside the machine"},
    {.name = "enable-stdio", .help = "Let standard streams out, which is the default"},
    {.name = "diff",
     .letter = 'd',
     .help = "Compare with the policy that is in the file; exit with 2 where they differ"},
    {.name = "print-existing-policy", .help = "Print the policies that are in the file"},
    {.name = "outraw", .help = "Print the policy as text, containers on one line"},
    {.name = "outraw-pretty-print", .help = "Print the policy as text, containers over many lines"},
    {.name = "print-policy", .help = "Print the policy in base64"},
    {.name = "save-to-file",
     .letter = 's',
     .operand = "FILE",
     .help = "Write what is printed to FILE as well"},
    {.name = "omit-id", .help = "Leave the images' references out"},
    {.name = "include-fragments", .letter = 'f', .help = "List the fragments of --fragments-json"},
    {.name = "fragments-json",
     .letter = 'j',
     .operand = "FILE",
     .help = "Fragments that the policy may load"},
    {.name = "exclude-default-fragments",
     .letter = 'e',
     .help = "Leave the infrastructure's fragment out"},
    {.name = "faster-hashing", .help = "Has no effect: hashing is one pass as it is"},
    {.name = "prerelease-policy-api", .help = "Write api_version 0.12.0 (confcom 2.2 and later)"},
    {.name = "confcom-version",
     .operand = "X.Y.Z",
     .help = "Write what this version of confcom writes; the newest known, 2.3.0, without"},
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "validate-sidecar",
     .letter = 'v',
     .help = "",
     .refusal = "it compares with tables of images that only az confcom has"},
    {.name = "with-containers",
     .operand = "JSON",
     .help = "",
     .refusal = "write the containers into a file and give it by --input"},
    {.name = "include-kube-proxy",
     .help = "",
     .refusal = "the fragment's issuer is not published; name it with --fragments-json"},
    {0},
};

static int check_one_of(const struct args *args, const char *const names[], bool needed,
                        struct error *err)
{
    const char *given = NULL;
    for (; *names; names++) {
        if (!args_has(args, *names))
            continue;
        if (given)
            return error_set(err, ERROR_USAGE, "--%s and --%s exclude each other", given, *names);
        given = *names;
    }
    if (!given && needed)
        return error_set(err, ERROR_USAGE,
                         "name one of --template-file, --input, --image, --virtual-node-yaml");
    return 0;
}

/* confcom's own rules of what goes with what. */
static int check_options(const struct args *args, struct error *err)
{
    static const char *const sources[] = {"template-file", "input", "image", "virtual-node-yaml",
                                          NULL};
    static const char *const forms[] = {"outraw", "outraw-pretty-print", "print-policy", NULL};
    static const char *const stdio[] = {"disable-stdio", "enable-stdio", NULL};
    static const char *const images[] = {"images", "tar", NULL};
    static const char *const svn[] = {"infrastructure-svn", "exclude-default-fragments", NULL};
    bool from_file = args_has(args, "template-file") || args_has(args, "virtual-node-yaml");
    if (args_operand_count(args) > 0)
        return error_set(err, ERROR_USAGE, "\"%.64s\" is no option", args_operands(args)[0]);
    if (check_one_of(args, sources, true, err) < 0 || check_one_of(args, forms, false, err) < 0 ||
        check_one_of(args, stdio, false, err) < 0 || check_one_of(args, images, false, err) < 0 ||
        check_one_of(args, svn, false, err) < 0)
        return -1;
    if (args_has(args, "parameters") && !args_has(args, "template-file"))
        return error_set(err, ERROR_USAGE, "--parameters goes with --template-file");
    if ((args_has(args, "diff") || args_has(args, "print-existing-policy")) && !from_file)
        return error_set(err, ERROR_USAGE,
                         "a policy that is there is in a file of --template-file or "
                         "--virtual-node-yaml");
    if (args_has(args, "fragments-json") && !args_has(args, "include-fragments"))
        return error_set(err, ERROR_USAGE, "--fragments-json goes with --include-fragments");
    return 0;
}

/* Which form a version's output has (docs/policy.md). */
static int find_generation(const struct args *args, struct version version,
                           enum policy_generation *out, struct error *err)
{
    static const struct {
        struct version from;
        enum policy_generation generation;
    } generations[] = {
        {VERSION_OF(2, 2, 0), POLICY_GENERATION_B},
        {VERSION_OF(2, 1, 1), POLICY_GENERATION_A3},
        {VERSION_OF(2, 0, 0), POLICY_GENERATION_A2},
        {VERSION_OF(1, 0, 0), POLICY_GENERATION_A},
    };
    bool prerelease = args_has(args, "prerelease-policy-api");
    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        if (version_compare(version, generations[i].from) < 0)
            continue;
        *out = generations[i].generation;
        if (prerelease && i > 0)
            return error_set(err, ERROR_USAGE, "--prerelease-policy-api came with confcom 2.2.0");
        if (prerelease)
            *out = POLICY_GENERATION_C;
        return 0;
    }
    return error_set(err, ERROR_USAGE, "output of confcom before 1.0.0 is not known");
}

static int find_version(const struct args *args, struct version *out, struct error *err)
{
    const char *text = args_get(args, "confcom-version");
    *out = VERSION_OF(2, 3, 0);
    if (text && !version_parse(text, out))
        return error_set(err, ERROR_USAGE, "--confcom-version is \"%.32s\", not X.Y.Z", text);
    return 0;
}

/* What confcom takes no notice of, this takes no notice of: but says so. */
static bool is_ignored(const struct args *args, const char *option, bool ignored, const char *why)
{
    if (args_has(args, option) && ignored)
        log_warning("--%s has no effect: %s", option, why);
    return ignored || !args_has(args, option);
}

static int fill_form(const struct args *args, struct template_form *form, struct error *err)
{
    struct version version;
    if (find_version(args, &version, err) < 0 ||
        find_generation(args, version, &form->generation, err) < 0)
        return -1;
    bool arm = args_has(args, "template-file");
    bool image = args_has(args, "image");
    bool bug = arm && version_compare(version, VERSION_OF(1, 3, 1)) < 0;
    form->exclude_default_fragments = !is_ignored(
        args, "exclude-default-fragments", image || bug,
        image ? "confcom has none with --image" : "it had none for templates before confcom 1.3.1");
    if (!is_ignored(args, "infrastructure-svn", image, "confcom has none with --image"))
        form->infrastructure_svn = args_get(args, "infrastructure-svn");
    form->debug = args_has(args, "debug-mode");
    form->disable_stdio = args_has(args, "disable-stdio");
    form->omit_id = args_has(args, "omit-id");
    return 0;
}

static int read_template(const struct args *args, struct arm_file *file,
                         struct template_groups *groups, struct error *err)
{
    struct template_arm_options how = {.exact = true,
                                       .approve_wildcards = args_has(args, "approve-wildcards")};
    return arm_file_read(file, args_get(args, "template-file"), args_get(args, "parameters"), &how,
                         groups, err);
}

static int read_input(const char *path, struct template_groups *groups, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    return template_read_config(buf_span(&text), groups, err) < 0 ? error_context(err, "%s", path)
                                                                  : 0;
}

static int read_manifest(struct confcom_output *output, struct error *err)
{
    const struct args *args = output->args;
    const char *path = args_get(args, "virtual-node-yaml");
    const struct template_pod_options how = {
        .reading = POD_CONFCOM, .approve_wildcards = args_has(args, "approve-wildcards")};
    if (pod_file_read(path, POD_CONFCOM, output->pods, output->manifest, err) < 0)
        return -1;
    return template_read_pods(output->pods, &how, output->groups, err) < 0
               ? error_context(err, "%s", path)
               : 0;
}

/* confcom lists them for templates and manifests; in --input they stand in the file itself. */
static int read_fragments(const struct args *args, struct template_groups *groups,
                          struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(TEMPLATE_SIZE_MAX);
    const char *path = args_get(args, "fragments-json");
    if (!args_has(args, "include-fragments"))
        return 0;
    log_warning("fragments are listed but not fetched: containers that one describes are not left "
                "out");
    if (!path || args_has(args, "input") || args_has(args, "image"))
        return 0;
    if (file_read(path, &text, err) < 0)
        return -1;
    return template_add_fragments(buf_span(&text), groups, err) < 0 ? error_context(err, "%s", path)
                                                                    : 0;
}

/* What the groups of a manifest point at is in the output's pods. */
static int read_groups(struct confcom_output *output, struct error *err)
{
    const struct args *args = output->args;
    struct template_groups *groups = output->groups;
    int status;
    if (args_has(args, "template-file"))
        status = read_template(args, output->template, groups, err);
    else if (args_has(args, "input"))
        status = read_input(args_get(args, "input"), groups, err);
    else if (args_has(args, "image"))
        status = template_of_image(args_get(args, "image"), groups, err);
    else
        status = read_manifest(output, err);
    return status < 0 ? -1 : read_fragments(args, groups, err);
}

static int run(const struct args *args, struct error *err)
{
    const struct image_options image_options = {.roots_only = true,
                                                .tls_ca = args_get(args, "tls-ca")};
    PODS_AUTO pods = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    WORKLOAD_IMAGES_AUTO images = {0};
    ARM_FILE_AUTO template = {0};
    POD_MANIFEST_AUTO manifest = {0};
    struct confcom_output output = {.args = args,
                                    .groups = &groups,
                                    .template = &template,
                                    .manifest = &manifest,
                                    .pods = &pods};
    if (check_options(args, err) < 0 || fill_form(args, &output.form, err) < 0 ||
        template_groups_init(&groups, err) < 0 || read_groups(&output, err) < 0)
        return -1;
    if (args_has(args, "print-existing-policy"))
        return confcom_print_existing(&output, err);
    if (workload_images_init(&images, args_get(args, "images"), &image_options, err) < 0 ||
        (args_has(args, "tar") &&
         workload_images_add_tars(&images, args_get(args, "tar"), err) < 0))
        return -1;
    if (output.form.debug)
        log_warning("--debug-mode lets anyone on the host start shells in these containers");
    output.images = workload_images_source(&images);
    return confcom_write(&output, err);
}

const struct command command_confcom_acipolicygen = {
    .name = "confcom acipolicygen",
    .operands = "",
    .summary = "Write policies as az confcom acipolicygen does, byte for byte",
    .description =
        "Takes the options of az confcom acipolicygen and prints the same bytes. A template or "
        "manifest without --outraw, --outraw-pretty-print or --print-policy gets the policy "
        "written into it, and its SHA-256 is printed.\n\n"
        "No container engine is needed. Images come from --images or --tar, from the local store, "
        "or from their registries. Nothing is asked: what confcom asks for, --approve-wildcards "
        "answers with yes, and its absence with no.\n\n"
        "As confcom does, it replaces references to parameters and variables and evaluates no "
        "function of templates: caisson policy generate --arm does. Values of secure parameters "
        "stand in the policy, since it is the policy that binds them.",
    .options = options,
    .run = run,
};
