#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool text_to_u64(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0' || (*text == '0' && text[1] != '\0'))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

/* The length of the UTF-8 sequence at the front of `bytes`, 0 when it is malformed. */
static size_t utf8_sequence(struct span bytes)
{
    static const uint32_t first_of_length[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = bytes.data[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len < 2 || lead > 0xf4)
        return len == 1 ? 1 : 0;
    if (bytes.size < len)
        return 0;
    uint32_t point = lead & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((bytes.data[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes.data[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < first_of_length[len] || surrogate || point > 0x10ffff ? 0 : len;
}

/* The length of eight bytes of ASCII at the front, 0 where it is something else. */
static size_t ascii_word(struct span bytes)
{
    uint64_t word = UINT64_MAX;
    if (bytes.size >= sizeof word)
        memcpy(&word, bytes.data, sizeof word);
    return word & 0x8080808080808080 ? 0 : sizeof word;
}

bool text_is_utf8(struct span bytes)
{
    while (bytes.size > 0) {
        size_t len = ascii_word(bytes);
        if (len == 0)
            len = utf8_sequence(bytes);
        if (len == 0)
            return false;
        bytes.data += len;
        bytes.size -= len;
    }
    return true;
}

void text_make_printable(char *text)
{
    struct span rest = span_of_text(text);
    for (size_t len = 0; rest.size > 0; rest.data += len, rest.size -= len) {
        uint8_t *at = (uint8_t *)text + (rest.data - (const uint8_t *)text);
        len = utf8_sequence(rest);
        if (len == 0) {
            *at = '?';
            len = 1;
        } else if (*at < 0x20 || *at == 0x7f) {
            *at = ' ';
        } else if (len == 2 && *at == 0xc2 && at[1] < 0xa0) { /* U+0080 to U+009F: C1 controls */
            at[0] = at[1] = '?';
        }
    }
}

size_t text_find_name(const char *const *names, const char *text)
{
    size_t size = strcspn(text, "=");
    size_t i = 0;
    while (names[i] && (strncmp(names[i], text, size) != 0 || names[i][size]))
        i++;
    return i;
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *text, const char *suffix)
{
    size_t text_len = strlen(text);
    size_t suffix_len = strlen(suffix);
    return text_len >= suffix_len && strcmp(text + text_len - suffix_len, suffix) == 0;
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return len < 0 ? NULL : text;
}

bool text_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (size == 0)
        return false;
    out[0] = '\0';
    if (len >= size)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

void text_free(char **text)
{
    free(*text);
    *text = NULL;
}
