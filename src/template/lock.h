/*
 * The image lock: what policies need of images, so that they can be made without image or network,
 * and the same each time. One JSON object:
 *
 *     {"redis:7": {"config": {"Env": [], "Entrypoint": [], "Cmd": [], "WorkingDir": "", "User": "",
 *                             "StopSignal": ""},
 *                  "layers": ["<root hash of the layer's verity disk>", …]}}        base first
 *
 * Members of config may be absent or null; unknown ones, in it or beside it, are refused. A
 * reference without tag or digest is looked up as written, then with ":latest".
 */
#ifndef CAISSON_TEMPLATE_LOCK_H
#define CAISSON_TEMPLATE_LOCK_H

#include "template/image.h"

#define IMAGE_LOCK_SIZE_MAX ((size_t)16 << 20) /* bytes of text */
#define IMAGE_LOCK_MAX      4096               /* images */

struct image_lock;

/* Reads a lock. ERROR_INVALID or ERROR_LIMIT, with the image's reference and the member. The caller
 * frees *out. */
int image_lock_parse(struct span text, struct image_lock **out, struct error *err);
void image_lock_free(struct image_lock *lock);
void image_lock_cleanup(struct image_lock **lock);
#define IMAGE_LOCK_AUTO __attribute__((cleanup(image_lock_cleanup))) struct image_lock *

size_t image_lock_count(const struct image_lock *lock);
/* In the order of the text. */
const char *image_lock_reference(const struct image_lock *lock, size_t index);
const struct template_image *image_lock_at(const struct image_lock *lock, size_t index);

/* The image of that reference, borrowed from the lock; NULL with ERROR_NOT_FOUND. */
const struct template_image *image_lock_find(const struct image_lock *lock, const char *reference,
                                             struct error *err);

#endif
