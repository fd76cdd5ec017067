#include "cli/workload_images.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json.h"
#include "os/file.h"

#define DESCRIPTION_MAX ((size_t)8 << 20) /* bytes of one image's lists */

struct workload_image {
    struct workload_image *next;
    char *reference; /* as the workload writes it */
    struct image *image;
    struct image_disk *disks;
    struct arena arena;
    struct template_image described;
};

static void workload_image_free(struct workload_image *one)
{
    if (!one)
        return;
    if (one->image)
        image_disks_free(one->disks, one->image->layer_count);
    image_free(one->image);
    arena_fini(&one->arena);
    free(one->reference);
    free(one);
}

static void workload_image_cleanup(struct workload_image **one)
{
    workload_image_free(*one);
}

int workload_images_init(struct workload_images *images, const char *lock,
                         const struct image_options *options, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(IMAGE_LOCK_SIZE_MAX);
    *images = (struct workload_images){.options = *options};
    images->options.disks = true;
    if (!lock)
        return 0;
    if (file_read(lock, &text, err) < 0)
        return -1;
    return image_lock_parse(buf_span(&text), &images->lock, err) < 0
               ? error_context(err, "%s", lock)
               : 0;
}

/* A path in a list of archives is relative to the list. */
static int add_tar(struct workload_images *images, const char *list, const char *reference,
                   const json_t *value, struct error *err)
{
    const char *path = json_string_value(value);
    const char *slash = strrchr(list, '/');
    int folder = slash && path && *path != '/' ? (int)(slash - list) + 1 : 0;
    if (!path || !*path)
        return error_set(err, ERROR_INVALID, "%s: \"%.128s\": expected a path, found %s", list,
                         reference, json_kind(value));
    TEXT_AUTO full = text_format("%.*s%s", folder, list, path);
    if (!full || json_object_set_new(images->tars, reference, json_string(full)) < 0)
        return error_memory(err);
    return 0;
}

int workload_images_add_tars(struct workload_images *images, const char *path, struct error *err)
{
    static const struct json_limits limits = {1 << 20, 4};
    BUF_AUTO text = BUF_WITH_LIMIT(limits.size);
    const char *reference;
    json_t *value;
    if (!text_ends_with(path, ".json")) {
        images->tars = json_string(path);
        return images->tars ? 0 : error_memory(err);
    }
    if (file_read(path, &text, err) < 0)
        return -1;
    json_auto_t *list = json_parse_object(buf_span(&text), &limits, err);
    images->tars = json_object();
    if (!list || !images->tars)
        return list ? error_memory(err) : error_context(err, "%s", path);
    json_object_foreach (list, reference, value) {
        if (add_tar(images, path, reference, value, err) < 0)
            return -1;
    }
    return 0;
}

void workload_images_fini(struct workload_images *images)
{
    while (images->resolved) {
        struct workload_image *next = images->resolved->next;
        workload_image_free(images->resolved);
        images->resolved = next;
    }
    store_free(images->store);
    image_lock_free(images->lock);
    json_decref(images->tars);
    *images = (struct workload_images){0};
}

static struct policy_list list_of(const struct oci_texts *texts)
{
    return (struct policy_list){(const char *const *)texts->items, texts->count};
}

int workload_image_describe(const struct image *image, const struct image_disk *disks,
                            struct arena *arena, struct template_image *out, struct error *err)
{
    size_t count = image->layer_count;
    const char **layers = arena_take(arena, count, sizeof *layers);
    char(*hashes)[2 * SHA256_SIZE + 1] = arena_take(arena, count, sizeof *hashes);
    if (!layers || !hashes)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        hex_encode(span_of(disks[i].root_hash, SHA256_SIZE), hashes[i]);
        layers[i] = hashes[i];
    }
    *out = (struct template_image){
        .env = list_of(&image->config.env),
        .entrypoint = list_of(&image->config.entrypoint),
        .cmd = list_of(&image->config.cmd),
        .working_dir = image->config.working_dir,
        .user = image->config.user,
        .stop_signal = image->config.stop_signal,
        .layers = {layers, count},
    };
    return 0;
}

/* What resolves to the image: its archive where one is named for it. */
static char *place_of(const struct workload_images *images, const char *reference)
{
    const char *slash = strrchr(reference, '/');
    bool tagged = strpbrk(slash ? slash : reference, ":@") != NULL;
    const char *path = json_is_string(images->tars)
                           ? json_string_value(images->tars)
                           : json_string_value(json_object_get(images->tars, reference));
    if (!path)
        return text_format("%s", reference);
    return text_format("docker-archive:%s:%s%s", path, reference, tagged ? "" : ":latest");
}

static int resolve(struct workload_images *images, struct workload_image *one, struct error *err)
{
    TEXT_AUTO place = place_of(images, one->reference);
    if (!place)
        return error_memory(err);
    if (!images->store)
        images->store = store_open(NULL, err);
    if (!images->store)
        return -1;
    one->image = image_resolve(images->store, place, &images->options, err);
    if (!one->image)
        return -1;
    one->disks = image_disks(one->image, &images->options, err);
    if (!one->disks)
        return -1;
    return workload_image_describe(one->image, one->disks, &one->arena, &one->described, err);
}

static const struct template_image *find(void *context, const char *reference, struct error *err)
{
    struct workload_images *images = context;
    if (images->lock)
        return image_lock_find(images->lock, reference, err);
    for (struct workload_image *one = images->resolved; one; one = one->next) {
        if (strcmp(one->reference, reference) == 0)
            return &one->described;
    }
    __attribute__((cleanup(workload_image_cleanup))) struct workload_image *one = calloc(
        1, sizeof *one);
    if (!one) {
        (void)error_memory(err);
        return NULL;
    }
    one->arena.limit = DESCRIPTION_MAX;
    one->reference = text_format("%s", reference);
    if (!one->reference || resolve(images, one, err) < 0)
        return NULL;
    one->next = images->resolved;
    images->resolved = one;
    one = NULL;
    return &images->resolved->described;
}

struct template_images workload_images_source(struct workload_images *images)
{
    return (struct template_images){.find = find, .context = images};
}

static const struct workload_image *find_resolved(const struct workload_images *images,
                                                  const char *reference)
{
    const struct workload_image *one = images->resolved;
    while (one && strcmp(one->reference, reference) != 0)
        one = one->next;
    return one;
}

int workload_images_disks(const struct workload_images *images, const char *reference,
                          const struct image_disk **disks, size_t *count, struct error *err)
{
    const struct workload_image *one = find_resolved(images, reference);
    if (!one)
        return error_set(err, ERROR_NOT_FOUND, "the image %s was not looked up", reference);
    *disks = one->disks;
    *count = one->image->layer_count;
    return 0;
}

const char *workload_images_user(const struct workload_images *images, const char *reference)
{
    const struct workload_image *one = find_resolved(images, reference);
    return one && one->image->config.user ? one->image->config.user : "";
}
