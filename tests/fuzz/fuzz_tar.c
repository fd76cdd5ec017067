/* Tar archives: the reader ends, and the contents that it gives are what the archive can hold. */
#include "fuzz.h"

#include "format/tar.h"

struct bytes {
    struct span rest;
};

/* Small pieces, so that headers are cut everywhere. */
static int next(void *arg, struct span *out, struct error *err)
{
    struct bytes *bytes = arg;
    size_t size = bytes->rest.size < 100 ? bytes->rest.size : 100;
    (void)err;
    *out = span_of(bytes->rest.data, size);
    bytes->rest = span_of(bytes->rest.data + size, bytes->rest.size - size);
    return 0;
}

/* Reads the contents; returns how many bytes of them the archive held. */
static int read_contents(struct tar_reader *tar, uint64_t *stored, struct error *err)
{
    for (;;) {
        struct tar_piece piece;
        if (tar_read(tar, &piece, err) < 0)
            return -1;
        if (piece.size == 0)
            return 0;
        fuzz_require(!piece.bytes.data || piece.bytes.size == piece.size);
        *stored += piece.bytes.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {span_of(data, size)};
    struct error err = {0};
    struct tar_reader tar;
    struct tar_entry entry;
    uint64_t stored = 0;
    bool more = true;
    tar_init(&tar, (struct tar_source){next, &bytes});
    int status;
    while ((status = tar_next(&tar, &entry, &more, &err)) == 0 && more) {
        status = read_contents(&tar, &stored, &err);
        if (status < 0)
            break;
    }
    fuzz_require(status == 0 || err.code != ERROR_NONE);
    fuzz_require(stored <= size);
    tar_fini(&tar);
    return 0;
}
