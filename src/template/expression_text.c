/* Functions that make texts. Comparisons of startsWith, endsWith, indexOf and lastIndexOf ignore
 * case, as ARM's do; only ASCII has one here. */
#include <ctype.h>
#include <strings.h>

#include "base/base64.h"
#include "base/text.h"
#include "template/expression_parts.h"

#define ANY EXPRESSION_ARGUMENTS_MAX

static json_t *join_arrays(const struct call *call, struct error *err)
{
    json_t *out = call_make(call, json_array(), err);
    size_t total = 0;
    for (size_t i = 0; out && i < call->count; i++) {
        total += json_array_size(call->items[i]);
        if (!json_is_array(call->items[i]))
            return NOTHING(call_wrong(call, i, "an array, as the first is", err));
        if (total > EXPRESSION_STEPS_MAX || json_array_extend(out, call->items[i]) < 0)
            return NOTHING(error_set(err, ERROR_LIMIT, "concat() of more than %d elements",
                                     EXPRESSION_STEPS_MAX));
        call->scope->bytes += 32 * json_array_size(call->items[i]);
    }
    return out;
}

static json_t *run_concat(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    if (call->count > 0 && json_is_array(call->items[0]))
        return join_arrays(call, err);
    for (size_t i = 0; i < call->count; i++) {
        if (json_is_array(call->items[i]) || json_is_object(call->items[i]))
            return NOTHING(call_wrong(call, i, "a string", err));
        if (call_append(call->items[i], &out, err) < 0)
            return NULL;
    }
    return call_make_text(call, buf_span(&out), err);
}

/* One `{N}`; *at stands on its brace and moves past it. */
static int append_item(const struct call *call, const char **at, struct buf *out, struct error *err)
{
    size_t index = 0;
    const char *digit = *at + 1;
    for (; isdigit((unsigned char)*digit) && index < EXPRESSION_ARGUMENTS_MAX; digit++)
        index = 10 * index + (size_t)(*digit - '0');
    if (digit == *at + 1 || *digit != '}')
        return error_set(err, ERROR_INVALID, "format(): only {N} is known, not \"%.12s\"", *at);
    if (index + 1 >= call->count)
        return error_set(err, ERROR_INVALID, "format(): no argument for {%zu}", index);
    *at = digit + 1;
    return call_append(call->items[index + 1], out, err);
}

static json_t *run_format(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *at;
    if (call_text(call, 0, &at, err) < 0)
        return NULL;
    while (*at) {
        int status;
        if (*at == '{' && at[1] != '{') {
            status = append_item(call, &at, &out, err);
        } else {
            if (*at == '}' && at[1] != '}')
                return NOTHING(
                    error_set(err, ERROR_INVALID, "format(): a brace that closes nothing"));
            status = buf_append_byte(&out, (uint8_t)*at, err);
            at += *at == '{' || *at == '}' ? 2 : 1;
        }
        if (status < 0)
            return NULL;
    }
    return call_make_text(call, buf_span(&out), err);
}

static json_t *map_text(const struct call *call, int (*map)(int), struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *text;
    if (call_text(call, 0, &text, err) < 0)
        return NULL;
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;
        if (buf_append_byte(&out, byte < 0x80 ? (uint8_t)map(byte) : byte, err) < 0)
            return NULL;
    }
    return call_make_text(call, buf_span(&out), err);
}

static json_t *run_lower(const struct call *call, struct error *err)
{
    return map_text(call, tolower, err);
}

static json_t *run_upper(const struct call *call, struct error *err)
{
    return map_text(call, toupper, err);
}

static json_t *run_replace(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *text, *from, *to;
    if (call_text(call, 0, &text, err) < 0 || call_text(call, 1, &from, err) < 0 ||
        call_text(call, 2, &to, err) < 0)
        return NULL;
    if (!*from)
        return NOTHING(error_set(err, ERROR_INVALID, "replace(): nothing to look for"));
    for (const char *hit = strstr(text, from); hit; hit = strstr(text, from)) {
        if (buf_append(&out, span_of(text, (size_t)(hit - text)), err) < 0 ||
            buf_append_text(&out, to, err) < 0)
            return NULL;
        text = hit + strlen(from);
    }
    if (buf_append_text(&out, text, err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

/* The nearest of the delimiters from `text` on, and its length. */
static const char *find_delimiter(const json_t *delimiters, const char *text, size_t *len)
{
    const char *nearest = NULL;
    size_t count = json_is_array(delimiters) ? json_array_size(delimiters) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *one = json_string_value(
            json_is_array(delimiters) ? json_array_get(delimiters, i) : delimiters);
        const char *hit = one && *one ? strstr(text, one) : NULL;
        if (hit && (!nearest || hit < nearest)) {
            nearest = hit;
            *len = strlen(one);
        }
    }
    return nearest;
}

static json_t *run_split(const struct call *call, struct error *err)
{
    json_t *out = call_make(call, json_array(), err);
    const char *text;
    size_t len = 0;
    if (!out || call_text(call, 0, &text, err) < 0)
        return NULL;
    if (!json_is_string(call->items[1]) && !json_is_array(call->items[1]))
        return NOTHING(call_wrong(call, 1, "a string or an array of strings", err));
    for (;;) {
        const char *hit = find_delimiter(call->items[1], text, &len);
        size_t size = hit ? (size_t)(hit - text) : strlen(text);
        json_t *part = call_make_text(call, span_of(text, size), err);
        if (!part || json_array_append(out, part) < 0)
            return NULL;
        if (!hit)
            return out;
        text = hit + len;
    }
}

static json_t *run_join(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *delimiter;
    if (!json_is_array(call->items[0]))
        return NOTHING(call_wrong(call, 0, "an array", err));
    if (call_text(call, 1, &delimiter, err) < 0)
        return NULL;
    for (size_t i = 0; i < json_array_size(call->items[0]); i++) {
        if (buf_append_text(&out, i ? delimiter : "", err) < 0 ||
            call_append(json_array_get(call->items[0], i), &out, err) < 0)
            return NULL;
    }
    return call_make_text(call, buf_span(&out), err);
}

static json_t *run_string(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    if (call_append(call->items[0], &out, err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

static json_t *run_trim(const struct call *call, struct error *err)
{
    const char *text;
    if (call_text(call, 0, &text, err) < 0)
        return NULL;
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    return call_make_text(call, span_of(text, size), err);
}

static json_t *run_substring(const struct call *call, struct error *err)
{
    const char *text;
    json_int_t start, length;
    if (call_ascii(call, 0, &text, err) < 0 || call_number(call, 1, &start, err) < 0)
        return NULL;
    json_int_t size = (json_int_t)strlen(text);
    length = size - start;
    if (call->count > 2 && call_number(call, 2, &length, err) < 0)
        return NULL;
    if (start < 0 || start > size || length < 0 || length > size - start)
        return NOTHING(
            error_set(err, ERROR_INVALID, "substring(): it does not have these characters"));
    return call_make_text(call, span_of(text + start, (size_t)length), err);
}

static json_t *run_starts(const struct call *call, struct error *err)
{
    const char *text, *start;
    if (call_text(call, 0, &text, err) < 0 || call_text(call, 1, &start, err) < 0)
        return NULL;
    return call_make_bool(strncasecmp(text, start, strlen(start)) == 0);
}

static json_t *run_ends(const struct call *call, struct error *err)
{
    const char *text, *end;
    if (call_text(call, 0, &text, err) < 0 || call_text(call, 1, &end, err) < 0)
        return NULL;
    size_t size = strlen(text);
    size_t len = strlen(end);
    return call_make_bool(len <= size && strcasecmp(text + size - len, end) == 0);
}

static json_t *find_text(const struct call *call, bool last, struct error *err)
{
    const char *text, *part;
    json_int_t found = -1;
    if (call_ascii(call, 0, &text, err) < 0 || call_ascii(call, 1, &part, err) < 0)
        return NULL;
    size_t len = strlen(part);
    size_t size = strlen(text);
    for (size_t i = 0; i + len <= size && (last || found < 0); i++) {
        if (strncasecmp(text + i, part, len) == 0)
            found = (json_int_t)i;
    }
    return call_make(call, json_integer(found), err);
}

static json_t *run_index_of(const struct call *call, struct error *err)
{
    return find_text(call, false, err);
}

static json_t *run_last_index_of(const struct call *call, struct error *err)
{
    return find_text(call, true, err);
}

static json_t *run_pad_left(const struct call *call, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *pad = " ";
    json_int_t width;
    if (call_append(call->items[0], &text, err) < 0 || call_number(call, 1, &width, err) < 0 ||
        (call->count > 2 && call_text(call, 2, &pad, err) < 0))
        return NULL;
    if (strlen(pad) != 1 || width > EXPRESSION_SIZE_MAX)
        return NOTHING(error_set(err, ERROR_INVALID, "padLeft(): one character, and at most %d",
                                 EXPRESSION_SIZE_MAX));
    for (json_int_t i = (json_int_t)text.size; i < width; i++) {
        if (buf_append_text(&out, pad, err) < 0)
            return NULL;
    }
    if (buf_append(&out, buf_span(&text), err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

static json_t *run_base64(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *text;
    if (call_text(call, 0, &text, err) < 0 || base64_encode(span_of_text(text), &out, err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

static int decode(const struct call *call, struct buf *out, struct error *err)
{
    const char *text;
    if (call_text(call, 0, &text, err) < 0 || base64_decode(span_of_text(text), out, err) < 0)
        return error_context(err, "%s()", call->name);
    return 0;
}

static json_t *run_base64_text(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    if (decode(call, &out, err) < 0)
        return NULL;
    if (!text_is_utf8(buf_span(&out)) || strlen(buf_text(&out)) != out.size)
        return NOTHING(error_set(err, ERROR_INVALID, "base64ToString(): it holds no text"));
    return call_make_text(call, buf_span(&out), err);
}

static json_t *parse(const struct call *call, struct span text, struct error *err)
{
    static const struct json_limits limits = {EXPRESSION_VALUE_MAX, EXPRESSION_DEPTH_MAX};
    json_t *value = json_parse(text, &limits, err);
    if (!value)
        return NOTHING(error_context(err, "%s()", call->name));
    call->scope->bytes += 8 * text.size;
    return call_make(call, value, err);
}

static json_t *run_base64_json(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    return decode(call, &out, err) < 0 ? NULL : parse(call, buf_span(&out), err);
}

/* Scalars too: they are read as the one element of an array. */
static json_t *run_json(const struct call *call, struct error *err)
{
    BUF_AUTO wrapped = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *text;
    if (call_text(call, 0, &text, err) < 0 || buf_append_text(&wrapped, "[", err) < 0 ||
        buf_append_text(&wrapped, text, err) < 0 || buf_append_text(&wrapped, "]", err) < 0)
        return NULL;
    json_t *array = parse(call, buf_span(&wrapped), err);
    if (array && json_array_size(array) != 1)
        return NOTHING(error_set(err, ERROR_INVALID, "json(): not one value"));
    return array ? json_array_get(array, 0) : NULL;
}

/* RFC 3986: all but the unreserved characters are escaped. */
static json_t *run_uri_component(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *text;
    if (call_text(call, 0, &text, err) < 0)
        return NULL;
    for (; *text; text++) {
        bool plain = !(*text & 0x80) && (isalnum(*text) || strchr("-._~", *text));
        if (buf_printf(&out, err, plain ? "%c" : "%%%02X", (unsigned char)*text) < 0)
            return NULL;
    }
    return call_make_text(call, buf_span(&out), err);
}

/* A base that ends with a slash takes the relative part behind it, a file's name gives way. */
static json_t *run_uri(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *base, *part;
    if (call_text(call, 0, &base, err) < 0 || call_text(call, 1, &part, err) < 0)
        return NULL;
    const char *host = strstr(base, "://");
    const char *slash = host ? strrchr(host + 3, '/') : NULL;
    if (!host || strpbrk(base, "?#") || text_starts_with(part, "//") || strstr(part, "..") ||
        strstr(part, "://"))
        return NOTHING(
            error_set(err, ERROR_INVALID, "uri(): only a base with a scheme, and a plain path"));
    size_t size = slash ? (size_t)(slash - base) : strlen(base);
    if (*part == '/')
        size = (size_t)(host + 3 - base) + strcspn(host + 3, "/");
    if (buf_append(&out, span_of(base, size), err) < 0 ||
        buf_append_text(&out, *part == '/' ? "" : "/", err) < 0 ||
        buf_append_text(&out, part, err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

const struct function expression_text_functions[] = {
    {"concat", 1, ANY, run_concat},
    {"format", 2, ANY, run_format},
    {"toLower", 1, 1, run_lower},
    {"toUpper", 1, 1, run_upper},
    {"replace", 3, 3, run_replace},
    {"split", 2, 2, run_split},
    {"join", 2, 2, run_join},
    {"string", 1, 1, run_string},
    {"trim", 1, 1, run_trim},
    {"substring", 2, 3, run_substring},
    {"startsWith", 2, 2, run_starts},
    {"endsWith", 2, 2, run_ends},
    {"indexOf", 2, 2, run_index_of},
    {"lastIndexOf", 2, 2, run_last_index_of},
    {"padLeft", 2, 3, run_pad_left},
    {"base64", 1, 1, run_base64},
    {"base64ToString", 1, 1, run_base64_text},
    {"base64ToJson", 1, 1, run_base64_json},
    {"json", 1, 1, run_json},
    {"uri", 2, 2, run_uri},
    {"uriComponent", 1, 1, run_uri_component},
    {0},
};
