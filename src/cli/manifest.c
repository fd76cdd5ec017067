#include "cli/manifest.h"

#include "base/hex.h"
#include "format/yaml.h"
#include "layer/layer.h"
#include "os/file.h"

int manifest_read(const char *path, enum pod_reading reading, struct pods *pods, struct error *err)
{
    static const struct yaml_limits limits = {
        .size = POD_TEXT_MAX, .depth = POD_DEPTH_MAX, .nodes = POD_NODES_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(POD_TEXT_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    json_auto_t *documents = yaml_read(buf_span(&text), &limits, err);
    if (!documents || pods_read(documents, reading, pods, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int read_span(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    (void)err;
    struct span *rest = arg;
    *got = rest->size < size ? rest->size : size;
    if (*got > 0)
        memcpy(out, rest->data, *got);
    *rest = span_of(rest->data + *got, rest->size - *got);
    return 0;
}

int manifest_hash_layer(void *context, struct span tar, char hex[65], struct error *err)
{
    (void)context;
    const struct layer_source source = {.read = read_span, .arg = &tar};
    struct layer_result result;
    if (layer_hash(&source, NULL, &result, err) < 0)
        return error_context(err, "the layer of values as files");
    hex_encode(span_of(result.root_hash, sizeof result.root_hash), hex);
    return 0;
}
