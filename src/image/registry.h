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

#include "image/image.h"
#include "image/reference.h"

/* Fetches the image for linux/amd64 and all of its layers; `manifest` gets its manifest's digest.
 */
int registry_pull(struct store *store, const struct reference *reference,
                  const struct image_options *options, struct oci_digest *manifest,
                  struct error *err);

#endif
