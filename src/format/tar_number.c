#include "format/tar_number.h"

static bool is_filler(uint8_t byte)
{
    return byte == ' ' || byte == 0;
}

bool tar_parse_octal(struct span field, int64_t *out)
{
    while (field.size > 0 && is_filler(field.data[0]))
        field = span_of(field.data + 1, field.size - 1);
    while (field.size > 0 && is_filler(field.data[field.size - 1]))
        field.size--;
    uint64_t value = 0;
    for (size_t i = 0; i < field.size && field.data[i] != 0; i++) {
        if (field.data[i] < '0' || field.data[i] > '7' || value >> 61 != 0)
            return false;
        value = value << 3 | (uint64_t)(field.data[i] - '0');
    }
    *out = (int64_t)value;
    return true;
}

bool tar_parse_numeric(struct span field, int64_t *out)
{
    if (field.size == 0 || (field.data[0] & 0x80) == 0)
        return tar_parse_octal(field, out);
    /* A negative number is read as its complement, so that one overflow rule serves both signs. */
    uint8_t flip = field.data[0] & 0x40 ? 0xff : 0;
    uint64_t value = 0;
    for (size_t i = 0; i < field.size; i++) {
        uint8_t byte = field.data[i] ^ flip;
        if (i == 0)
            byte &= 0x7f;
        if (value >> 56 != 0)
            return false;
        value = value << 8 | byte;
    }
    if (value >> 63 != 0)
        return false;
    *out = (int64_t)(flip ? ~value : value);
    return true;
}

bool tar_parse_decimal(struct span text, int64_t *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+'))
        text = span_of(text.data + 1, text.size - 1);
    if (text.size == 0)
        return false;
    uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

static bool parse_fraction(struct span digits, int32_t *nsec)
{
    int32_t value = 0;
    for (size_t i = 0; i < digits.size || i < 9; i++) {
        uint8_t digit = i < digits.size ? digits.data[i] : '0';
        if (digit < '0' || digit > '9')
            return false;
        if (i < 9)
            value = value * 10 + (digit - '0');
    }
    *nsec = value;
    return true;
}

bool tar_parse_time(struct span text, struct tar_time *out)
{
    const uint8_t *dot = text.size > 0 ? memchr(text.data, '.', text.size) : NULL;
    struct span whole = text;
    struct span fraction = {0};
    if (dot) {
        whole.size = (size_t)(dot - text.data);
        fraction = span_of(dot + 1, text.size - whole.size - 1);
    }
    int64_t sec;
    int32_t nsec;
    if (!tar_parse_decimal(whole, &sec) || !parse_fraction(fraction, &nsec))
        return false;
    if (whole.data[0] == '-' && nsec > 0) { /* "-0.5" is half a second before 1970 */
        sec = (int64_t)((uint64_t)sec - 1);
        nsec = 1000000000 - nsec;
    }
    *out = (struct tar_time){true, sec, nsec};
    return true;
}
