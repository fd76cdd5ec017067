#include "template/json_place.h"

#include <strings.h>

static size_t skip_blanks(struct span text, size_t at)
{
    while (at < text.size && strchr(" \t\r\n", text.data[at]) && text.data[at])
        at++;
    return at;
}

/* From a string's first quote to behind its last. */
static size_t skip_string(struct span text, size_t at)
{
    for (at++; at < text.size && text.data[at] != '"'; at++)
        at += text.data[at] == '\\';
    return at < text.size ? at + 1 : text.size;
}

static bool is_one_of(uint8_t byte, const char *set)
{
    return byte && strchr(set, byte);
}

static size_t skip_value(struct span text, size_t at)
{
    size_t depth = 0;
    do {
        if (at >= text.size)
            return text.size;
        if (text.data[at] == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && is_one_of(text.data[at], ",:]} \t\r\n"))
            return at;
        depth += is_one_of(text.data[at], "[{");
        depth -= is_one_of(text.data[at], "]}");
        at++;
    } while (depth > 0 || (at < text.size && !is_one_of(text.data[at], ",:]} \t\r\n") &&
                           !is_one_of(text.data[at - 1], "]}\"")));
    return at;
}

bool json_place_root(struct span text, struct json_place *out)
{
    out->start = skip_blanks(text, 0);
    out->end = skip_value(text, out->start);
    return out->end > out->start;
}

/* Walks an array or object. A `key` of NULL counts to `index`. */
static bool walk(struct span text, struct json_place whole, const char *key, size_t index,
                 struct json_place *out)
{
    bool object = whole.start < whole.end && text.data[whole.start] == '{';
    size_t at = whole.start + 1;
    if (whole.start >= whole.end || (!object && (key || text.data[whole.start] != '[')))
        return false;
    while ((at = skip_blanks(text, at)) + 1 < whole.end) {
        struct span name = {0};
        if (object) {
            size_t end = skip_value(text, at);
            name = span_of(text.data + at + 1, end > at + 1 ? end - at - 2 : 0);
            at = skip_blanks(text, skip_blanks(text, end) + 1);
        }
        *out = (struct json_place){at, skip_value(text, at)};
        if (key ? name.size == strlen(key) &&
                      strncasecmp((const char *)name.data, key, name.size) == 0
                : index-- == 0)
            return out->end > out->start && out->end < whole.end;
        at = skip_blanks(text, out->end) + 1;
    }
    return false;
}

bool json_place_member(struct span text, struct json_place object, const char *key,
                       struct json_place *out)
{
    return walk(text, object, key, 0, out);
}

bool json_place_element(struct span text, struct json_place array, size_t index,
                        struct json_place *out)
{
    return walk(text, array, NULL, index, out);
}
