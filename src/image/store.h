/*
 * The local store, content-addressed, under $CAISSON_HOME, else $XDG_DATA_HOME/caisson, else
 * ~/.local/share/caisson:
 *
 *     blobs/sha256/<hex>      a blob whose bytes have this digest
 *     partial/<hex>           a blob on its way; locked by its writer, resumed by the next
 *     images/<hex>.json       a name and its manifest's digest; <hex> is the SHA-256 of the name
 *     disks/<hex>.disk        a layer as a verity disk, by diff_id, with <hex>.json beside it
 *     lock                    shared while a process uses the store, exclusive to remove from it
 *
 * Theory of operation. A file gets its name in blobs/ or disks/ only when it is whole, checked and
 * synced, by rename(2): whoever finds the name may use it, whatever died before. Writers of the
 * same blob meet at a lock on its partial file; the second waits, then finds the blob there. What a
 * killed writer leaves in partial/ is resumed or overwritten, and swept away by the next removal.
 * Documents are hashed again whenever they are read, layers whenever they are converted.
 */
#ifndef CAISSON_IMAGE_STORE_H
#define CAISSON_IMAGE_STORE_H

#include "format/oci.h"

struct store;

/* Opens (and makes) the store in `folder`, or where the environment says when it is NULL, and takes
 * the shared lock. */
struct store *store_open(const char *folder, struct error *err);
void store_free(struct store *store);
void store_cleanup(struct store **store);
#define STORE_AUTO __attribute__((cleanup(store_cleanup))) struct store *

const char *store_folder(const struct store *store);

/* Where a blob lies, or would; the caller frees it. NULL when memory ran out. */
char *store_blob_path(const struct store *store, const struct oci_digest *digest);

/* Whether the blob is there; with another size than `size`, where that is not 0, it isn't. */
bool store_has_blob(const struct store *store, const struct oci_digest *digest, uint64_t size);

/* Removes a blob that was found damaged. */
void store_drop_blob(const struct store *store, const struct oci_digest *digest);

/* Appends a document, after checking its digest again (ERROR_REFUSED, and it is removed). */
int store_read_blob(const struct store *store, const struct oci_digest *digest, struct buf *out,
                    struct error *err);
int store_put_blob(const struct store *store, const struct oci_digest *digest, struct span bytes,
                   struct error *err);

/* A blob on its way. */
struct store_partial {
    int fd;        /* locked, positioned anywhere */
    uint64_t size; /* bytes that an earlier writer left */
    char *path;
    struct oci_digest digest;
};

/* Waits for other writers of this blob. 1: the blob is there by now, nothing to do; 0: `out` is the
 * caller's to fill and to end with store_commit() or store_abandon(); -1: error. `size` as above.
 */
int store_begin(const struct store *store, const struct oci_digest *digest, uint64_t size,
                struct store_partial *out, struct error *err);
/* Hashes the whole file and names it. A wrong digest is ERROR_REFUSED and removes the file. Either
 * way the partial is ended. */
int store_commit(const struct store *store, struct store_partial *partial, struct error *err);
/* Ends it; the bytes stay for the next writer where `keep`. */
void store_abandon(struct store_partial *partial, bool keep);

/* Names. */
struct store_entry {
    char *name; /* canonical reference with its tag or digest */
    struct oci_digest manifest;
    uint64_t size;  /* bytes of manifest, config and layers as stored */
    int64_t pulled; /* seconds since 1970 */
};

int store_put_name(const struct store *store, const struct store_entry *entry, struct error *err);
/* ERROR_NOT_FOUND where there is none. The entry is ended with store_entry_fini(). */
int store_get_name(const struct store *store, const char *name, struct store_entry *out,
                   struct error *err);
/* All entries, sorted by name. */
int store_list(const struct store *store, struct store_entry **out, size_t *count,
               struct error *err);
void store_entry_fini(struct store_entry *entry);
void store_entries_free(struct store_entry *entries, size_t count);

struct store_freed {
    uint64_t bytes;
    size_t blobs;
    size_t disks;
};

/* Removes the name, then every blob and disk that no name needs any more. Waits for other users of
 * the store; ERROR_NOT_FOUND where there is no such name. */
int store_remove(struct store *store, const char *name, struct store_freed *freed,
                 struct error *err);

#endif
