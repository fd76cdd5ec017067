#include "image/local.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json.h"
#include "os/fd.h"
#include "os/file.h"

#define TAGS_SHOWN  512 /* bytes of a list in a message */
#define INDEXES_MAX 3   /* index.json, an index in it, and no more than one below */

static const struct {
    const char *prefix;
    enum local_kind kind;
} prefixes[] = {
    {"oci:", LOCAL_LAYOUT},
    {"oci-archive:", LOCAL_OCI_ARCHIVE},
    {"docker-archive:", LOCAL_DOCKER_ARCHIVE},
};

static bool is_path(const char *text)
{
    return *text == '/' || text_starts_with(text, "./") || text_starts_with(text, "../") ||
           strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* PATH[:TAG], split at the first colon as other tools do, unless the whole is a path that is there.
 */
static int split(const char *text, struct local *out, struct error *err)
{
    size_t len = exists(text) ? strlen(text) : strcspn(text, ":");
    if (len == 0)
        return error_set(err, ERROR_USAGE, "a path is missing");
    out->path = text_dup_span(span_of(text, len));
    if (!out->path)
        return error_memory(err);
    if (text[len] == '\0' || text[len + 1] == '\0')
        return 0;
    out->tag = text_format("%s", text + len + 1);
    return out->tag ? 0 : error_memory(err);
}

int local_parse(const char *text, struct local *out, struct error *err)
{
    *out = (struct local){0};
    if (is_path(text)) {
        out->kind = LOCAL_PATH;
        return split(text, out, err);
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (!text_starts_with(text, prefixes[i].prefix))
            continue;
        out->kind = prefixes[i].kind;
        if (split(text + strlen(prefixes[i].prefix), out, err) < 0)
            return error_context(err, "image \"%.256s\"", text);
    }
    return 0;
}

static int read_archive(struct local *local, struct error *err)
{
    uint8_t magic[4] = {0};
    size_t got;
    FD_AUTO fd = file_open_read(local->path, err);
    if (fd < 0 || fd_pread_full(fd, magic, sizeof magic, 0, &got, err) < 0)
        return -1;
    bool gzip = magic[0] == 0x1f && magic[1] == 0x8b;
    bool zstd = memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0;
    if (gzip || zstd)
        return error_set(err, ERROR_INVALID,
                         "%s is a compressed archive: its members can't be found without "
                         "unpacking it; run %s -d first",
                         local->path, gzip ? "gzip" : "zstd");
    if (archive_read(fd, &local->archive, err) < 0)
        return error_context(err, "%s", local->path);
    return 0;
}

/* Finds out what a bare path is. */
static int settle_kind(struct local *local, bool folder, struct error *err)
{
    if (local->kind == LOCAL_PATH && folder)
        local->kind = LOCAL_LAYOUT;
    if (local->kind == LOCAL_PATH)
        local->kind = archive_find(&local->archive, "oci-layout", NULL) ? LOCAL_OCI_ARCHIVE
                                                                        : LOCAL_DOCKER_ARCHIVE;
    if (folder != (local->kind == LOCAL_LAYOUT))
        return error_set(err, ERROR_INVALID, "%s is %s", local->path,
                         folder ? "a folder; expected an archive file"
                                : "a file; expected the folder of an OCI image layout");
    return 0;
}

/* OCI image layout 1.0: the marker file, with its version. */
static int check_layout(const struct local *local, struct error *err)
{
    static const struct json_limits limits = {.size = 4096, .depth = 8};
    BUF_AUTO text = BUF_WITH_LIMIT(limits.size);
    if (local_read(local, "oci-layout", &text, err) < 0)
        return error_context(err, "%s is no OCI image layout", local->path);
    json_auto_t *object = json_parse_object(buf_span(&text), &limits, err);
    const char *version;
    if (!object || json_get_text(object, "imageLayoutVersion", &version, err) < 0)
        return error_context(err, "%s/oci-layout", local->path);
    if (!text_starts_with(version, "1."))
        return error_set(err, ERROR_INVALID,
                         "%s: OCI image layout of version \"%.32s\"; expected 1", local->path,
                         version);
    return 0;
}

int local_open(struct local *local, struct error *err)
{
    struct stat status;
    if (stat(local->path, &status) < 0) {
        int sys = errno;
        (void)error_system(err, sys, "cannot open %s", local->path);
        if (err && sys == ENOENT)
            err->code = ERROR_NOT_FOUND;
        return -1;
    }
    bool folder = S_ISDIR(status.st_mode);
    if (!folder && read_archive(local, err) < 0)
        return -1;
    if (settle_kind(local, folder, err) < 0)
        return -1;
    return local->kind == LOCAL_DOCKER_ARCHIVE ? 0 : check_layout(local, err);
}

void local_fini(struct local *local)
{
    free(local->path);
    free(local->tag);
    archive_fini(&local->archive);
    *local = (struct local){0};
}

static int locate_in_folder(const char *folder, const char *name, struct image_location *out,
                            struct error *err)
{
    struct stat status;
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    if (!path)
        return error_memory(err);
    if (stat(path, &status) < 0)
        return error_set(err, ERROR_NOT_FOUND, "%s is missing", path);
    if (!S_ISREG(status.st_mode))
        return error_set(err, ERROR_INVALID, "%s is no regular file", path);
    out->path = path;
    out->size = (uint64_t)status.st_size;
    path = NULL;
    return 0;
}

int local_locate(const struct local *local, const char *name, struct image_location *out,
                 struct error *err)
{
    *out = (struct image_location){0};
    if (local->kind == LOCAL_LAYOUT)
        return locate_in_folder(local->path, name, out, err);
    const struct archive_member *member = archive_find(&local->archive, name, err);
    if (!member)
        return error_context(err, "%s", local->path);
    out->path = text_format("%s", local->path);
    out->offset = member->offset;
    out->size = member->size;
    return out->path ? 0 : error_memory(err);
}

static int read_location(const struct image_location *from, struct buf *out, struct error *err)
{
    FD_AUTO fd = file_open_read(from->path, err);
    size_t before = out->size;
    size_t got;
    if (fd < 0 || buf_append_zero(out, (size_t)from->size, err) < 0 ||
        fd_pread_full(fd, out->data + before, (size_t)from->size, (off_t)from->offset, &got, err) <
            0)
        return -1;
    if (got != from->size)
        return error_set(err, ERROR_INVALID, "%s is truncated", from->path);
    return 0;
}

int local_read(const struct local *local, const char *name, struct buf *out, struct error *err)
{
    struct image_location location;
    if (local_locate(local, name, &location, err) < 0)
        return -1;
    int status = read_location(&location, out, err);
    free(location.path);
    return status < 0 ? error_context(err, "%s", name) : 0;
}

static void blob_name(const struct oci_digest *digest, char out[128])
{
    static const char folder[] = "blobs/sha256/";
    memcpy(out, folder, sizeof folder);
    hex_encode(span_of(digest->bytes, sizeof digest->bytes), out + strlen(folder));
}

int local_locate_blob(const struct local *local, const struct oci_descriptor *blob,
                      struct image_location *out, struct error *err)
{
    char name[128];
    blob_name(&blob->digest, name);
    if (local_locate(local, name, out, err) < 0)
        return -1;
    if (out->size == blob->size)
        return 0;
    (void)error_set(err, ERROR_REFUSED, "%s: %s has %llu bytes, the image says %llu", local->path,
                    name, (unsigned long long)out->size, (unsigned long long)blob->size);
    free(out->path);
    out->path = NULL;
    return -1;
}

int local_read_blob(const struct local *local, const struct oci_descriptor *blob, struct buf *out,
                    struct error *err)
{
    struct image_location location;
    size_t before = out->size;
    if (local_locate_blob(local, blob, &location, err) < 0)
        return -1;
    int status = read_location(&location, out, err);
    free(location.path);
    if (status < 0)
        return -1;
    struct oci_digest found;
    oci_digest_of(span_of(out->data + before, out->size - before), &found);
    if (oci_digest_equal(&found, &blob->digest))
        return 0;
    char expected[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&blob->digest, expected);
    return error_set(err, ERROR_REFUSED, "%s: the bytes of blob %s have another digest",
                     local->path, expected);
}

static int no_tag(const struct local *local, const struct oci_index *index, struct error *err)
{
    if (index->count == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s holds no image", local->path);
    BUF_AUTO list = BUF_WITH_LIMIT(TAGS_SHOWN);
    for (size_t i = 0; i < index->count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what was counted was allocated */
        if (index->manifests[i].ref_name)
            (void)buf_printf(&list, NULL, "%s%.64s", list.size ? ", " : "",
                             index->manifests[i].ref_name);
    }
    if (!local->tag)
        return error_set(err, ERROR_USAGE, "%s holds several images; name one by PATH:TAG: %s",
                         local->path, buf_text(&list));
    return error_set(err, ERROR_NOT_FOUND, "%s has no image \"%.128s\"; it has: %s", local->path,
                     local->tag, list.size ? buf_text(&list) : "images without a name");
}

/* The entry with the tag; without one the only entry, or the one of our platform. */
static const struct oci_descriptor *choose(const struct local *local, const struct oci_index *index)
{
    const struct oci_descriptor *chosen = NULL;
    for (size_t i = 0; local->tag && i < index->count; i++) {
        const char *name = index->manifests[i].ref_name;
        if (name && strcmp(name, local->tag) == 0)
            chosen = &index->manifests[i];
    }
    if (!local->tag && index->count == 1)
        chosen = index->manifests;
    if (!local->tag && index->count > 1)
        (void)oci_index_select(index, &chosen, NULL);
    return chosen;
}

/* Replaces *blob, which is an index, by its entry for our platform. */
static int descend(struct span text, struct oci_descriptor *blob, struct error *err)
{
    OCI_INDEX_AUTO index = {0};
    const struct oci_descriptor *chosen;
    if (oci_index_parse(text, &index, err) < 0 || oci_index_select(&index, &chosen, err) < 0)
        return -1;
    blob->digest = chosen->digest;
    blob->size = chosen->size;
    return 0;
}

/* `blob` has only its digest and size set. */
static int follow(const struct local *local, struct oci_descriptor *blob, struct buf *out,
                  struct error *err)
{
    for (int depth = 0; depth < INDEXES_MAX; depth++) {
        enum oci_kind kind;
        buf_fini(out);
        if (local_read_blob(local, blob, out, err) < 0 ||
            oci_kind_of_document(buf_span(out), NULL, &kind, err) < 0)
            return -1;
        if (kind == OCI_KIND_MANIFEST)
            return 0;
        if (descend(buf_span(out), blob, err) < 0)
            return -1;
    }
    return error_set(err, ERROR_LIMIT, "%s: indexes in indexes", local->path);
}

int local_read_manifest(const struct local *local, struct oci_digest *digest, struct buf *out,
                        struct error *err)
{
    OCI_INDEX_AUTO index = {0};
    if (local_read(local, "index.json", out, err) < 0 ||
        oci_index_parse(buf_span(out), &index, err) < 0)
        return error_context(err, "%s", local->path);
    const struct oci_descriptor *chosen = choose(local, &index);
    if (!chosen)
        return no_tag(local, &index, err);
    struct oci_descriptor blob = {.digest = chosen->digest, .size = chosen->size};
    if (follow(local, &blob, out, err) < 0)
        return -1;
    *digest = blob.digest;
    return 0;
}
