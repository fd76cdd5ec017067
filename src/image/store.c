#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "image/partial.h"
#include "image/store_paths.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"

#define HASH_PIECE (1 << 18)

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static char *default_folder(struct error *err)
{
    const char *own = environment("CAISSON_HOME");
    const char *data = environment("XDG_DATA_HOME");
    const char *home = environment("HOME");
    char *folder = NULL;
    if (own)
        folder = text_format("%s", own);
    else if (data)
        folder = text_format("%s/caisson", data);
    else if (home)
        folder = text_format("%s/.local/share/caisson", home);
    else
        (void)error_set(err, ERROR_UNAVAILABLE,
                        "no place for the store: set CAISSON_HOME, XDG_DATA_HOME or HOME");
    if (!folder && (own || data || home))
        (void)error_memory(err);
    return folder;
}

static int make_folders(const char *folder, struct error *err)
{
    static const char *const parts[] = {STORE_BLOBS, STORE_PARTIAL, STORE_IMAGES, STORE_DISKS};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        TEXT_AUTO path = text_format("%s/%s", folder, parts[i]);
        if (!path)
            return error_memory(err);
        if (dir_make_all(path, 0700, err) < 0)
            return -1;
    }
    return 0;
}

struct store *store_open(const char *folder, struct error *err)
{
    STORE_AUTO store = calloc(1, sizeof *store);
    if (!store) {
        (void)error_memory(err);
        return NULL;
    }
    store->lock = -1;
    store->folder = folder ? text_format("%s", folder) : default_folder(err);
    TEXT_AUTO lock = store->folder ? text_format("%s/lock", store->folder) : NULL;
    if (!lock) {
        if (folder || store->folder)
            (void)error_memory(err);
        return NULL;
    }
    if (make_folders(store->folder, err) < 0 || dir_make_absolute(&store->folder, err) < 0)
        return NULL;
    store->lock = file_lock_shared(lock, err);
    if (store->lock < 0)
        return NULL;
    struct store *opened = store;
    store = NULL;
    return opened;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    fd_close(&store->lock);
    free(store->folder);
    free(store);
}

void store_cleanup(struct store **store)
{
    store_free(*store);
    *store = NULL;
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}

char *store_path(const struct store *store, const char *kind, const struct oci_digest *digest,
                 const char *suffix)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_encode(span_of(digest->bytes, sizeof digest->bytes), hex);
    return text_format("%s/%s/%s%s", store->folder, kind, hex, suffix);
}

char *store_blob_path(const struct store *store, const struct oci_digest *digest)
{
    return store_path(store, STORE_BLOBS, digest, "");
}

bool store_has_blob(const struct store *store, const struct oci_digest *digest, uint64_t size)
{
    struct stat status;
    TEXT_AUTO path = store_blob_path(store, digest);
    return path && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           (size == 0 || (uint64_t)status.st_size == size);
}

void store_drop_blob(const struct store *store, const struct oci_digest *digest)
{
    TEXT_AUTO path = store_blob_path(store, digest);
    if (path)
        (void)unlink(path);
}

int store_read_blob(const struct store *store, const struct oci_digest *digest, struct buf *out,
                    struct error *err)
{
    TEXT_AUTO path = store_blob_path(store, digest);
    if (!path)
        return error_memory(err);
    size_t before = out->size;
    if (file_read(path, out, err) < 0)
        return -1;
    struct oci_digest found;
    oci_digest_of(span_of(out->data + before, out->size - before), &found);
    if (oci_digest_equal(&found, digest))
        return 0;
    store_drop_blob(store, digest);
    return error_set(err, ERROR_REFUSED,
                     "%s is damaged: its bytes have another digest; it was removed, pull the image "
                     "again",
                     path);
}

int store_put_blob(const struct store *store, const struct oci_digest *digest, struct span bytes,
                   struct error *err)
{
    struct oci_digest found;
    oci_digest_of(bytes, &found);
    if (!oci_digest_equal(&found, digest))
        return error_set(err, ERROR_REFUSED, "a document with another digest than its name");
    TEXT_AUTO path = store_blob_path(store, digest);
    if (!path)
        return error_memory(err);
    return output_write(path, bytes, 0600, err);
}

int store_begin(const struct store *store, const struct oci_digest *digest, uint64_t size,
                struct store_partial *out, struct error *err)
{
    *out = (struct store_partial){.fd = -1, .digest = *digest};
    if (store_has_blob(store, digest, size))
        return 1;
    TEXT_AUTO path = store_path(store, STORE_PARTIAL, digest, "");
    if (!path)
        return error_memory(err);
    FD_AUTO fd = partial_open(path, err);
    struct stat status;
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot stat %s", path);
    if (store_has_blob(store, digest, size)) {
        (void)unlink(path);
        return 1;
    }
    out->fd = fd_take(&fd);
    out->size = (uint64_t)status.st_size;
    out->path = path;
    path = NULL;
    return 0;
}

void store_abandon(struct store_partial *partial, bool keep)
{
    if (!keep && partial->path)
        (void)unlink(partial->path);
    fd_close(&partial->fd);
    free(partial->path);
    partial->path = NULL;
}

static int hash_file(int fd, struct oci_digest *out, struct error *err)
{
    struct sha256 hash;
    uint8_t *piece = malloc(HASH_PIECE);
    if (!piece)
        return error_memory(err);
    sha256_init(&hash);
    size_t got;
    off_t offset = 0;
    int status;
    while ((status = fd_pread_full(fd, piece, HASH_PIECE, offset, &got, err)) == 0 && got > 0) {
        sha256_update(&hash, span_of(piece, got));
        offset += (off_t)got;
    }
    sha256_final(&hash, out->bytes);
    free(piece);
    return status;
}

static int check_digest(const struct store_partial *partial, struct error *err)
{
    struct oci_digest found;
    if (hash_file(partial->fd, &found, err) < 0)
        return -1;
    if (oci_digest_equal(&found, &partial->digest))
        return 0;
    char expected[OCI_DIGEST_TEXT_SIZE];
    char actual[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&partial->digest, expected);
    oci_digest_text(&found, actual);
    return error_set(err, ERROR_REFUSED, "blob %s: the bytes that came have digest %s", expected,
                     actual);
}

int store_commit(const struct store *store, struct store_partial *partial, struct error *err)
{
    TEXT_AUTO path = store_blob_path(store, &partial->digest);
    int status = path ? check_digest(partial, err) : error_memory(err);
    if (status == 0)
        status = output_rename(partial->fd, partial->path, path, err);
    store_abandon(partial, status == 0);
    return status;
}
