/* An ID block with its authentication behind it: what is read is written again to the same bytes.
 */
#include "fuzz.h"

#include "measure/id_block.h"

static void check_auth(struct span bytes, const uint8_t *block)
{
    struct id_auth auth;
    struct id_digests digests;
    uint8_t again[ID_AUTH_SIZE];
    if (id_auth_read(bytes, &auth, NULL) < 0)
        return;
    id_auth_write(&auth, again);
    again[4] = bytes.data[4]; /* an absent author's algorithm may be 0 */
    fuzz_require(memcmp(again, bytes.data, sizeof again) == 0);
    if (id_auth_check(&auth, block, &digests, NULL) == 0)
        fuzz_require(digests.has_author == auth.has_author);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct id_block block;
    uint8_t again[ID_BLOCK_SIZE];
    size_t first = size < ID_BLOCK_SIZE ? size : ID_BLOCK_SIZE;
    if (id_block_read(span_of(data, first), &block, NULL) < 0)
        return 0;
    fuzz_require(id_block_write(&block, again, NULL) == 0);
    fuzz_require(memcmp(again, data, sizeof again) == 0);
    check_auth(span_of(data + first, size - first), data);
    return 0;
}
