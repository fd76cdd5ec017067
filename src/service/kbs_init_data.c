#include "service/kbs_init_data.h"

#include "format/json.h"
#include "service/kbs_request.h"

/* Members of a document, as they stand in the body. */
struct members {
    struct span version, algorithm;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = span_of(text.data + 1, text.size - 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Cuts the next line off. */
static struct span next_line(struct span *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    struct span line = span_of(rest->data, end ? (size_t)(end - rest->data) : rest->size);
    size_t used = line.size + (end ? 1 : 0);
    *rest = span_of(rest->data + used, rest->size - used);
    return line;
}

/* The text of `"…"` or `'…'`, perhaps with a comment behind; empty where it is neither. */
static struct span unquote(struct span text)
{
    text = trim(text);
    if (text.size < 2 || (text.data[0] != '"' && text.data[0] != '\''))
        return span_of(NULL, 0);
    const uint8_t *end = memchr(text.data + 1, text.data[0], text.size - 1);
    return end ? span_of(text.data + 1, (size_t)(end - text.data) - 1) : span_of(NULL, 0);
}

/* TOML's own members stand before the first table: `name = "text"`, a line each. */
static void read_toml(struct span body, struct members *out)
{
    while (body.size > 0) {
        struct span line = trim(next_line(&body));
        const uint8_t *equals = line.size > 0 ? memchr(line.data, '=', line.size) : NULL;
        if (line.size > 0 && line.data[0] == '[')
            return;
        if (!equals)
            continue;
        size_t at = (size_t)(equals - line.data);
        struct span name = trim(span_of(line.data, at));
        struct span value = unquote(span_of(equals + 1, line.size - at - 1));
        if (span_equal_text(name, "version"))
            out->version = value;
        else if (span_equal_text(name, "algorithm"))
            out->algorithm = value;
    }
}

/* The result borrows from `object`. */
static int read_json(const json_t *object, struct members *out, struct error *err)
{
    const char *version, *algorithm;
    if (json_get_text(object, "version", &version, err) < 0 ||
        json_get_text(object, "algorithm", &algorithm, err) < 0)
        return -1;
    *out = (struct members){span_of_text(version), span_of_text(algorithm)};
    return 0;
}

static int digest(const struct members *members, struct span body, uint8_t out[SHA256_SIZE],
                  struct error *err)
{
    uint8_t whole[SHA512_SIZE];
    struct span name = members->algorithm;
    if (!span_equal_text(members->version, "0.1.0"))
        return error_set(err, ERROR_INVALID, "version \"%.*s\"; 0.1.0 is known",
                         (int)(members->version.size < 32 ? members->version.size : 32),
                         members->version.size ? (const char *)members->version.data : "");
    if (span_equal_text(name, "sha-256") || span_equal_text(name, "sha256"))
        sha256_digest(body, whole);
    else if (span_equal_text(name, "sha-384") || span_equal_text(name, "sha384"))
        sha384_digest(body, whole);
    else if (span_equal_text(name, "sha-512") || span_equal_text(name, "sha512"))
        sha512_digest(body, whole);
    else
        return error_set(err, ERROR_INVALID, "algorithm is none of sha-256, sha-384, sha-512");
    memcpy(out, whole, SHA256_SIZE);
    return 0;
}

int kbs_init_data_digest(const json_t *init_data, uint8_t out[SHA256_SIZE], struct error *err)
{
    static const struct json_limits limits = {.size = KBS_INIT_DATA_MAX, .depth = KBS_DEPTH_MAX};
    const char *format, *body;
    struct members members = {0};
    if (json_get_text(init_data, "format", &format, err) < 0 ||
        json_get_text(init_data, "body", &body, err) < 0)
        return -1;
    struct span bytes = span_of_text(body);
    if (bytes.size > KBS_INIT_DATA_MAX)
        return error_set(err, ERROR_LIMIT, "%zu bytes; at most %zu are taken", bytes.size,
                         KBS_INIT_DATA_MAX);
    if (strcmp(format, "toml") == 0) {
        read_toml(bytes, &members);
        return digest(&members, bytes, out, err);
    }
    if (strcmp(format, "json") != 0)
        return error_set(err, ERROR_INVALID, "format \"%.32s\" is neither toml nor json", format);
    json_auto_t *object = json_parse_object(bytes, &limits, err);
    if (!object || read_json(object, &members, err) < 0)
        return -1;
    return digest(&members, bytes, out, err);
}
