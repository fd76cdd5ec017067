#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "format/json.h"
#include "image/store_paths.h"
#include "os/file.h"
#include "os/output.h"

#define ENTRY_SIZE_MAX 8192  /* bytes of an entry's file */
#define ENTRIES_MAX    65536 /* names in a store */

static char *entry_path(const struct store *store, const char *name)
{
    struct oci_digest digest;
    oci_digest_of(span_of_text(name), &digest);
    return store_path(store, STORE_IMAGES, &digest, ".json");
}

int store_put_name(const struct store *store, const struct store_entry *entry, struct error *err)
{
    char digest[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&entry->manifest, digest);
    BUF_AUTO text = BUF_WITH_LIMIT(ENTRY_SIZE_MAX);
    TEXT_AUTO path = entry_path(store, entry->name);
    if (!path)
        return error_memory(err);
    if (buf_append_text(&text, "{\"name\":", err) < 0 ||
        json_append_string(&text, span_of_text(entry->name), err) < 0 ||
        buf_printf(&text, err,
                   ",\"manifest\":\"%s\",\"size\":%" PRIu64 ",\"pulled\":%" PRId64 "}\n", digest,
                   entry->size, entry->pulled) < 0)
        return -1;
    return output_write(path, buf_span(&text), 0600, err);
}

static int parse_entry(struct span text, struct store_entry *out, struct error *err)
{
    static const struct json_limits limits = {.size = ENTRY_SIZE_MAX, .depth = 1};
    json_auto_t *object = json_parse_object(text, &limits, err);
    const char *name;
    const char *digest;
    if (!object || json_get_text(object, "name", &name, err) < 0 ||
        json_get_text(object, "manifest", &digest, err) < 0 ||
        oci_digest_parse(digest, &out->manifest, err) < 0 ||
        json_get_u64(object, "size", INT64_MAX, &out->size, err) < 0 ||
        json_get_i64(object, "pulled", &out->pulled, err) < 0)
        return -1;
    out->name = text_format("%s", name);
    return out->name ? 0 : error_memory(err);
}

static int read_entry(const char *path, struct store_entry *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(ENTRY_SIZE_MAX);
    *out = (struct store_entry){0};
    if (file_read(path, &text, err) < 0)
        return -1;
    if (parse_entry(buf_span(&text), out, err) < 0)
        return error_context(err, "%s is damaged; remove it and pull again", path);
    return 0;
}

int store_get_name(const struct store *store, const char *name, struct store_entry *out,
                   struct error *err)
{
    TEXT_AUTO path = entry_path(store, name);
    if (!path)
        return error_memory(err);
    struct error problem = {0};
    if (read_entry(path, out, &problem) < 0) {
        if (problem.code == ERROR_NOT_FOUND)
            return error_set(err, ERROR_NOT_FOUND, "image %s is not in the store", name);
        return error_set(err, problem.code, "%s", problem.text);
    }
    if (strcmp(out->name, name) == 0)
        return 0;
    store_entry_fini(out);
    return error_set(err, ERROR_REFUSED, "%s names another image; remove it and pull again", path);
}

void store_entry_fini(struct store_entry *entry)
{
    free(entry->name);
    *entry = (struct store_entry){0};
}

void store_entries_free(struct store_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_entry_fini(&entries[i]);
    free(entries);
}

static int compare_names(const void *a, const void *b)
{
    const struct store_entry *left = a;
    const struct store_entry *right = b;
    return strcmp(left->name, right->name);
}

static int add_entry(const char *path, struct store_entry **list, size_t *count, struct error *err)
{
    if (*count >= ENTRIES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d images in the store", ENTRIES_MAX);
    struct store_entry *longer = reallocarray(*list, *count + 1, sizeof *longer);
    if (!longer)
        return error_memory(err);
    *list = longer;
    if (read_entry(path, &longer[*count], err) < 0)
        return -1;
    (*count)++;
    return 0;
}

static int list_folder(DIR *folder, const char *path, struct store_entry **list, size_t *count,
                       struct error *err)
{
    for (struct dirent *at = readdir(folder); at; at = readdir(folder)) {
        if (at->d_name[0] == '.' || !text_ends_with(at->d_name, ".json"))
            continue;
        TEXT_AUTO entry = text_format("%s/%s", path, at->d_name);
        struct error problem = {0};
        if (!entry)
            return error_memory(err);
        /* Another process may have removed it since. */
        if (add_entry(entry, list, count, &problem) < 0 && problem.code != ERROR_NOT_FOUND)
            return error_set(err, problem.code, "%s", problem.text);
    }
    return 0;
}

int store_list(const struct store *store, struct store_entry **out, size_t *count,
               struct error *err)
{
    *out = NULL;
    *count = 0;
    TEXT_AUTO path = text_format("%s/%s", store->folder, STORE_IMAGES);
    if (!path)
        return error_memory(err);
    DIR *folder = opendir(path);
    if (!folder)
        return error_system(err, errno, "cannot list %s", path);
    int status = list_folder(folder, path, out, count, err);
    (void)closedir(folder);
    if (status < 0) {
        store_entries_free(*out, *count);
        *out = NULL;
        *count = 0;
        return -1;
    }
    if (*count > 0)
        qsort(*out, *count, sizeof **out, compare_names);
    return 0;
}

/* What the images that stay need. */
struct needed {
    struct oci_digest *digests;
    size_t count;
    size_t capacity;
};

static int need(struct needed *needed, const struct oci_digest *digest, struct error *err)
{
    if (needed->count == needed->capacity) {
        size_t capacity = needed->capacity ? needed->capacity * 2 : 64;
        struct oci_digest *longer = reallocarray(needed->digests, capacity,
                                                 sizeof *needed->digests);
        if (!longer)
            return error_memory(err);
        needed->digests = longer;
        needed->capacity = capacity;
    }
    needed->digests[needed->count++] = *digest;
    return 0;
}

static int need_config(const struct store *store, const struct oci_digest *digest,
                       struct needed *needed, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    OCI_CONFIG_AUTO config = {0};
    if (store_read_blob(store, digest, &text, NULL) < 0 ||
        oci_config_parse(buf_span(&text), &config, NULL) < 0)
        return 0;
    for (size_t i = 0; i < config.diff_id_count; i++) {
        if (need(needed, &config.diff_ids[i], err) < 0)
            return -1;
    }
    return 0;
}

/* An image whose documents are gone or damaged can't be run and needs nothing. */
static int need_image(const struct store *store, const struct store_entry *entry,
                      struct needed *needed, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    OCI_MANIFEST_AUTO manifest = {0};
    if (store_read_blob(store, &entry->manifest, &text, NULL) < 0 ||
        oci_manifest_parse(buf_span(&text), &manifest, NULL) < 0)
        return 0;
    if (need(needed, &entry->manifest, err) < 0 || need(needed, &manifest.config.digest, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.count; i++) {
        if (need(needed, &manifest.layers[i].digest, err) < 0)
            return -1;
    }
    return need_config(store, &manifest.config.digest, needed, err);
}

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct oci_digest));
}

static int collect_needed(const struct store *store, struct needed *needed, struct error *err)
{
    struct store_entry *entries;
    size_t count;
    if (store_list(store, &entries, &count, err) < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = need_image(store, &entries[i], needed, err);
    store_entries_free(entries, count);
    if (status == 0 && needed->count > 0)
        qsort(needed->digests, needed->count, sizeof *needed->digests, compare_digests);
    return status;
}

/* Whether a file's name starts with the hex of a digest that is needed. */
static bool is_needed(const char *name, const struct needed *needed)
{
    struct oci_digest digest;
    TEXT_AUTO text = text_format("sha256:%.64s", name);
    if (!text || oci_digest_parse(text, &digest, NULL) < 0)
        return false;
    return needed->count > 0 &&
           bsearch(&digest, needed->digests, needed->count, sizeof digest, compare_digests) != NULL;
}

static void sweep_file(const char *path, uint64_t *bytes, size_t *files)
{
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || unlink(path) < 0)
        return;
    *bytes += (uint64_t)status.st_blocks * 512;
    *files += !text_ends_with(path, ".json");
}

static int sweep(const struct store *store, const char *kind, const struct needed *needed,
                 uint64_t *bytes, size_t *files, struct error *err)
{
    TEXT_AUTO folder_path = text_format("%s/%s", store->folder, kind);
    if (!folder_path)
        return error_memory(err);
    DIR *folder = opendir(folder_path);
    if (!folder)
        return error_system(err, errno, "cannot list %s", folder_path);
    for (struct dirent *at = readdir(folder); at; at = readdir(folder)) {
        TEXT_AUTO path = text_format("%s/%s", folder_path, at->d_name);
        if (path && at->d_name[0] != '.' && !is_needed(at->d_name, needed))
            sweep_file(path, bytes, files);
    }
    (void)closedir(folder);
    return 0;
}

static int sweep_all(const struct store *store, struct store_freed *freed, struct error *err)
{
    struct needed needed = {0};
    const struct needed nothing = {0};
    size_t partials = 0;
    int status = collect_needed(store, &needed, err);
    if (status == 0)
        status = sweep(store, STORE_BLOBS, &needed, &freed->bytes, &freed->blobs, err);
    if (status == 0)
        status = sweep(store, STORE_DISKS, &needed, &freed->bytes, &freed->disks, err);
    if (status == 0)
        status = sweep(store, STORE_PARTIAL, &nothing, &freed->bytes, &partials, err);
    free(needed.digests);
    return status;
}

static int remove_name(const struct store *store, const char *name, struct error *err)
{
    TEXT_AUTO path = entry_path(store, name);
    if (!path)
        return error_memory(err);
    if (unlink(path) == 0)
        return 0;
    if (errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "image %s is not in the store", name);
    return error_system(err, errno, "cannot remove %s", path);
}

int store_remove(struct store *store, const char *name, struct store_freed *freed,
                 struct error *err)
{
    *freed = (struct store_freed){0};
    if (file_lock_convert(store->lock, true, err) < 0)
        return -1;
    int status = remove_name(store, name, err);
    if (status == 0)
        status = sweep_all(store, freed, err);
    if (file_lock_convert(store->lock, false, status < 0 ? NULL : err) < 0)
        return -1;
    return status;
}
