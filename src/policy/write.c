#include "policy/write.h"

#include "base/text.h"

void policy_put(struct policy_writer *writer, const char *text)
{
    writer->failed = writer->failed || buf_append_text(writer->out, text, writer->err) < 0;
}

static void put_byte(struct policy_writer *writer, uint8_t byte)
{
    writer->failed = writer->failed || buf_append_byte(writer->out, byte, writer->err) < 0;
}

static void put_unicode(struct policy_writer *writer, uint32_t rune)
{
    if (writer->failed)
        return;
    if (rune < 0x10000)
        writer->failed = buf_printf(writer->out, writer->err, "\\u%04x", rune) < 0;
    else
        writer->failed = buf_printf(writer->out, writer->err, "\\u%04x\\u%04x",
                                    0xD800 + ((rune - 0x10000) >> 10),
                                    0xDC00 + ((rune - 0x10000) & 0x3FF)) < 0;
}

static uint32_t take_rune(const uint8_t **at)
{
    const uint8_t *p = *at;
    int more = p[0] < 0x80 ? 0 : p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;
    uint32_t rune = more == 0 ? p[0] : p[0] & (0x3FU >> more);
    for (int i = 1; i <= more; i++)
        rune = rune << 6 | (p[i] & 0x3FU);
    *at = p + more + 1;
    return rune;
}

void policy_put_string(struct policy_writer *writer, const char *text)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    if (!text_is_utf8(span_of_text(text))) {
        writer->failed = true;
        (void)error_set(writer->err, ERROR_INVALID, "text for a policy is not UTF-8");
        return;
    }
    policy_put(writer, "\"");
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        uint32_t rune = take_rune(&at);
        const char *escape = rune < 0x80 ? strchr(escaped, (int)rune) : NULL;
        if (escape)
            policy_put(writer, (char[]){'\\', letters[escape - escaped], '\0'});
        else if (rune < ' ' || rune >= 0x80)
            put_unicode(writer, rune);
        else
            put_byte(writer, (uint8_t)rune);
    }
    policy_put(writer, "\"");
}

void policy_put_bool(struct policy_writer *writer, bool value)
{
    policy_put(writer, value ? "true" : "false");
}

void policy_put_list(struct policy_writer *writer, struct policy_list list)
{
    policy_put(writer, "[");
    for (size_t i = 0; i < list.count; i++) {
        policy_put(writer, i ? "," : "");
        policy_put_string(writer, list.items[i]);
    }
    policy_put(writer, "]");
}

static void put_line(struct policy_writer *writer, size_t depth)
{
    put_byte(writer, '\n');
    for (size_t i = 0; i < depth; i++)
        policy_put(writer, "  ");
}

/* A string from its first quote to its last; gives the index of the last. */
static size_t put_quoted(struct policy_writer *writer, struct span json, size_t at)
{
    put_byte(writer, '"');
    for (at++; at < json.size && json.data[at] != '"'; at++) {
        put_byte(writer, json.data[at]);
        if (json.data[at] == '\\' && at + 1 < json.size)
            put_byte(writer, json.data[++at]);
    }
    put_byte(writer, '"');
    return at;
}

void policy_put_pretty(struct policy_writer *writer, struct span compact)
{
    size_t depth = 0;
    for (size_t i = 0; i < compact.size && !writer->failed; i++) {
        uint8_t byte = compact.data[i];
        bool closes = i + 1 < compact.size && strchr("]}", compact.data[i + 1]);
        if (byte == '"') {
            i = put_quoted(writer, compact, i);
        } else if (strchr("[{", byte) && closes) {
            put_byte(writer, byte);
            put_byte(writer, compact.data[++i]);
        } else if (strchr("[{,", byte)) {
            put_byte(writer, byte);
            depth += byte != ',';
            put_line(writer, depth);
        } else if (strchr("]}", byte)) {
            put_line(writer, --depth);
            put_byte(writer, byte);
        } else {
            put_byte(writer, byte);
            policy_put(writer, byte == ':' ? " " : "");
        }
    }
}
