#include "layer/path.h"

struct span path_take(struct span *rest)
{
    const uint8_t *slash = rest->size > 0 ? memchr(rest->data, '/', rest->size) : NULL;
    struct span first = *rest;
    if (!slash) {
        *rest = (struct span){0};
        return first;
    }
    first.size = (size_t)(slash - rest->data);
    *rest = span_of(slash + 1, rest->size - first.size - 1);
    return first;
}

size_t path_leaf(struct span path)
{
    const uint8_t *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    return slash ? (size_t)(slash - path.data) + 1 : 0;
}

int path_clean(struct span path, struct buf *out, struct error *err)
{
    out->size = 0;
    while (path.size > 0) {
        struct span part = path_take(&path);
        if (part.size == 0 || span_equal_text(part, "."))
            continue;
        if (span_equal_text(part, "..")) {
            size_t leaf = path_leaf(buf_span(out));
            out->size = leaf > 0 ? leaf - 1 : 0;
            continue;
        }
        if ((out->size > 0 && buf_append_byte(out, '/', err) < 0) || buf_append(out, part, err) < 0)
            return -1;
    }
    return 0;
}

const char *path_print(struct span path, char out[PATH_PRINT_SIZE])
{
    size_t size = path.size < PATH_PRINT_SIZE - 4 ? path.size : PATH_PRINT_SIZE - 4;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(path.data[i] < 0x20 || path.data[i] == 0x7f ? '?' : path.data[i]);
    memcpy(out + size, path.size > size ? "..." : "", path.size > size ? 4 : 1);
    return out;
}
