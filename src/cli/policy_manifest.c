#include "cli/policy_manifest.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/pod_file.h"
#include "cli/policy_output.h"
#include "cli/secret_options.h"
#include "cli/workload_images.h"
#include "policy/policy.h"

static int make_policy(const struct args *args, struct template_groups *groups, size_t index,
                       const struct template_images *images, struct buf *out, struct error *err)
{
    const struct template_group *group = &groups->groups[index];
    struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};
    SECRET_OPTIONS_AUTO secrets;
    bool attests;
    if (secret_options_read_group(args, group, &secrets, &attests, err) < 0)
        return -1;
    form.attestation = attests ? &secrets.attestation : NULL;
    if (template_policy(groups, group, &form, images, out, err) < 0 ||
        policy_output_check(buf_span(out), err) < 0)
        return error_context(err, "workload \"%.64s\"", group->name);
    return 0;
}

static int write_one(const struct args *args, struct template_groups *groups,
                     const struct template_images *images, struct error *err)
{
    BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    size_t index = 0;
    if (policy_output_choose(args, groups, "manifest", "workload", &index, err) < 0 ||
        make_policy(args, groups, index, images, &policy, err) < 0 ||
        policy_output_write(args_get(args, "output"), buf_span(&policy), err) < 0)
        return -1;
    return EXIT_OK;
}

/* All policies into the manifest; their hashes are printed, as the names' lines. */
static int write_all(const struct args *args, struct pod_manifest *file, const struct pods *pods,
                     struct template_groups *groups, const struct template_images *images,
                     struct error *err)
{
    BUF_AUTO lines = BUF_WITH_LIMIT((size_t)1 << 20);
    for (size_t i = 0; i < groups->count; i++) {
        BUF_AUTO policy = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
        char hex[65];
        if (make_policy(args, groups, i, images, &policy, err) < 0 ||
            pod_file_annotate(file, pods, groups->groups[i].place, buf_span(&policy), err) < 0)
            return -1;
        policy_output_hash(buf_span(&policy), hex);
        if (buf_printf(&lines, err, "%s  %s\n", hex, groups->groups[i].name) < 0)
            return -1;
    }
    if (pod_file_write(file, err) < 0)
        return -1;
    (void)fputs(buf_text(&lines), stdout);
    return EXIT_OK;
}

/* What makes sense for an image alone. */
static int check_options(const struct args *args, struct error *err)
{
    static const char *const of_images[] = {"env", "env-file", "workdir", "user", "entrypoint"};
    for (size_t i = 0; i < sizeof of_images / sizeof *of_images; i++) {
        if (args_has(args, of_images[i]))
            return error_set(err, ERROR_USAGE, "--%s is for an image: the manifest says it itself",
                             of_images[i]);
    }
    if (args_operand_count(args) > 0)
        return error_set(err, ERROR_USAGE,
                         "--kubernetes takes its images from the manifest: leave "
                         "\"%.64s\" out",
                         args_operands(args)[0]);
    if (args_has(args, "write") && (args_has(args, "output") || args_has(args, "workload")))
        return error_set(err, ERROR_USAGE,
                         "--write writes all policies into the manifest: leave "
                         "--output and --workload out");
    return 0;
}

static json_t *read_profile(void *context, const char *path, uint64_t capabilities,
                            struct error *err)
{
    return pod_file_profile(context, path, capabilities, err);
}

int policy_generate_manifest(const struct args *args, const struct image_options *options,
                             struct error *err)
{
    const char *path = args_get(args, "kubernetes");
    const struct template_pod_options pod_options = {.reading = POD_STRICT,
                                                     .layer = pod_file_hash_layer,
                                                     .profile = read_profile,
                                                     .context = (void *)(uintptr_t)path};
    PODS_AUTO pods = {0};
    POD_MANIFEST_AUTO file = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    WORKLOAD_IMAGES_AUTO images = {0};
    if (check_options(args, err) < 0 || template_groups_init(&groups, err) < 0 ||
        pod_file_read(path, POD_STRICT, &pods, &file, err) < 0)
        return -1;
    if (template_read_pods(&pods, &pod_options, &groups, err) < 0)
        return error_context(err, "%s", path);
    if (workload_images_init(&images, args_get(args, "images"), options, err) < 0)
        return -1;
    const struct template_images source = workload_images_source(&images);
    return args_has(args, "write") ? write_all(args, &file, &pods, &groups, &source, err)
                                   : write_one(args, &groups, &source, err);
}
