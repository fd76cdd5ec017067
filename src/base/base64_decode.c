#include "base/base64.h"

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define BLOCK 16 /* digits that are looked at together */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first digit is the lowest byte");

typedef uint8_t vector __attribute__((vector_size(BLOCK)));

/* c + add where c lies from `first` to `last`, else 0. */
static inline vector if_between(vector c, uint8_t first, uint8_t last, uint8_t add)
{
    return (vector)(c - first <= (uint8_t)(last - first)) & (c + add);
}

/* Their values; 0xff for what is no digit. Without branches, which would be guessed wrong at every
 * other digit, and without a table, whose lookups tell others on the processor about secrets. Both
 * alphabets differ in their last two digits alone (RFC 4648, sections 4 and 5). */
static inline vector digit_values(vector c, const char *digits)
{
    const uint8_t plus = (uint8_t)digits[62], slash = (uint8_t)digits[63];
    return if_between(c, 'A', 'Z', (uint8_t)(1 - 'A')) +
           if_between(c, 'a', 'z', (uint8_t)(27 - 'a')) +
           if_between(c, '0', '9', (uint8_t)(53 - '0')) +
           if_between(c, plus, plus, (uint8_t)(63 - plus)) +
           if_between(c, slash, slash, (uint8_t)(64 - slash)) - 1;
}

/* The 48 bits of eight values, the first one highest. */
static inline uint64_t join_digits(uint64_t values)
{
    values = (values & 0x3F003F003F003F00) >> 2 | (values & 0x003F003F003F003F);
    values = (values & 0x0FFF00000FFF0000) >> 4 | (values & 0x00000FFF00000FFF);
    return (values >> 32) << 24 | (values & 0xFFFFFF);
}

static int refuse_digit(vector values, struct span text, size_t at, struct error *err)
{
    size_t i = 0;
    while (i < BLOCK - 1 && values[i] < 64)
        i++;
    return error_set(err, ERROR_INVALID, "base64: bad character 0x%02x at offset %zu",
                     text.data[at + i], at + i);
}

/* Decodes a block of the text, of which it is told for errors: where it stands. */
static inline int decode_block(vector block, struct span text, size_t at, const char *digits,
                               uint8_t out[BLOCK / 4 * 3], struct error *err)
{
    uint64_t halves[BLOCK / 8];
    vector values = digit_values(block, digits);
    memcpy(halves, &values, sizeof halves);
    if ((halves[0] | halves[1]) & 0xC0C0C0C0C0C0C0C0)
        return refuse_digit(values, text, at, err);
    for (size_t i = 0; i < BLOCK / 8; i++) {
        uint64_t bytes = __builtin_bswap64(join_digits(__builtin_bswap64(halves[i])) << 16);
        memcpy(out + 6 * i, &bytes, 6);
    }
    return 0;
}

/* Decodes the digits, which padding no longer follows, to the `size` bytes at `out`. */
static int decode_digits(struct span text, const char *digits, uint8_t *out, size_t size,
                         struct error *err)
{
    uint8_t last[BLOCK / 4 * 3];
    size_t at = 0, left = size;
    vector block;
    for (; text.size - at >= BLOCK; at += BLOCK, out += sizeof last, left -= sizeof last) {
        memcpy(&block, text.data + at, sizeof block);
        if (decode_block(block, text, at, digits, out, err) < 0)
            return -1;
    }
    if (at == text.size)
        return 0;
    memset(&block, 'A', sizeof block); /* what is missing reads as zeros */
    memcpy(&block, text.data + at, text.size - at);
    if (decode_block(block, text, at, digits, last, err) < 0)
        return -1;
    memcpy(out, last, left);
    if (last[left] != 0)
        return error_set(err, ERROR_INVALID, "base64: unused bits are not zero");
    return 0;
}

static int decode(struct span text, const char *digits, bool pad, struct buf *out,
                  struct error *err)
{
    if (pad && text.size % 4 != 0)
        return error_set(err, ERROR_INVALID, "base64: length %zu is no multiple of 4", text.size);
    for (int i = 0; pad && i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    if (text.size % 4 == 1)
        return error_set(err, ERROR_INVALID, "base64: %zu digits cannot be", text.size);
    size_t size = text.size / 4 * 3 + text.size % 4 * 3 / 4;
    if (buf_reserve(out, size, err) < 0)
        return -1;
    int result = decode_digits(text, digits, out->data + out->size, size, err);
    if (result == 0)
        out->size += size;
    out->data[out->size] = 0;
    return result;
}

int base64_decode(struct span text, struct buf *out, struct error *err)
{
    return decode(text, standard_digits, true, out, err);
}

int base64url_decode(struct span text, struct buf *out, struct error *err)
{
    return decode(text, url_digits, false, out, err);
}
