/* One item: what is accepted is written again from what was read, to the same bytes. */
#include "fuzz.h"

#include "format/cbor.h"

static void rewrite(struct cursor *cursor, struct buf *out)
{
    struct cbor_item item;
    fuzz_require(cbor_read(cursor, &item, NULL) == 0);
    fuzz_require(cbor_write_head(out, item.kind, item.value, NULL) == 0);
    if (item.kind == CBOR_BYTES || item.kind == CBOR_TEXT)
        fuzz_require(buf_append(out, item.bytes, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    if (cbor_check(bytes, NULL) < 0)
        return 0;
    BUF_AUTO again = BUF_WITH_LIMIT(size);
    struct cursor cursor = cursor_of(bytes);
    while (!cursor_at_end(&cursor))
        rewrite(&cursor, &again);
    fuzz_require(span_equal(bytes, buf_span(&again)));
    return 0;
}
