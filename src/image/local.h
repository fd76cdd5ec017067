/*
 * An image on this machine outside the store: an OCI image layout as a folder or in a tar file, or
 * what `docker save` writes. Read where it lies.
 */
#ifndef CAISSON_IMAGE_LOCAL_H
#define CAISSON_IMAGE_LOCAL_H

#include "format/oci.h"
#include "image/archive.h"

/* Where bytes lie in a file. */
struct image_location {
    char *path;
    uint64_t offset;
    uint64_t size;
};

enum local_kind {
    LOCAL_NONE = 0, /* the words name no local image */
    LOCAL_PATH,     /* a path: what it is shows when it is opened */
    LOCAL_LAYOUT,
    LOCAL_OCI_ARCHIVE,
    LOCAL_DOCKER_ARCHIVE,
};

struct local {
    enum local_kind kind; /* not LOCAL_PATH once it is open */
    char *path;
    char *tag; /* NULL where none was given */
    struct archive archive;
};

/* Takes "oci:DIR[:TAG]", "./DIR" and so on apart; kind is LOCAL_NONE for all else. Ended with
 * local_fini(), on failure too. */
int local_parse(const char *text, struct local *out, struct error *err);

/* Reads what the path holds. */
int local_open(struct local *local, struct error *err);
void local_fini(struct local *local);
#define LOCAL_AUTO __attribute__((cleanup(local_fini))) struct local

/* Finds a file inside ("blobs/sha256/<hex>"); out->path is the caller's to free. */
int local_locate(const struct local *local, const char *name, struct image_location *out,
                 struct error *err);

/* Appends a file's bytes. */
int local_read(const struct local *local, const char *name, struct buf *out, struct error *err);

/* As above for a blob, whose size (where not 0) and digest are checked (ERROR_REFUSED). */
int local_locate_blob(const struct local *local, const struct oci_descriptor *blob,
                      struct image_location *out, struct error *err);
int local_read_blob(const struct local *local, const struct oci_descriptor *blob, struct buf *out,
                    struct error *err);

/* Finds the manifest of the image that the tag means, through indexes and platforms, and appends
 * it. */
int local_read_manifest(const struct local *local, struct oci_digest *digest, struct buf *out,
                        struct error *err);

#endif
