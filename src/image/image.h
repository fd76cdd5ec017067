/*
 * An image, whole: resolved from what the user wrote, its documents checked, its layers at hand,
 * and each layer as a verity disk.
 *
 *     struct store *store = store_open(NULL, err);
 *     struct image *image = image_resolve(store, "redis:7", &options, err);
 *     struct image_disk *disks = image_disks(image, &options, err);    // image->layer_count of
 * them … image_free(image); store_free(store);
 *
 * A reference is one of
 *     redis, ghcr.io/org/app:1.2, name@sha256:…, docker://…   in the store, or in a registry
 *     oci:DIR[:TAG], ./DIR, /DIR                               an OCI image layout
 *     oci-archive:FILE[:TAG], docker-archive:FILE[:REF], ./FILE a tar of one, or of `docker save`
 * Local ones are read where they are: no network, nothing copied but the disks.
 *
 * Nothing here decides what may run: a disk's root hash is what the conversion gave, and the guest
 * holds it against the policy and the kernel against each block.
 */
#ifndef CAISSON_IMAGE_IMAGE_H
#define CAISSON_IMAGE_IMAGE_H

#include "format/oci.h"
#include "image/local.h"
#include "image/store.h"

enum image_pull { IMAGE_PULL_MISSING, IMAGE_PULL_ALWAYS, IMAGE_PULL_NEVER };

/* "missing", "always", "never"; false for all else. */
bool image_pull_parse(const char *text, enum image_pull *out);

enum image_step { IMAGE_STEP_DOWNLOAD, IMAGE_STEP_CONVERT };

/* Called as work goes on: `done` of `total` bytes of the blob. Several blobs may be under way;
 * calls come from several threads, but never two at once. The last call of a step has done ==
 * total. `cached` says that nothing had to be done. */
struct image_observer {
    void (*report)(void *context, enum image_step step, const struct oci_digest *blob,
                   uint64_t done, uint64_t total, bool cached);
    void *context;
};

struct image_options {
    enum image_pull pull;
    bool disks;         /* make each layer's disk while the next ones are fetched */
    bool roots_only;    /* no disks but their root hashes, for a policy: paths are NULL */
    const char *tls_ca; /* PEM file of certificate authorities, besides the system's; or NULL */
    struct image_observer observer; /* report may be NULL */
};

struct image_layer {
    bool has_digest;           /* false in a docker-archive, which names its layers by path */
    struct oci_digest digest;  /* of the blob as stored; zero where there is none */
    struct oci_digest diff_id; /* of the tar inside */
    uint64_t size;             /* bytes of the blob */
};

struct image_disk {
    uint8_t root_hash[SHA256_SIZE];
    char *path;
    uint64_t size; /* bytes, a multiple of 512 */
};

struct image {
    char *reference;          /* as the user wrote it */
    char *name;               /* canonical: "docker.io/library/redis:7"; as written if local */
    struct oci_digest digest; /* of the manifest; of the config for a docker-archive */
    struct oci_config config;
    struct image_layer *layers; /* the bottom one first */
    size_t layer_count;
    struct image_location *locations; /* where each layer's blob lies; for image_disks() */
    bool stored;                      /* the locations are the store's blobs */
    struct image_disk *made;          /* the disks that came with it (options->disks); or NULL */
    struct store *store;              /* borrowed */
};

/* Finds the image and, by `options->pull`, fetches it. `options` may be NULL. The image borrows the
 * store. NULL with `err`: ERROR_NOT_FOUND, ERROR_UNAVAILABLE for a registry that doesn't answer,
 * ERROR_REFUSED for a wrong digest or refused credentials, ERROR_INVALID for a malformed document.
 */
struct image *image_resolve(struct store *store, const char *reference,
                            const struct image_options *options, struct error *err);
void image_free(struct image *image);
void image_cleanup(struct image **image);
#define IMAGE_AUTO __attribute__((cleanup(image_cleanup))) struct image *

/* The verity disks, one a layer, bottom first; converts what the cache lacks. A layer whose diff_id
 * or digest isn't what the image says is refused. The disks stay while the store is open. */
struct image_disk *image_disks(const struct image *image, const struct image_options *options,
                               struct error *err);
void image_disks_free(struct image_disk *disks, size_t count);

#endif
