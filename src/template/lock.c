#include "template/lock.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/digest.h"
#include "format/json.h"
#include "format/oci.h"

#define ARENA_MAX (4 * IMAGE_LOCK_SIZE_MAX)

struct locked {
    const char *reference;
    struct template_image image;
};

struct image_lock {
    json_t *document; /* holds the texts */
    struct arena arena;
    struct locked *images;
    size_t count;
};

/* null stands for absence: that is what Go's encoders write. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static int read_list(struct image_lock *lock, const json_t *object, const char *key,
                     struct policy_list *out, struct error *err)
{
    const json_t *array = member(object, key);
    size_t count = json_array_size(array);
    if (array && !json_is_array(array))
        return error_set(err, ERROR_INVALID, "%s: expected an array of strings, found %s", key,
                         json_kind(array));
    if (count > OCI_TEXTS_MAX)
        return error_set(err, ERROR_LIMIT, "%s: %zu strings; at most %d are accepted", key, count,
                         OCI_TEXTS_MAX);
    const char **items = arena_take(&lock->arena, count, sizeof *items);
    if (!items)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (json_text_at(array, i, key, &items[i], err) < 0)
            return -1;
    }
    *out = (struct policy_list){items, count};
    return 0;
}

static int read_text(const json_t *object, const char *key, const char **out, struct error *err)
{
    const char *text = NULL;
    if (member(object, key) && json_get_text(object, key, &text, err) < 0)
        return -1;
    *out = text ? text : "";
    return 0;
}

static int check_env(struct policy_list env, struct error *err)
{
    for (size_t i = 0; i < env.count; i++) {
        const char *equals = strchr(env.items[i], '=');
        if (!equals || equals == env.items[i])
            return error_set(err, ERROR_INVALID, "Env[%zu] is not NAME=value", i);
    }
    return 0;
}

static int read_config(struct image_lock *lock, const json_t *config, struct template_image *out,
                       struct error *err)
{
    static const char *const known[] = {"Env",  "Entrypoint", "Cmd", "WorkingDir",
                                        "User", "StopSignal", NULL};
    if (json_check_keys(config, known, err) < 0 ||
        read_list(lock, config, "Env", &out->env, err) < 0 || check_env(out->env, err) < 0 ||
        read_list(lock, config, "Entrypoint", &out->entrypoint, err) < 0 ||
        read_list(lock, config, "Cmd", &out->cmd, err) < 0 ||
        read_text(config, "WorkingDir", &out->working_dir, err) < 0 ||
        read_text(config, "User", &out->user, err) < 0 ||
        read_text(config, "StopSignal", &out->stop_signal, err) < 0)
        return error_context(err, "config");
    return 0;
}

static int check_layers(struct policy_list layers, struct error *err)
{
    if (layers.count == 0 || layers.count > OCI_LAYERS_MAX)
        return error_set(err, ERROR_INVALID, "%zu layers; an image has 1 to %d", layers.count,
                         OCI_LAYERS_MAX);
    for (size_t i = 0; i < layers.count; i++) {
        uint8_t hash[SHA256_SIZE];
        const char *text = layers.items[i];
        if (!hex_decode(span_of_text(text), hash, sizeof hash) || strpbrk(text, "ABCDEF"))
            return error_set(err, ERROR_INVALID,
                             "layers[%zu] is \"%.80s\", not a root hash: 64 lower-case digits", i,
                             text);
    }
    return 0;
}

static int read_image(struct image_lock *lock, const json_t *object, struct template_image *out,
                      struct error *err)
{
    static const char *const known[] = {"config", "layers", NULL};
    json_t *config;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(object));
    if (json_check_keys(object, known, err) < 0 ||
        json_get_object(object, "config", &config, err) < 0 ||
        read_config(lock, config, out, err) < 0 ||
        read_list(lock, object, "layers", &out->layers, err) < 0)
        return -1;
    return check_layers(out->layers, err);
}

static int read_images(struct image_lock *lock, struct error *err)
{
    size_t total = json_object_size(lock->document);
    const char *key;
    json_t *value;
    if (total > IMAGE_LOCK_MAX)
        return error_set(err, ERROR_LIMIT, "%zu images; at most %d are accepted", total,
                         IMAGE_LOCK_MAX);
    lock->images = arena_take(&lock->arena, total, sizeof *lock->images);
    if (!lock->images)
        return error_memory(err);
    json_object_foreach (lock->document, key, value) {
        struct locked *locked = &lock->images[lock->count++];
        locked->reference = key;
        if (!*key || read_image(lock, value, &locked->image, err) < 0)
            return *key ? error_context(err, "image \"%.256s\"", key)
                        : error_set(err, ERROR_INVALID, "an image without reference");
    }
    return 0;
}

int image_lock_parse(struct span text, struct image_lock **out, struct error *err)
{
    static const struct json_limits limits = {.size = IMAGE_LOCK_SIZE_MAX, .depth = 8};
    *out = NULL;
    IMAGE_LOCK_AUTO lock = calloc(1, sizeof *lock);
    if (!lock)
        return error_memory(err);
    lock->arena.limit = ARENA_MAX;
    lock->document = json_parse_object(text, &limits, err);
    if (!lock->document || read_images(lock, err) < 0)
        return error_context(err, "image lock");
    *out = lock;
    lock = NULL;
    return 0;
}

void image_lock_free(struct image_lock *lock)
{
    if (!lock)
        return;
    json_decref(lock->document);
    arena_fini(&lock->arena);
    free(lock);
}

void image_lock_cleanup(struct image_lock **lock)
{
    image_lock_free(*lock);
}

size_t image_lock_count(const struct image_lock *lock)
{
    return lock->count;
}

const char *image_lock_reference(const struct image_lock *lock, size_t index)
{
    return lock->images[index].reference;
}

const struct template_image *image_lock_at(const struct image_lock *lock, size_t index)
{
    return &lock->images[index].image;
}

static const struct template_image *find(const struct image_lock *lock, const char *reference,
                                         const char *tag)
{
    size_t size = strlen(reference);
    for (size_t i = 0; i < lock->count; i++) {
        const char *own = lock->images[i].reference;
        if (strncmp(own, reference, size) == 0 && strcmp(own + size, tag) == 0)
            return &lock->images[i].image;
    }
    return NULL;
}

/* A tag or digest follows the last slash: a registry's port stands before it. */
static bool has_tag(const char *reference)
{
    const char *slash = strrchr(reference, '/');
    return strpbrk(slash ? slash : reference, ":@") != NULL;
}

const struct template_image *image_lock_find(const struct image_lock *lock, const char *reference,
                                             struct error *err)
{
    const struct template_image *image = find(lock, reference, "");
    if (!image && !has_tag(reference))
        image = find(lock, reference, ":latest");
    if (!image)
        (void)error_set(err, ERROR_NOT_FOUND,
                        "the image lock has no \"%.256s\"; add it with caisson policy lock",
                        reference);
    return image;
}
