/* The whole conversion of a layer, packed in any way, with the disk dropped. */
#include "fuzz.h"

#include "layer/layer.h"

static int next(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    struct span *rest = arg;
    (void)err;
    *got = rest->size < size ? rest->size : size;
    if (*got > 0)
        memcpy(out, rest->data, *got);
    *rest = span_of(rest->data + *got, rest->size - *got);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct layer_source source = {next, &rest};
    /* Holes are cheap, yet 128 GiB of them take longer than a fuzzer waits. */
    struct layer_options options = {.disk_limit = 64 << 20, .metadata_limit = 16 << 20};
    struct layer_result result;
    struct error err = {0};
    int status = layer_hash(&source, &options, &result, &err);
    fuzz_require(status == 0 || err.code != ERROR_NONE);
    fuzz_require(status < 0 || (result.blob_size == size && result.ext4_size % 4096 == 0));
    return 0;
}
