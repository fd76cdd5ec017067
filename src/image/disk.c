#include "image/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json.h"
#include "image/partial.h"
#include "image/store_paths.h"
#include "layer/layer.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"

#define DISK_FORMAT      1 /* grows when the converter gives other bytes for the same layer */
#define DESCRIPTION_SIZE 1024
#define SECTOR           512

struct blob_reader {
    int fd;
    uint64_t offset;
    uint64_t left;
};

struct watch {
    const struct image_observer *observer;
    const struct image_layer *layer;
};

static int read_blob(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    struct blob_reader *reader = arg;
    if (size > reader->left)
        size = (size_t)reader->left;
    if (fd_pread_full(reader->fd, out, size, (off_t)reader->offset, got, err) < 0)
        return -1;
    if (*got < size)
        return error_set(err, ERROR_INVALID, "the file is truncated");
    reader->offset += *got;
    reader->left -= *got;
    return 0;
}

static void report(const struct watch *watch, uint64_t done, bool cached)
{
    const struct image_observer *observer = watch->observer;
    const struct image_layer *layer = watch->layer;
    if (observer->report)
        observer->report(observer->context, IMAGE_STEP_CONVERT,
                         layer->has_digest ? &layer->digest : &layer->diff_id, done, layer->size,
                         cached);
}

static int progressed(void *arg, uint64_t blob_bytes)
{
    const struct watch *watch = arg;
    /* The last report, with done == total, follows once the disk has its name. */
    if (blob_bytes < watch->layer->size)
        report(watch, blob_bytes, false);
    return 0;
}

static int parse_description(struct span text, uint8_t root_hash[SHA256_SIZE], uint64_t *size,
                             struct error *err)
{
    static const struct json_limits limits = {.size = DESCRIPTION_SIZE, .depth = 1};
    json_auto_t *object = json_parse_object(text, &limits, err);
    uint64_t format;
    const char *hex;
    if (!object || json_get_u64(object, "format", UINT32_MAX, &format, err) < 0 ||
        json_get_u64(object, "size", INT64_MAX, size, err) < 0 ||
        json_get_text(object, "root_hash", &hex, err) < 0)
        return -1;
    if (format != DISK_FORMAT || !hex_decode(span_of_text(hex), root_hash, SHA256_SIZE))
        return error_set(err, ERROR_INVALID, "another format");
    return 0;
}

static bool find_description(const struct store *store, const struct oci_digest *diff_id,
                             struct image_disk *out)
{
    TEXT_AUTO path = store_path(store, STORE_DISKS, diff_id, ".json");
    BUF_AUTO text = BUF_WITH_LIMIT(DESCRIPTION_SIZE);
    return path && file_read(path, &text, NULL) == 0 &&
           parse_description(buf_span(&text), out->root_hash, &out->size, NULL) == 0;
}

bool disk_find(const struct store *store, const struct oci_digest *diff_id, struct image_disk *out)
{
    TEXT_AUTO path = store_path(store, STORE_DISKS, diff_id, ".disk");
    struct stat status;
    if (!path || !find_description(store, diff_id, out))
        return false;
    if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size != out->size || out->size == 0 || out->size % SECTOR != 0)
        return false;
    out->path = path;
    path = NULL;
    return true;
}

static int describe(const struct store *store, const struct image_layer *layer,
                    const struct layer_result *result, struct error *err)
{
    char root_hash[2 * SHA256_SIZE + 1];
    BUF_AUTO text = BUF_WITH_LIMIT(DESCRIPTION_SIZE);
    TEXT_AUTO path = store_path(store, STORE_DISKS, &layer->diff_id, ".json");
    hex_encode(span_of(result->root_hash, sizeof result->root_hash), root_hash);
    if (!path)
        return error_memory(err);
    if (buf_printf(&text, err, "{\"format\":%d,\"root_hash\":\"%s\",\"size\":%" PRIu64 "}\n",
                   DISK_FORMAT, root_hash, result->disk_size) < 0)
        return -1;
    return output_write(path, buf_span(&text), 0600, err);
}

static int wrong_digest(const char *what, const uint8_t *expected, const uint8_t *found,
                        struct error *err)
{
    char texts[2][2 * SHA256_SIZE + 1];
    hex_encode(span_of(expected, SHA256_SIZE), texts[0]);
    hex_encode(span_of(found, SHA256_SIZE), texts[1]);
    return error_set(err, ERROR_REFUSED, "%s is sha256:%s; the image says sha256:%s", what,
                     texts[1], texts[0]);
}

/* What was read is what the image names: by its blob's digest, and by the tar's inside. */
static int check_result(const struct image_layer *layer, const struct layer_result *result,
                        struct error *err)
{
    if (layer->has_digest && memcmp(layer->digest.bytes, result->blob_digest, SHA256_SIZE) != 0)
        return wrong_digest("the layer's digest", layer->digest.bytes, result->blob_digest, err);
    if (memcmp(layer->diff_id.bytes, result->diff_id, SHA256_SIZE) != 0)
        return wrong_digest("the layer's diff_id", layer->diff_id.bytes, result->diff_id, err);
    return 0;
}

/* Into the file `out_fd`; -1 computes the root hash alone. */
static int convert(const struct watch *watch, const struct image_location *location, int out_fd,
                   struct layer_result *result, struct error *err)
{
    FD_AUTO fd = file_open_read(location->path, err);
    if (fd < 0)
        return -1;
    struct watch copy = *watch;
    struct blob_reader reader = {.fd = fd, .offset = location->offset, .left = location->size};
    const struct layer_source source = {.read = read_blob, .arg = &reader};
    const struct layer_options options = {.progress = progressed, .progress_arg = &copy};
    int status = out_fd < 0 ? layer_hash(&source, &options, result, err)
                            : layer_build(&source, &options, out_fd, result, err);
    if (status < 0 || check_result(watch->layer, result, err) < 0)
        return error_context(err, "%s", location->path);
    return 0;
}

/* Builds the disk in the locked file `fd`, which is named `partial`, and names it. */
static int build(const struct store *store, const struct watch *watch,
                 const struct image_location *location, int fd, const char *partial,
                 struct error *err)
{
    struct layer_result result;
    TEXT_AUTO path = store_path(store, STORE_DISKS, &watch->layer->diff_id, ".disk");
    if (!path)
        return error_memory(err);
    if (convert(watch, location, fd, &result, err) < 0 ||
        output_rename(fd, partial, path, err) < 0) {
        (void)unlink(partial);
        return -1;
    }
    return describe(store, watch->layer, &result, err);
}

int disk_get(const struct store *store, const struct image_layer *layer,
             const struct image_location *location, const struct image_observer *observer,
             struct image_disk *out, struct error *err)
{
    const struct watch watch = {.observer = observer, .layer = layer};
    *out = (struct image_disk){0};
    bool cached = disk_find(store, &layer->diff_id, out);
    if (!cached) {
        TEXT_AUTO partial = store_path(store, STORE_PARTIAL, &layer->diff_id, ".disk");
        FD_AUTO fd = partial ? partial_open(partial, err) : error_memory(err);
        if (fd < 0)
            return -1;
        /* Another process may have built it while this one waited. */
        cached = disk_find(store, &layer->diff_id, out);
        if (cached)
            (void)unlink(partial);
        else if (build(store, &watch, location, fd, partial, err) < 0)
            return -1;
        else if (!disk_find(store, &layer->diff_id, out))
            return error_set(err, ERROR_SYSTEM, "the new disk of %s is gone", location->path);
    }
    report(&watch, layer->size, cached);
    return 0;
}

int disk_get_root(const struct store *store, const struct image_layer *layer,
                  const struct image_location *location, const struct image_observer *observer,
                  struct image_disk *out, struct error *err)
{
    const struct watch watch = {.observer = observer, .layer = layer};
    struct layer_result result;
    *out = (struct image_disk){0};
    bool cached = find_description(store, &layer->diff_id, out);
    if (!cached) {
        if (convert(&watch, location, -1, &result, err) < 0 ||
            describe(store, layer, &result, err) < 0)
            return -1;
        memcpy(out->root_hash, result.root_hash, sizeof out->root_hash);
        out->size = result.disk_size;
    }
    report(&watch, layer->size, cached);
    return 0;
}

void image_disks_free(struct image_disk *disks, size_t count)
{
    for (size_t i = 0; disks && i < count; i++)
        free(disks[i].path);
    free(disks);
}

int disk_of_layer(const struct image *image, size_t index, const struct image_options *options,
                  struct image_disk *out, struct error *err)
{
    const struct image_location *location = &image->locations[index];
    struct error problem = {0};
    const struct image_layer *layer = &image->layers[index];
    int status = options->roots_only
                     ? disk_get_root(image->store, layer, location, &options->observer, out,
                                     &problem)
                     : disk_get(image->store, layer, location, &options->observer, out, &problem);
    if (status == 0)
        return 0;
    /* A stored blob that isn't what it is named must not be found again. */
    if (image->stored && problem.code == ERROR_REFUSED)
        store_drop_blob(image->store, &layer->digest);
    return error_set(err, problem.code, "layer %zu of %s: %s", index, image->name, problem.text);
}

static int copy_disk(const struct image_disk *from, struct image_disk *out, struct error *err)
{
    *out = *from;
    if (!from->path)
        return 0;
    out->path = text_format("%s", from->path);
    return out->path ? 0 : error_memory(err);
}

struct image_disk *image_disks(const struct image *image, const struct image_options *options,
                               struct error *err)
{
    static const struct image_options default_options;
    if (!options)
        options = &default_options;
    struct image_disk *disks = calloc(image->layer_count, sizeof *disks);
    if (!disks) {
        (void)error_memory(err);
        return NULL;
    }
    int status = 0;
    for (size_t i = 0; i < image->layer_count && status == 0; i++)
        status = image->made ? copy_disk(&image->made[i], &disks[i], err)
                             : disk_of_layer(image, i, options, &disks[i], err);
    if (status == 0)
        return disks;
    image_disks_free(disks, image->layer_count);
    return NULL;
}
