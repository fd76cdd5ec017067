#include "base/base64.h"

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode(struct span bytes, const char *digits, bool pad, struct buf *out,
                  struct error *err)
{
    size_t unpadded = bytes.size / 3 * 4 + (bytes.size % 3 * 8 + 5) / 6;
    size_t size = pad ? (unpadded + 3) / 4 * 4 : unpadded;
    if (bytes.size > SIZE_MAX / 2 || buf_reserve(out, size, err) < 0)
        return error_context(err, "base64 of %zu bytes", bytes.size);
    uint8_t *to = out->data + out->size;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t count = bytes.size - i < 3 ? bytes.size - i : 3;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (count > 1)
            group |= (uint32_t)bytes.data[i + 1] << 8;
        if (count > 2)
            group |= bytes.data[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= count)
                *to++ = (uint8_t)digits[group >> (18 - 6 * k) & 63];
            else if (pad)
                *to++ = '=';
        }
    }
    out->size += size;
    out->data[out->size] = 0;
    return 0;
}

int base64_encode(struct span bytes, struct buf *out, struct error *err)
{
    return encode(bytes, standard_digits, true, out, err);
}

int base64url_encode(struct span bytes, struct buf *out, struct error *err)
{
    return encode(bytes, url_digits, false, out, err);
}
