#include "image/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "image/disk.h"
#include "image/reference.h"
#include "image/registry.h"

static const struct image_options default_options;

static const char *const pulls[] = {
    [IMAGE_PULL_MISSING] = "missing",
    [IMAGE_PULL_ALWAYS] = "always",
    [IMAGE_PULL_NEVER] = "never",
};

bool image_pull_parse(const char *text, enum image_pull *out)
{
    for (size_t i = 0; i < sizeof pulls / sizeof pulls[0]; i++) {
        if (strcmp(text, pulls[i]) == 0) {
            *out = (enum image_pull)i;
            return true;
        }
    }
    return false;
}

/* Leaves the names only. */
static void forget_contents(struct image *image)
{
    for (size_t i = 0; image->locations && i < image->layer_count; i++)
        free(image->locations[i].path);
    image_disks_free(image->made, image->layer_count);
    free(image->locations);
    free(image->layers);
    image->made = NULL;
    image->locations = NULL;
    image->layers = NULL;
    image->layer_count = 0;
    oci_config_fini(&image->config);
}

void image_free(struct image *image)
{
    if (!image)
        return;
    forget_contents(image);
    free(image->reference);
    free(image->name);
    free(image);
}

void image_cleanup(struct image **image)
{
    image_free(*image);
    *image = NULL;
}

static int make_layers(struct image *image, size_t count, struct error *err)
{
    if (image->config.diff_id_count != count)
        return error_set(err, ERROR_INVALID, "the image has %zu layers and %zu diff_ids", count,
                         image->config.diff_id_count);
    image->layers = calloc(count, sizeof *image->layers);
    image->locations = calloc(count, sizeof *image->locations);
    image->layer_count = count;
    if (!image->layers || !image->locations)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        image->layers[i].diff_id = image->config.diff_ids[i];
    return 0;
}

/* Where an image's blobs come from: the store, or a local image. */
static int read_blob(const struct image *image, const struct local *local,
                     const struct oci_descriptor *blob, struct buf *out, struct error *err)
{
    if (local)
        return local_read_blob(local, blob, out, err);
    return store_read_blob(image->store, &blob->digest, out, err);
}

/* Where it lies; a stored one need not be there yet. */
static int locate_blob(const struct image *image, const struct local *local,
                       const struct oci_descriptor *blob, struct image_location *out,
                       struct error *err)
{
    if (local)
        return local_locate_blob(local, blob, out, err);
    *out = (struct image_location){.size = blob->size};
    out->path = store_blob_path(image->store, &blob->digest);
    return out->path ? 0 : error_memory(err);
}

static int check_stored(const struct image *image, struct error *err)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        if (!store_has_blob(image->store, &image->layers[i].digest, image->layers[i].size))
            return error_set(err, ERROR_NOT_FOUND,
                             "layer %zu: %s is missing or damaged; pull the image again", i,
                             image->locations[i].path);
    }
    return 0;
}

/* Reads config and layers by a manifest whose digest was checked. */
static int load_manifest(struct image *image, const struct local *local, struct span text,
                         struct error *err)
{
    OCI_MANIFEST_AUTO manifest = {0};
    BUF_AUTO config = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    if (oci_manifest_parse(text, &manifest, err) < 0 ||
        read_blob(image, local, &manifest.config, &config, err) < 0 ||
        oci_config_parse(buf_span(&config), &image->config, err) < 0 ||
        make_layers(image, manifest.count, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.count; i++) {
        struct image_layer *layer = &image->layers[i];
        layer->has_digest = true;
        layer->digest = manifest.layers[i].digest;
        layer->size = manifest.layers[i].size;
        if (locate_blob(image, local, &manifest.layers[i], &image->locations[i], err) < 0)
            return error_context(err, "layer %zu", i);
    }
    return 0;
}

static int load_layout(struct image *image, const struct local *local, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    if (local_read_manifest(local, &image->digest, &text, err) < 0)
        return -1;
    return load_manifest(image, local, buf_span(&text), err);
}

static bool has_tag(const struct oci_saved_image *saved, const char *tag)
{
    for (size_t i = 0; i < saved->tags.count; i++) {
        struct reference a;
        struct reference b;
        if (strcmp(saved->tags.items[i], tag) == 0)
            return true;
        if (reference_parse(saved->tags.items[i], &a, NULL) == 0 &&
            reference_parse(tag, &b, NULL) == 0 && strcmp(a.host, b.host) == 0 &&
            strcmp(a.path, b.path) == 0 && strcmp(a.tag, b.tag) == 0)
            return true;
    }
    return false;
}

static const struct oci_saved_image *choose_saved(const struct oci_saved *saved,
                                                  const struct local *local, struct error *err)
{
    for (size_t i = 0; local->tag && i < saved->count; i++) {
        if (has_tag(&saved->images[i], local->tag))
            return &saved->images[i];
    }
    if (!local->tag && saved->count == 1)
        return saved->images;
    if (local->tag)
        (void)error_set(err, ERROR_NOT_FOUND, "%s has no image \"%.128s\"", local->path,
                        local->tag);
    else
        (void)error_set(err, ERROR_USAGE,
                        "%s holds %zu images; name one: docker-archive:FILE:NAME:TAG", local->path,
                        saved->count);
    return NULL;
}

static int load_saved(struct image *image, const struct local *local, struct error *err)
{
    OCI_SAVED_AUTO saved = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    BUF_AUTO config = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    if (local_read(local, "manifest.json", &text, err) < 0 ||
        oci_saved_parse(buf_span(&text), &saved, err) < 0)
        return -1;
    const struct oci_saved_image *chosen = choose_saved(&saved, local, err);
    if (!chosen || local_read(local, chosen->config, &config, err) < 0 ||
        oci_config_parse(buf_span(&config), &image->config, err) < 0 ||
        make_layers(image, chosen->layers.count, err) < 0)
        return -1;
    oci_digest_of(buf_span(&config), &image->digest);
    for (size_t i = 0; i < image->layer_count; i++) {
        if (local_locate(local, chosen->layers.items[i], &image->locations[i], err) < 0)
            return error_context(err, "layer %zu", i);
        image->layers[i].size = image->locations[i].size;
    }
    return 0;
}

static int load_local(struct image *image, struct local *local, struct error *err)
{
    image->name = text_format("%s", image->reference);
    if (!image->name)
        return error_memory(err);
    if (local_open(local, err) < 0)
        return -1;
    return local->kind == LOCAL_DOCKER_ARCHIVE ? load_saved(image, local, err)
                                               : load_layout(image, local, err);
}

/* Fills an image from the documents in the store. */
static int load_stored(struct image *image, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    image->stored = true;
    if (store_read_blob(image->store, &image->digest, &text, err) < 0)
        return -1;
    return load_manifest(image, NULL, buf_span(&text), err);
}

static int name_stored(struct image *image, struct error *err)
{
    struct store_entry entry = {
        .name = image->name, .manifest = image->digest, .pulled = (int64_t)time(NULL)};
    for (size_t i = 0; i < image->layer_count; i++)
        entry.size += image->layers[i].size;
    return store_put_name(image->store, &entry, err);
}

/* An image that is coming. */
struct arrival {
    struct image *image;
    const struct image_options *options;
    pthread_mutex_t lock;           /* held while the observer is called */
    struct image_options exclusive; /* the options with an observer that takes the lock */
};

static void report_alone(void *context, enum image_step step, const struct oci_digest *blob,
                         uint64_t done, uint64_t total, bool cached)
{
    struct arrival *arrival = context;
    const struct image_observer *observer = &arrival->options->observer;
    (void)pthread_mutex_lock(&arrival->lock);
    observer->report(observer->context, step, blob, done, total, cached);
    (void)pthread_mutex_unlock(&arrival->lock);
}

static int take_documents(void *arg, const struct oci_digest *manifest, struct error *err)
{
    struct arrival *arrival = arg;
    struct image *image = arrival->image;
    forget_contents(image);
    image->digest = *manifest;
    if (load_stored(image, err) < 0)
        return -1;
    if (arrival->options->disks)
        image->made = calloc(image->layer_count, sizeof *image->made);
    return image->made || !arrival->options->disks ? 0 : error_memory(err);
}

static int take_layer(void *arg, size_t index, struct error *err)
{
    struct arrival *arrival = arg;
    struct image *image = arrival->image;
    if (!image->made)
        return 0;
    return disk_of_layer(image, index, &arrival->exclusive, &image->made[index], err);
}

static int pull(struct image *image, const struct reference *reference,
                const struct image_options *options, struct error *err)
{
    struct arrival arrival = {.image = image,
                              .options = options,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .exclusive = *options};
    if (options->observer.report)
        arrival.exclusive.observer = (struct image_observer){report_alone, &arrival};
    const struct registry_sink sink = {take_documents, &arrival, {take_layer, &arrival}};
    if (registry_pull(image->store, reference, &arrival.exclusive, &sink, err) < 0 ||
        check_stored(image, err) < 0)
        return -1;
    return name_stored(image, err);
}

/* An image of which only the owned names are set. */
static struct image *image_new(struct store *store, const char *reference, const char *name,
                               struct error *err)
{
    IMAGE_AUTO image = calloc(1, sizeof *image);
    if (image) {
        image->store = store;
        image->reference = text_format("%s", reference);
        image->name = name ? text_format("%s", name) : NULL;
    }
    if (!image || !image->reference || (name && !image->name)) {
        (void)error_memory(err);
        return NULL;
    }
    struct image *made = image;
    image = NULL;
    return made;
}

static struct image *find_stored(struct store *store, const char *text, const char *name,
                                 struct error *err)
{
    struct store_entry entry;
    if (store_get_name(store, name, &entry, err) < 0)
        return NULL;
    IMAGE_AUTO image = image_new(store, text, name, err);
    if (image)
        image->digest = entry.manifest;
    store_entry_fini(&entry);
    if (!image || load_stored(image, err) < 0 || check_stored(image, err) < 0)
        return NULL;
    struct image *found = image;
    image = NULL;
    return found;
}

static struct image *resolve_remote(struct store *store, const char *text,
                                    const struct image_options *options, struct error *err)
{
    static const char transport[] = "docker://";
    struct reference reference;
    char name[REFERENCE_TEXT_MAX];
    const char *plain = text_starts_with(text, transport) ? text + strlen(transport) : text;
    if (reference_parse(plain, &reference, err) < 0)
        return NULL;
    reference_format(&reference, name);
    if (options->pull != IMAGE_PULL_ALWAYS) {
        struct image *stored = find_stored(store, text, name, err);
        if (stored || options->pull == IMAGE_PULL_NEVER) {
            if (!stored)
                (void)error_context(err, "may not be pulled (--pull never)");
            return stored;
        }
    }
    IMAGE_AUTO image = image_new(store, text, name, err);
    if (!image || pull(image, &reference, options, err) < 0) {
        (void)error_context(err, "%s", name);
        return NULL;
    }
    struct image *pulled = image;
    image = NULL;
    return pulled;
}

struct image *image_resolve(struct store *store, const char *reference,
                            const struct image_options *options, struct error *err)
{
    LOCAL_AUTO local = {0};
    if (!options)
        options = &default_options;
    if (local_parse(reference, &local, err) < 0)
        return NULL;
    if (local.kind == LOCAL_NONE)
        return resolve_remote(store, reference, options, err);
    IMAGE_AUTO image = image_new(store, reference, NULL, err);
    if (!image || load_local(image, &local, err) < 0)
        return NULL;
    struct image *loaded = image;
    image = NULL;
    return loaded;
}
