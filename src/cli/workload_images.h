/*
 * The images of workloads, for policies: out of an image lock alone, or resolved as `policy
 * generate` resolves them (the store, local files, a registry), each once.
 */
#ifndef CAISSON_CLI_WORKLOAD_IMAGES_H
#define CAISSON_CLI_WORKLOAD_IMAGES_H

#include "cli/args.h"
#include "image/image.h"
#include "template/group.h"
#include "template/lock.h"

struct workload_image; /* one that was resolved */

struct workload_images {
    struct image_lock *lock; /* NULL: images are resolved */
    json_t *tars;            /* reference → archive's path; a string stands for all; or NULL */
    struct store *store;
    struct image_options options;
    struct workload_image *resolved;
};

#define WORKLOAD_IMAGES_AUTO __attribute__((cleanup(workload_images_fini))) struct workload_images

/* `lock` is a lock's path or NULL. `options` are for images that are resolved. The caller calls
 * workload_images_fini() either way. */
int workload_images_init(struct workload_images *images, const char *lock,
                         const struct image_options *options, struct error *err);

/* Takes images out of archives of `docker save`: `path` is one, or a .json file that names one for
 * each reference, relative to itself. */
int workload_images_add_tars(struct workload_images *images, const char *path, struct error *err);
void workload_images_fini(struct workload_images *images);

/* What template_policy() asks. */
struct template_images workload_images_source(struct workload_images *images);

/* The disks of an image that was asked for, the bottom layer first, and its user: borrowed until
 * workload_images_fini(). ERROR_NOT_FOUND for another, "" for its user. */
int workload_images_disks(const struct workload_images *images, const char *reference,
                          const struct image_disk **disks, size_t *count, struct error *err);
const char *workload_images_user(const struct workload_images *images, const char *reference);

/* An image that was resolved, in the form that policies take: in `arena`, borrowing from the image.
 */
int workload_image_describe(const struct image *image, const struct image_disk *disks,
                            struct arena *arena, struct template_image *out, struct error *err);

#endif
