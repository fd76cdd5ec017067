/* The parts of an encrypted scratch, and the blocks of the last one: any bytes. */
#include "fuzz.h"

#include "guest/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_of(span_of(data, size));
    struct part part = {0};
    struct scratch_block block;
    struct span last = span_of(data, size);
    while (part_read(&cursor, &part)) {
        fuzz_require(memchr(part.name, 0, sizeof part.name) != NULL && part.bytes.size > 0);
        last = part.bytes;
    }
    cursor = cursor_of(last);
    while (scratch_block_read(&cursor, &block))
        fuzz_require(cursor.rest.size < last.size);
    return 0;
}
