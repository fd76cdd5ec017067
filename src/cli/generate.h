/* The policy of one container, from its image and what the caller says: used wherever none is
 * given. */
#ifndef CAISSON_CLI_GENERATE_H
#define CAISSON_CLI_GENERATE_H

#include "cli/workload.h"
#include "image/image.h"
#include "policy/generate.h"

/* Appends the policy that `az confcom acipolicygen --image` makes for this image, with the
 * workload's words over the image's. `disks` are the image's, one a layer. */
int generate_policy(const struct image *image, const struct image_disk *disks,
                    const struct workload *workload, enum policy_generation generation,
                    struct buf *out, struct error *err);

/* As above, reading the image's disks itself. */
int generate_policy_of_image(const struct image *image, const struct image_options *options,
                             const struct workload *workload, struct buf *out, struct error *err);

#endif
