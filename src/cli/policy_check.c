/* `caisson policy check`: whether a policy lets images run as they are. */
#include <stdio.h>

#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/policy_file.h"
#include "cli/progress.h"
#include "cli/workload.h"
#include "image/image.h"

#define LAYERS_MAX 256 /* of one image, as a guest takes them */

static const struct option_rule options[] = {
    WORKLOAD_OPTIONS,
    {.name = "tls-ca", .operand = "FILE", .help = "Trust these certificate authorities too"},
    {.name = "pull",
     .operand = "WHEN",
     .help = "Ask the registry: missing (the default), always or never"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress"},
    POLICY_ALLOW_ALL_OPTION,
    {0},
};

static size_t count_of(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

/* The image's own files say what name a number has; here it is as it is written. */
static struct policy_identity identity_of(const char *user, char copy[256])
{
    (void)snprintf(copy, 256, "%.*s", (int)strcspn(user, ":"), user);
    if (!*copy || strcmp(copy, "0") == 0 || strcmp(copy, "root") == 0)
        return (struct policy_identity){"0", "root"};
    bool number = copy[strspn(copy, "0123456789")] == '\0';
    return (struct policy_identity){number ? copy : "", number ? "" : copy};
}

static bool ask_process(struct policy_state *state, const struct workload *workload,
                        struct policy_decision *decision)
{
    char user[256];
    const char *names[CONFINEMENT_CAPABILITIES_MAX];
    struct policy_process process = {
        .container_id = "c",
        .sandbox_id = "c",
        .args = {(const char *const *)workload->args, count_of(workload->args)},
        .env = {(const char *const *)workload->env, count_of(workload->env)},
        .cwd = workload->cwd,
        .user = identity_of(workload->user, user),
    };
    confinement_ask(&workload->confinement, names, &process);
    return policy_create_container(state, &process, decision);
}

/* What a faithful host asks for to run this image: its layers, its root, its process. */
static bool ask(struct policy_state *state, const struct image *image,
                const struct image_disk *disks, const struct workload *workload,
                struct policy_decision *decision)
{
    char targets[LAYERS_MAX][48];
    const char *layers[LAYERS_MAX];
    size_t count = image->layer_count;
    for (size_t i = 0; i < count; i++) {
        char hash[2 * SHA256_SIZE + 1];
        hex_encode(span_of(disks[i].root_hash, SHA256_SIZE), hash);
        (void)snprintf(targets[i], sizeof targets[i], "/run/mounts/scsi/m%zu", i);
        layers[count - 1 - i] = targets[i];
        if (!policy_mount_device(state, targets[i], hash, decision))
            return false;
    }
    return policy_mount_overlay(state, "c", (struct policy_list){layers, count}, "/c", decision) &&
           ask_process(state, workload, decision);
}

static void tell(const char *reference, const struct policy_decision *decision, bool allowed)
{
    if (!allowed)
        (void)printf("%s: REFUSED by %s\n", reference, decision->reason);
    else if (decision->container)
        (void)printf("%s: fits container \"%s\"%s\n", reference,
                     policy_container_name(decision->container),
                     decision->stdio ? "" : ", without standard streams");
    else
        (void)printf("%s: fits, since the policy allows EVERYTHING\n", reference);
}

static int judge(const struct policy *policy, const struct image *image,
                 const struct image_disk *disks, const struct workload *workload, bool *allowed,
                 struct error *err)
{
    struct policy_state *state;
    POLICY_DECISION_AUTO decision = {0};
    if (image->layer_count > LAYERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu layers; a guest takes %d", image->layer_count,
                         LAYERS_MAX);
    if (policy_state_new(policy, &state, err) < 0)
        return -1;
    *allowed = ask(state, image, disks, workload, &decision);
    tell(image->reference, &decision, *allowed);
    policy_decision_fini(&decision);
    policy_state_free(state);
    return 0;
}

static int check_image(const struct args *args, const struct image_options *image_options,
                       struct store *store, const char *reference, const struct policy *policy,
                       bool *allowed, struct error *err)
{
    char *const nothing[] = {NULL};
    WORKLOAD_AUTO workload = {0};
    IMAGE_AUTO image = image_resolve(store, reference, image_options, err);
    if (!image || workload_init(&workload, &image->config, args, nothing, err) < 0 ||
        confinement_read(args, &workload.confinement, err) < 0)
        return -1;
    struct image_disk *disks = image_disks(image, image_options, err);
    if (!disks)
        return -1;
    int result = judge(policy, image, disks, &workload, allowed, err);
    image_disks_free(disks, image->layer_count);
    return result;
}

static int check_images(const struct args *args, const struct policy *policy, bool *all,
                        struct error *err)
{
    struct progress progress;
    const char *pull = args_get(args, "pull");
    struct image_options image_options = {.disks = true, .tls_ca = args_get(args, "tls-ca")};
    if (pull && !image_pull_parse(pull, &image_options.pull))
        return error_set(err, ERROR_USAGE, "--pull is \"%s\", not missing, always or never", pull);
    STORE_AUTO store = store_open(NULL, err);
    if (!store)
        return -1;
    progress_init(&progress, args_has(args, "quiet"));
    image_options.observer = progress_observer(&progress);
    for (char *const *reference = args_operands(args) + 1; *reference; reference++) {
        bool allowed = false;
        int result = check_image(args, &image_options, store, *reference, policy, &allowed, err);
        progress_clear(&progress);
        if (result < 0)
            return error_context(err, "%s", *reference);
        *all = *all && allowed;
    }
    return 0;
}

static int run(const struct args *args, struct error *err)
{
    bool all = true;
    BUF_AUTO text = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    POLICY_AUTO policy = NULL;
    if (args_operand_count(args) < 2)
        return error_set(err, ERROR_USAGE, "check wants a policy and at least one image");
    if (policy_file_read(args, args_operands(args)[0], &text, &policy, err) < 0 ||
        check_images(args, policy, &all, err) < 0)
        return -1;
    return all ? EXIT_OK : EXIT_REFUSED;
}

const struct command command_policy_check = {
    .name = "policy check",
    .operands = "POLICY IMAGE…",
    .summary = "Tell whether a policy lets these images run as they are, and what is missing",
    .description =
        "Each image is played against the policy as `run` would start it, with the same options: "
        "its layers, its root, its process. It is told which container of the policy it fits, or "
        "what keeps it from running. The user is taken as the image writes it, by number or name, "
        "and "
        "its groups are not looked at: a guest looks both up in the image's files.\n\n"
        "The exit status is 0 where every image fits, 1 where one does not.",
    .options = options,
    .run = run,
};
