#include "cli/measure_io.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"

#define HEX_BYTES_MAX  64
#define JSON_TEXT_MAX  ((size_t)1 << 20)
#define HEX_DIGITS_MAX 16 /* of a number of 64 bits */

int measure_digest_file(const char *path, uint8_t out[SHA256_SIZE], struct error *err)
{
    uint8_t block[65536];
    size_t got = sizeof block;
    struct sha256 ctx;
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0)
        return -1;
    sha256_init(&ctx);
    while (got == sizeof block) {
        if (fd_read_full(fd, block, sizeof block, &got, err) < 0)
            return error_context(err, "%s", path);
        sha256_update(&ctx, span_of(block, got));
    }
    sha256_final(&ctx, out);
    return 0;
}

int measure_read_option(const struct args *args, const char *name, struct buf *out,
                        struct error *err)
{
    const char *path = args_get(args, name);
    if (!path)
        return error_set(err, ERROR_USAGE, "--%s is missing", name);
    return file_read(path, out, err);
}

int measure_read_operand(const struct args *args, const char *command, struct buf *out,
                         struct error *err)
{
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "%s wants one file", command);
    return file_read(args_operands(args)[0], out, err);
}

/* 0x and one to sixteen hex digits. */
static bool parse_hex(const char *text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = text + 2;
    uint64_t value = 0;
    size_t count = 0;
    if (text[0] != '0' || (text[1] | 0x20) != 'x')
        return false;
    for (; *at; at++, count++) {
        const char *digit = memchr(digits, *at >= 'A' && *at <= 'F' ? *at | 0x20 : *at, 16);
        if (!digit || count == HEX_DIGITS_MAX)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = value;
    return count > 0;
}

int measure_number(const struct args *args, const char *name, uint64_t max, uint64_t *out,
                   struct error *err)
{
    const char *text = args_get(args, name);
    uint64_t value;
    if (!text)
        return 0;
    if (!text_to_u64(text, max, &value) && !(parse_hex(text, &value) && value <= max))
        return error_set(err, ERROR_USAGE,
                         "--%s %s: a number is wanted, decimal or 0x…, up to 0x%llx", name, text,
                         (unsigned long long)max);
    *out = value;
    return 0;
}

int measure_hex(const struct args *args, const char *name, void *out, size_t size, bool *given,
                struct error *err)
{
    const char *text = args_get(args, name);
    *given = text != NULL;
    if (text && !hex_decode(span_of_text(text), out, size))
        return error_set(err, ERROR_USAGE, "--%s %s: %zu hex digits are wanted", name, text,
                         2 * size);
    return 0;
}

json_t *measure_json_hex(const void *bytes, size_t size)
{
    char text[2 * HEX_BYTES_MAX + 1];
    if (size > HEX_BYTES_MAX)
        return NULL;
    hex_encode(span_of(bytes, size), text);
    return json_string(text);
}

void measure_print_hex(const char *name, const void *bytes, size_t size)
{
    char text[2 * HEX_BYTES_MAX + 1];
    if (size > HEX_BYTES_MAX)
        return;
    hex_encode(span_of(bytes, size), text);
    (void)printf("%-14s %s\n", name, text);
}

int measure_print_json(json_t *document, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(JSON_TEXT_MAX);
    if (!document)
        return error_memory(err);
    int result = json_append_pretty(document, &text, err);
    json_decref(document);
    if (result == 0)
        (void)fputs(buf_text(&text), stdout);
    return result;
}
