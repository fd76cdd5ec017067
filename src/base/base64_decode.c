#include "base/base64.h"

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* `value` where c lies from `first` to `last`, else 0, without a branch: they would be guessed
 * wrong at every other digit. */
static int if_between(uint8_t c, char first, char last, int value)
{
    return -((uint8_t)(c - (uint8_t)first) <= (uint8_t)(last - first)) & value;
}

/* Both alphabets differ in their last two digits alone (RFC 4648, sections 4 and 5). -1 for what is
 * no digit. */
static int digit_value(uint8_t c, const char *digits)
{
    return -1 + if_between(c, 'A', 'Z', c - 'A' + 1) + if_between(c, 'a', 'z', c - 'a' + 27) +
           if_between(c, '0', '9', c - '0' + 53) + if_between(c, digits[62], digits[62], 63) +
           if_between(c, digits[63], digits[63], 64);
}

/* Decodes the digits, which padding no longer follows, to where there is room for them; returns the
 * number of bytes, -1 with an error. */
static long decode_digits(struct span text, const char *digits, uint8_t *out, struct error *err)
{
    uint32_t group = 0;
    long size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = digit_value(text.data[i], digits);
        if (value < 0)
            return error_set(err, ERROR_INVALID, "base64: bad character 0x%02x at offset %zu",
                             text.data[i], i);
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 0)
            continue;
        unsigned unused = 6 - 2 * (unsigned)(i % 4);
        out[size++] = (uint8_t)(group >> unused);
        group &= (1U << unused) - 1;
    }
    if (group != 0)
        return error_set(err, ERROR_INVALID, "base64: unused bits are not zero");
    return size;
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
    if (buf_reserve(out, text.size / 4 * 3 + text.size % 4 * 3 / 4, err) < 0)
        return -1;
    long size = decode_digits(text, digits, out->data + out->size, err);
    if (size > 0)
        out->size += (size_t)size;
    out->data[out->size] = 0;
    return size < 0 ? -1 : 0;
}

int base64_decode(struct span text, struct buf *out, struct error *err)
{
    return decode(text, standard_digits, true, out, err);
}

int base64url_decode(struct span text, struct buf *out, struct error *err)
{
    return decode(text, url_digits, false, out, err);
}
