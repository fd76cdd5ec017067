/* Writing image locks, and telling how an image differs from what a lock has of it. */
#ifndef CAISSON_TEMPLATE_LOCK_WRITE_H
#define CAISSON_TEMPLATE_LOCK_WRITE_H

#include <jansson.h>

#include "template/image.h"

/* Adds an image to the object that becomes the lock. ERROR_INVALID when the reference is there with
 * another image, or a text is not UTF-8. */
int image_lock_add(json_t *lock, const char *reference, const struct template_image *image,
                   struct error *err);

/* Appends the lock's text: members in the order in which they were added, two blanks of
 * indentation, a line end. The same images always give the same bytes. */
int image_lock_write(const json_t *lock, struct buf *out, struct error *err);

/* Appends a line for each difference, "REFERENCE: WHAT: OLD -> NEW"; nothing where there is none.
 */
int image_lock_diff(const char *reference, const struct template_image *old,
                    const struct template_image *now, struct buf *out, struct error *err);

#endif
