/* Locks of images: each that is read finds its own images, and says only what policies can hold. */
#include "fuzz.h"

#include "template/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    IMAGE_LOCK_AUTO lock = NULL;
    if (image_lock_parse(span_of(data, size), &lock, &err) < 0) {
        fuzz_require(!lock && err.text[0]);
        return 0;
    }
    for (size_t i = 0; i < image_lock_count(lock); i++) {
        const struct template_image *image = image_lock_at(lock, i);
        fuzz_require(image_lock_find(lock, image_lock_reference(lock, i), &err) == image);
        fuzz_require(image->layers.count > 0 && strlen(image->layers.items[0]) == 64);
        fuzz_require(image->working_dir && image->user && image->stop_signal);
        for (size_t j = 0; j < image->env.count; j++)
            fuzz_require(strchr(image->env.items[j], '='));
    }
    return 0;
}
