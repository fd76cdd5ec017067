/* Base64 in both alphabets: what decodes must encode to the same text. */
#include "fuzz.h"

#include "base/base64.h"
#include "base/hex.h"

typedef int codec(struct span in, struct buf *out, struct error *err);

static void check_round_trip(struct span text, codec *decode, codec *encode)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(1 << 20);
    BUF_AUTO again = BUF_WITH_LIMIT(1 << 20);
    if (decode(text, &bytes, NULL) < 0)
        return;
    fuzz_require(encode(buf_span(&bytes), &again, NULL) == 0);
    fuzz_require(span_equal(buf_span(&again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    uint8_t bytes[32];
    if (size > 1 << 16)
        return 0;
    check_round_trip(text, base64_decode, base64_encode);
    check_round_trip(text, base64url_decode, base64url_encode);
    (void)hex_decode(text, bytes, size / 2 < sizeof bytes ? size / 2 : sizeof bytes);
    return 0;
}
