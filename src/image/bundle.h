/*
 * An image on this machine outside the store: an OCI image layout as a folder or in a tar file, or
 * what `docker save` writes. Read where it lies.
 */
#ifndef CAISSON_IMAGE_BUNDLE_H
#define CAISSON_IMAGE_BUNDLE_H

#include "format/oci.h"
#include "image/archive.h"

/* Where bytes lie in a file. */
struct image_location {
    char *path;
    uint64_t offset;
    uint64_t size;
};

enum bundle_kind {
    BUNDLE_NONE = 0, /* the words name no local image */
    BUNDLE_PATH,     /* a path: what it is shows when it is opened */
    BUNDLE_LAYOUT,
    BUNDLE_OCI_ARCHIVE,
    BUNDLE_DOCKER_ARCHIVE,
};

struct bundle {
    enum bundle_kind kind; /* not BUNDLE_PATH once it is open */
    char *path;
    char *tag; /* NULL where none was given */
    struct archive archive;
};

/* Takes "oci:DIR[:TAG]", "./DIR" and so on apart; kind is BUNDLE_NONE for all else. Ended with
 * bundle_fini(), on failure too. */
int bundle_parse(const char *text, struct bundle *out, struct error *err);

/* Reads what the path holds. */
int bundle_open(struct bundle *bundle, struct error *err);
void bundle_fini(struct bundle *bundle);
#define BUNDLE_AUTO __attribute__((cleanup(bundle_fini))) struct bundle

/* Finds a file inside ("blobs/sha256/<hex>"); out->path is the caller's to free. */
int bundle_locate(const struct bundle *bundle, const char *name, struct image_location *out,
                  struct error *err);

/* Appends a file's bytes. */
int bundle_read(const struct bundle *bundle, const char *name, struct buf *out, struct error *err);

/* As above for a blob, whose size (where not 0) and digest are checked (ERROR_REFUSED). */
int bundle_locate_blob(const struct bundle *bundle, const struct oci_descriptor *blob,
                       struct image_location *out, struct error *err);
int bundle_read_blob(const struct bundle *bundle, const struct oci_descriptor *blob,
                     struct buf *out, struct error *err);

/* Finds the manifest of the image that the tag means, through indexes and platforms, and appends
 * it. */
int bundle_read_manifest(const struct bundle *bundle, struct oci_digest *digest, struct buf *out,
                         struct error *err);

#endif
