/* `caisson policy lock`: what policies need of images, in a file. */
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/pod_file.h"
#include "cli/progress.h"
#include "cli/workload_images.h"
#include "os/file.h"
#include "os/output.h"
#include "template/lock_write.h"

#define DIFF_MAX ((size_t)16 << 20) /* bytes of text */

static const struct option_rule options[] = {
    {.name = "output",
     .letter = 'o',
     .operand = "FILE",
     .help = "Write to FILE, not to the output"},
    {.name = "check",
     .operand = "LOCK",
     .help = "Write nothing: compare LOCK with its images as they are now, or with those named"},
    {.name = "kubernetes", .operand = "FILE", .help = "The images of this manifest, too"},
    {.name = "tls-ca",
     .operand = "FILE",
     .help = "Trust the certificate authorities in this PEM file, besides the system's"},
    {.name = "pull",
     .operand = "WHEN",
     .help = "Ask the registry: missing (the default), always or never"},
    {.name = "quiet", .letter = 'q', .help = "Show no progress"},
    {0},
};

/* What an operand names: REFERENCE=PLACE takes from PLACE what the lock calls REFERENCE. A path may
 * have an equals sign too. */
static size_t reference_size(const char *operand)
{
    const char *equals = strchr(operand, '=');
    bool path = *operand == '.' || *operand == '/' || text_starts_with(operand, "oci:") ||
                text_starts_with(operand, "oci-archive:") ||
                text_starts_with(operand, "docker-archive:");
    return equals && equals > operand && equals[1] && !path ? (size_t)(equals - operand)
                                                            : strlen(operand);
}

static int add(json_t *lock, const struct template_images *images, const char *operand,
               struct error *err)
{
    size_t size = reference_size(operand);
    TEXT_AUTO reference = text_dup_span(span_of(operand, size));
    if (!reference)
        return error_memory(err);
    const char *place = operand[size] ? operand + size + 1 : operand;
    const struct template_image *image = images->find(images->context, place, err);
    return image ? image_lock_add(lock, reference, image, err) : -1;
}

static int add_manifest(json_t *lock, const struct template_images *images, const char *path,
                        struct error *err)
{
    PODS_AUTO pods = {0};
    if (pod_file_read(path, POD_CONFCOM, &pods, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < pods.count; i++) {
        const struct pod *pod = &pods.items[i];
        for (size_t j = 0; j < pod->container_count; j++) {
            const char *reference = pod->containers[j].image;
            if (!json_object_get(lock, reference) && add(lock, images, reference, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int add_all(const struct args *args, json_t *lock, const struct template_images *images,
                   struct error *err)
{
    const char *manifest = args_get(args, "kubernetes");
    for (size_t i = 0; i < args_operand_count(args); i++) {
        if (add(lock, images, args_operands(args)[i], err) < 0)
            return -1;
    }
    return manifest ? add_manifest(lock, images, manifest, err) : 0;
}

/* The images that the lock names, where the command line names none. */
static int add_locked(const struct image_lock *old, json_t *lock,
                      const struct template_images *images, struct error *err)
{
    for (size_t i = 0; i < image_lock_count(old); i++) {
        if (add(lock, images, image_lock_reference(old, i), err) < 0)
            return -1;
    }
    return 0;
}

static int read_lock(const char *path, struct image_lock **out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(IMAGE_LOCK_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    return image_lock_parse(buf_span(&text), out, err) < 0 ? error_context(err, "%s", path) : 0;
}

static int diff_all(const struct image_lock *old, const struct image_lock *now, struct buf *out,
                    struct error *err)
{
    for (size_t i = 0; i < image_lock_count(now); i++) {
        const char *reference = image_lock_reference(now, i);
        struct error problem = {0};
        const struct template_image *image = image_lock_find(old, reference, &problem);
        if (!image && buf_printf(out, err, "%s: not in the lock\n", reference) < 0)
            return -1;
        if (image && image_lock_diff(reference, image, image_lock_at(now, i), out, err) < 0)
            return -1;
    }
    return 0;
}

static int check(const struct args *args, const struct template_images *images, struct error *err)
{
    IMAGE_LOCK_AUTO old = NULL;
    IMAGE_LOCK_AUTO now = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(IMAGE_LOCK_SIZE_MAX);
    BUF_AUTO diff = BUF_WITH_LIMIT(DIFF_MAX);
    json_auto_t *lock = json_object();
    bool named = args_operand_count(args) > 0 || args_has(args, "kubernetes");
    if (!lock)
        return error_memory(err);
    if (read_lock(args_get(args, "check"), &old, err) < 0 ||
        (named ? add_all(args, lock, images, err) : add_locked(old, lock, images, err)) < 0 ||
        image_lock_write(lock, &text, err) < 0 ||
        image_lock_parse(buf_span(&text), &now, err) < 0 || diff_all(old, now, &diff, err) < 0)
        return -1;
    (void)fputs(buf_text(&diff), stdout);
    return diff.size == 0 ? EXIT_OK : EXIT_REFUSED;
}

static int write_lock(const struct args *args, const struct template_images *images,
                      struct error *err)
{
    const char *path = args_get(args, "output");
    IMAGE_LOCK_AUTO read_back = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(IMAGE_LOCK_SIZE_MAX);
    json_auto_t *lock = json_object();
    if (!lock)
        return error_memory(err);
    if (add_all(args, lock, images, err) < 0 || image_lock_write(lock, &text, err) < 0 ||
        image_lock_parse(buf_span(&text), &read_back, err) < 0)
        return -1;
    if (path && strcmp(path, "-") != 0)
        return output_write(path, buf_span(&text), 0644, err);
    (void)fputs(buf_text(&text), stdout);
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    struct progress progress;
    struct image_options image_options = {.roots_only = true, .tls_ca = args_get(args, "tls-ca")};
    WORKLOAD_IMAGES_AUTO images = {0};
    const char *pull = args_get(args, "pull");
    bool checking = args_has(args, "check");
    if (args_operand_count(args) == 0 && !checking && !args_has(args, "kubernetes"))
        return error_set(err, ERROR_USAGE, "name an image");
    if (checking && args_has(args, "output"))
        return error_set(err, ERROR_USAGE, "--check writes nothing: leave --output out");
    if (pull && !image_pull_parse(pull, &image_options.pull))
        return error_set(err, ERROR_USAGE, "--pull is \"%s\", not missing, always or never", pull);
    progress_init(&progress, args_has(args, "quiet"));
    image_options.observer = progress_observer(&progress);
    if (workload_images_init(&images, NULL, &image_options, err) < 0)
        return -1;
    const struct template_images source = workload_images_source(&images);
    int status = checking ? check(args, &source, err) : write_lock(args, &source, err);
    progress_clear(&progress);
    return status;
}

const struct command command_policy_lock = {
    .name = "policy lock",
    .operands = "[REFERENCE=]IMAGE…",
    .summary = "Write what policies need of images to a lock file",
    .description =
        "The lock is a JSON object: by reference, each image's configuration and the root hashes "
        "of its layers. With policy generate --images LOCK a policy is made from it alone, without "
        "network or image, and is the same each time.\n\n"
        "REFERENCE=IMAGE takes the image from IMAGE, which may be a local one, and names it as "
        "manifests and templates do: redis:7=oci:./redis.\n\n"
        "With --check, each difference is a line, and the exit status is 1 where there is one.",
    .options = options,
    .run = run,
};
