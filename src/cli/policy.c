/* `caisson policy generate`, `caisson policy show` and `caisson policy hash`. */
#include "policy/policy.h"

#include <string.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/generate.h"
#include "cli/policy_file.h"
#include "cli/policy_manifest.h"
#include "cli/policy_output.h"
#include "cli/policy_template.h"
#include "cli/progress.h"
#include "cli/secret_options.h"
#include "os/file.h"
#include "policy/describe.h"

static const struct option_rule generate_options[] = {
    WORKLOAD_OPTIONS,
    SECRET_OPTIONS,
    POLICY_MANIFEST_OPTIONS,
    POLICY_TEMPLATE_OPTIONS,
    {.name = "output",
     .letter = 'o',
     .operand = "FILE",
     .help = "Write to FILE, not to the output"},
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "pull",
     .operand = "WHEN",
     .help = "Ask the registry: missing (the default), always or never"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress"},
    {0},
};

static int generate(const struct args *args, const struct image_options *options,
                    struct progress *progress, struct buf *policy, struct error *err)
{
    char *const *operands = args_operands(args);
    STORE_AUTO store = store_open(NULL, err);
    if (!store)
        return -1;
    IMAGE_AUTO image = image_resolve(store, operands[0], options, err);
    WORKLOAD_AUTO workload = {0};
    struct secret_options secrets = {.roots = BUF_WITH_LIMIT(0)};
    bool attests = false;
    int result = -1;
    if (image && workload_init(&workload, &image->config, args, operands + 1, err) == 0 &&
        confinement_read(args, &workload.confinement, err) == 0 &&
        secret_options_read(args, &secrets, &attests, err) == 0) {
        workload.attestation = attests ? &secrets.attestation : NULL;
        result = generate_policy_of_image(image, options, &workload, policy, err);
    }
    secret_options_fini(&secrets);
    progress_clear(progress);
    return result;
}

/* What only files that describe workloads have a use for. */
static int check_for_image(const struct args *args, struct error *err)
{
    static const char *const others[] = {"images",     "workload",     "write",
                                         "parameters", "subscription", "resource-group",
                                         "location",   "diff",         "approve-wildcards"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (args_has(args, others[i]))
            return error_set(err, ERROR_USAGE,
                             "--%s goes with a file that describes workloads: --arm, --input or "
                             "--kubernetes",
                             others[i]);
    }
    return 0;
}

static int run_generate(const struct args *args, struct error *err)
{
    struct progress progress;
    struct image_options options = {
        .disks = true, .roots_only = true, .tls_ca = args_get(args, "tls-ca")};
    const char *pull = args_get(args, "pull");
    BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    bool manifest = args_has(args, "kubernetes");
    bool described = manifest || policy_template_wanted(args);
    if (args_operand_count(args) == 0 && !described)
        return error_set(err, ERROR_USAGE, "name an image");
    if (!described && check_for_image(args, err) < 0)
        return -1;
    if (pull && !image_pull_parse(pull, &options.pull))
        return error_set(err, ERROR_USAGE, "--pull is \"%s\", not missing, always or never", pull);
    progress_init(&progress, args_has(args, "quiet"));
    options.observer = progress_observer(&progress);
    if (described) {
        int status = policy_template_wanted(args) ? policy_generate_template(args, &options, err)
                                                  : policy_generate_manifest(args, &options, err);
        progress_clear(&progress);
        return status;
    }
    if (generate(args, &options, &progress, &policy, err) < 0 ||
        policy_output_check(buf_span(&policy), err) < 0 ||
        policy_output_write(args_get(args, "output"), buf_span(&policy), err) < 0)
        return -1;
    return EXIT_OK;
}

static int read_policy(const struct args *args, struct buf *text, struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one policy's file");
    return file_read(args_operands(args)[0], text, err);
}

static void print_hash(struct span text)
{
    char hex[65];
    policy_output_hash(text, hex);
    (void)printf("%s\n", hex);
}

static int run_hash(const struct args *args, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    if (read_policy(args, &text, err) < 0)
        return -1;
    print_hash(buf_span(&text));
    return EXIT_OK;
}

static int run_show(const struct args *args, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    BUF_AUTO page = BUF_WITH_LIMIT((size_t)64 << 20);
    POLICY_AUTO policy = NULL;
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name one policy's file");
    if (policy_file_read(args, args_operands(args)[0], &text, &policy, err) < 0 ||
        policy_describe(policy, &page, err) < 0)
        return -1;
    (void)printf("HOST_DATA ");
    print_hash(buf_span(&text));
    (void)fputs(buf_text(&page), stdout);
    return EXIT_OK;
}

static const struct option_rule no_options[] = {{0}};
static const struct option_rule show_options[] = {POLICY_ALLOW_ALL_OPTION, {0}};

const struct command command_policy_generate = {
    .name = "policy generate",
    .operands = "[IMAGE [-- COMMAND [ARG…]]]",
    .summary = "Write the policy that lets this image run, and nothing else",
    .description =
        "The policy names the image's layers by their root hashes, its command, variables, working "
        "folder and user, as changed by the options, which are those of run. It has the form of az "
        "confcom acipolicygen --image, byte for byte, so that it works for Azure Container "
        "Instances too.\n\n"
        "With --kubernetes the policy describes a pod: its containers, their variables with the "
        "values of ConfigMaps and Secrets that stand in the same file, their mounts, and in which "
        "order they start. Values as files are bound by a layer of each container. What a "
        "confidential machine cannot give, as hostPath or hostNetwork, is refused.\n\n"
        "With --arm it describes a container group of an Azure Resource Manager template, whose "
        "functions, parameters, variables, conditions and copy loops are evaluated; what only the "
        "deployment knows is refused, unless --subscription, --resource-group or --location tell "
        "it, or --approve-wildcards leaves a variable open. --write puts each policy into its "
        "group and leaves all other bytes of the template as they are.\n\n"
        "Its SHA-256 (caisson policy hash) is what the hardware reports as HOST_DATA.",
    .options = generate_options,
    .run = run_generate,
};

const struct command command_policy_show = {
    .name = "policy show",
    .operands = "FILE",
    .summary = "Tell in words what a policy allows, and what is weak about it",
    .description = "Values of variables are not shown.",
    .options = show_options,
    .run = run_show,
};

const struct command command_policy_hash = {
    .name = "policy hash",
    .operands = "FILE",
    .summary = "Print the SHA-256 of a policy: the HOST_DATA of machines that enforce it",
    .description = "",
    .options = no_options,
    .run = run_hash,
};
