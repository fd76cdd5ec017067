#include "cli/run_fragments.h"

#include "evidence/signed_fragment.h"
#include "os/file.h"

static int read_one(const char *path, struct buf *bytes, struct error *err)
{
    struct cose_sign1 message;
    struct signed_fragment fragment;
    buf_init(bytes, COSE_SIZE_MAX);
    if (file_read(path, bytes, err) < 0)
        return -1;
    return signed_fragment_read(buf_span(bytes), &message, &fragment, err) < 0
               ? error_context(err, "%s", path)
               : 0;
}

int run_fragments_read(const struct args *args, struct run_fragments *out, struct error *err)
{
    const char *path;
    while ((path = args_get_nth(args, "fragment", out->count))) {
        if (out->count == RUN_FRAGMENTS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d fragments", RUN_FRAGMENTS_MAX);
        struct buf *bytes = &out->bytes[out->count++];
        if (read_one(path, bytes, err) < 0)
            return error_context(err, "--fragment");
        out->spans[out->count - 1] = buf_span(bytes);
    }
    return 0;
}

void run_fragments_fini(struct run_fragments *fragments)
{
    for (size_t i = 0; i < fragments->count; i++)
        buf_fini(&fragments->bytes[i]);
}
