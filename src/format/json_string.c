#include "format/json_string.h"

#include "base/text.h"

/* The escapes that RFC 8259 section 7 demands, by their short form where there is one. */
static int append_escaped(struct buf *out, uint8_t c, struct error *err)
{
    static const char short_forms[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                       ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (c < sizeof short_forms && short_forms[c])
        return buf_printf(out, err, "\\%c", short_forms[c]);
    if (c < 0x20)
        return buf_printf(out, err, "\\u%04x", c);
    return buf_append_byte(out, c, err);
}

int json_append_string(struct buf *out, struct span text, struct error *err)
{
    if (!text_is_utf8(text))
        return error_set(err, ERROR_INVALID, "text is not UTF-8");
    if (buf_append_byte(out, '"', err) < 0)
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (append_escaped(out, text.data[i], err) < 0)
            return -1;
    }
    return buf_append_byte(out, '"', err);
}
