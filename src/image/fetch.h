/*
 * An image's layers from a registry into the store, a few at once, and each handed on as soon as
 * all below it are there: it can be worked on while the next ones come.
 */
#ifndef CAISSON_IMAGE_FETCH_H
#define CAISSON_IMAGE_FETCH_H

#include "image/blob.h"

#define FETCH_AT_ONCE 3 /* connections; what docker opens */

struct fetch_sink {
    /* Layer `index` is in the store. Called in the caller's own thread, bottom first. */
    int (*layer)(void *arg, size_t index, struct error *err);
    void *arg;
};

/* `client` is used by the threads until this returns. The first error ends all: of a layer, or of
 * the sink; *sink_failed tells which. */
int fetch_layers(const struct blob_target *target, struct client *client,
                 const struct oci_manifest *manifest, const struct fetch_sink *sink,
                 bool *sink_failed, struct error *err);

#endif
