/*
 * The cache of verity disks: disks/<diff_id>.disk, and disks/<diff_id>.json that says its root hash
 * and size. The description is written last; a disk without a description, of another size or of
 * another converter's format counts as none. A description without a disk says what the disk would
 * be.
 */
#ifndef CAISSON_IMAGE_DISK_H
#define CAISSON_IMAGE_DISK_H

#include "image/image.h"

/* The disk of one layer, from the cache or converted into it. */
int disk_get(const struct store *store, const struct image_layer *layer,
             const struct image_location *location, const struct image_observer *observer,
             struct image_disk *out, struct error *err);

/* The root hash alone: from the cache, else computed and kept there, without a disk. */
int disk_get_root(const struct store *store, const struct image_layer *layer,
                  const struct image_location *location, const struct image_observer *observer,
                  struct image_disk *out, struct error *err);

/* One of the two, by `options->roots_only`, for layer `index` of an image. A stored blob that turns
 * out to be damaged is removed. */
int disk_of_layer(const struct image *image, size_t index, const struct image_options *options,
                  struct image_disk *out, struct error *err);

/* Whether the cache has it; `out` is filled then, and its path is the caller's. */
bool disk_find(const struct store *store, const struct oci_digest *diff_id, struct image_disk *out);

#endif
