/*
 * Images from registries by the OCI distribution API (specification 1.1; Docker Registry HTTP API
 * V2).
 *
 * A mirror of CAISSON_REGISTRIES is asked first, the registry itself last. Documents and layers
 * come into the store, each checked against its digest; a pull that was cut short goes on where it
 * was.
 */
#ifndef CAISSON_IMAGE_REGISTRY_H
#define CAISSON_IMAGE_REGISTRY_H

#include "image/fetch.h"
#include "image/reference.h"

struct registry_sink {
    /* The manifest of this digest and its config are in the store. Called again where the next
     * endpoint has to help out. */
    int (*documents)(void *arg, const struct oci_digest *manifest, struct error *err);
    void *arg;
    struct fetch_sink layers;
};

/* Fetches the image for linux/amd64 and all of its layers. Where the sink fails, so does this. */
int registry_pull(struct store *store, const struct reference *reference,
                  const struct image_options *options, const struct registry_sink *sink,
                  struct error *err);

#endif
