/* The store's inside, shared by its files. */
#ifndef CAISSON_IMAGE_STORE_PATHS_H
#define CAISSON_IMAGE_STORE_PATHS_H

#include "image/store.h"

struct store {
    char *folder;
    int lock; /* shared, exclusive while something is removed */
};

/* "<folder>/<kind>/<hex><suffix>"; the caller frees it. NULL when memory ran out. */
char *store_path(const struct store *store, const char *kind, const struct oci_digest *digest,
                 const char *suffix);

#define STORE_BLOBS   "blobs/sha256"
#define STORE_PARTIAL "partial"
#define STORE_IMAGES  "images"
#define STORE_DISKS   "disks"

#endif
