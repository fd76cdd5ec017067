/* A blob from a registry into the store: what is missing of it, its digest checked before it has
 * its name. */
#ifndef CAISSON_IMAGE_BLOB_H
#define CAISSON_IMAGE_BLOB_H

#include "image/client.h"
#include "image/image.h"

struct blob_target {
    struct store *store;
    const struct image_observer *observer;
};

/* Nothing is fetched where the store has it. May run in several threads at once, each with a client
 * of its own. */
int blob_fetch(const struct blob_target *target, struct client *client,
               const struct oci_descriptor *blob, struct error *err);

#endif
