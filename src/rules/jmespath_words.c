#include "rules/jmespath_parts.h"

#include "base/text.h"

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int wrong(size_t offset, const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "JMESPath, column %zu: %s", offset + 1, what);
}

/* Signs, the longer before those that they begin with. */
static const struct sign {
    const char *text;
    enum jmespath_word word;
} signs[] = {
    {"[?", WORD_FILTER},     {"[]", WORD_FLATTEN},       {"&&", WORD_AND},
    {"||", WORD_OR},         {"==", WORD_EQUAL},         {"!=", WORD_UNEQUAL},
    {"<=", WORD_LESS_EQUAL}, {">=", WORD_GREATER_EQUAL}, {"[", WORD_BRACKET},
    {"]", WORD_BRACKET_END}, {"(", WORD_PAREN},          {")", WORD_PAREN_END},
    {"{", WORD_BRACE},       {"}", WORD_BRACE_END},      {".", WORD_DOT},
    {"*", WORD_STAR},        {",", WORD_COMMA},          {":", WORD_COLON},
    {"@", WORD_AT},          {"&", WORD_AMPERSAND},      {"|", WORD_PIPE},
    {"!", WORD_NOT},         {"<", WORD_LESS},           {">", WORD_GREATER},
};

static int read_sign(struct span text, size_t *offset, struct jmespath_token *out,
                     struct error *err)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t size = strlen(signs[i].text);
        if (text.size - *offset < size || memcmp(text.data + *offset, signs[i].text, size) != 0)
            continue;
        out->word = signs[i].word;
        *offset += size;
        return 0;
    }
    return wrong(*offset,
                 text.data[*offset] == '=' ? "\"=\" compares nothing: write \"==\""
                                           : "this character begins nothing",
                 err);
}

static int read_name(struct span text, size_t *offset, struct jmespath_token *out,
                     struct error *err)
{
    size_t start = *offset;
    while (*offset < text.size && (is_letter(text.data[*offset]) || is_digit(text.data[*offset])))
        (*offset)++;
    out->word = WORD_NAME;
    out->value = json_stringn((const char *)text.data + start, *offset - start);
    return out->value ? 0 : error_memory(err);
}

static int read_number(struct span text, size_t *offset, struct jmespath_token *out,
                       struct error *err)
{
    size_t start = *offset;
    bool negative = text.data[start] == '-';
    *offset += negative;
    size_t digits = *offset;
    int64_t number = 0;
    for (; *offset < text.size && is_digit(text.data[*offset]); (*offset)++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text.data[*offset] - '0', &number))
            return wrong(start, "the number is too large", err);
    }
    if (*offset == digits)
        return wrong(start, "\"-\" without a number", err);
    out->word = WORD_NUMBER;
    out->number = negative ? -number : number;
    return 0;
}

/* Finds the quote that ends what begins at *offset, where a backslash keeps the next character from
 * being one; `body` is what stands between. */
static int find_end(struct span text, size_t *offset, struct span *body, struct error *err)
{
    size_t start = *offset;
    uint8_t quote = text.data[start];
    for (size_t at = start + 1; at < text.size; at++) {
        if (text.data[at] == '\\')
            at++;
        else if (text.data[at] == quote) {
            *body = span_of(text.data + start + 1, at - start - 1);
            *offset = at + 1;
            return 0;
        }
    }
    return wrong(start, "the quote that begins here does not end", err);
}

/* Appends `body` with the backslash before each `quote` taken off; others stay. */
static int unquote(struct span body, uint8_t quote, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < body.size; i++) {
        bool pair = body.data[i] == '\\' && i + 1 < body.size;
        if (pair && body.data[i + 1] == quote)
            i++;
        else if (pair && buf_append_byte(out, body.data[i++], err) < 0)
            return -1;
        if (buf_append_byte(out, body.data[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Any JSON value, read inside of brackets since json_parse() takes no bare scalar; NULL for what is
 * none. */
static json_t *parse_json(struct span text)
{
    static const struct json_limits limits = {.size = JMESPATH_SIZE_MAX + 2,
                                              .depth = JSON_DEPTH_MAX};
    BUF_AUTO bracketed = BUF_WITH_LIMIT(limits.size);
    if (buf_append_byte(&bracketed, '[', NULL) < 0 || buf_append(&bracketed, text, NULL) < 0 ||
        buf_append_byte(&bracketed, ']', NULL) < 0)
        return NULL;
    json_auto_t *array = json_parse(buf_span(&bracketed), &limits, NULL);
    return json_array_size(array) == 1 ? json_incref(json_array_get(array, 0)) : NULL;
}

static int read_quoted(struct span text, size_t *offset, struct jmespath_token *out,
                       struct error *err)
{
    size_t start = *offset;
    struct span body;
    if (find_end(text, offset, &body, err) < 0)
        return -1;
    out->word = WORD_QUOTED;
    out->value = parse_json(span_of(text.data + start, *offset - start));
    return out->value ? 0 : wrong(start, "the quoted name is no JSON string", err);
}

static int read_raw(struct span text, size_t *offset, struct jmespath_token *out, struct error *err)
{
    size_t start = *offset;
    struct span body;
    BUF_AUTO raw = BUF_WITH_LIMIT(JMESPATH_SIZE_MAX);
    if (find_end(text, offset, &body, err) < 0 || unquote(body, '\'', &raw, err) < 0)
        return -1;
    out->word = WORD_VALUE;
    out->value = json_stringn(buf_text(&raw), raw.size);
    return out->value ? 0 : wrong(start, "the text is not UTF-8", err);
}

static int read_literal(struct span text, size_t *offset, struct jmespath_token *out,
                        struct error *err)
{
    size_t start = *offset;
    struct span body;
    BUF_AUTO raw = BUF_WITH_LIMIT(JMESPATH_SIZE_MAX);
    if (find_end(text, offset, &body, err) < 0 || unquote(body, '`', &raw, err) < 0)
        return -1;
    out->word = WORD_VALUE;
    out->value = parse_json(buf_span(&raw));
    return out->value ? 0 : wrong(start, "what stands between the backticks is no JSON", err);
}

int jmespath_next(struct span text, size_t *offset, struct jmespath_token *out, struct error *err)
{
    while (*offset < text.size && strchr(" \t\r\n", text.data[*offset]) &&
           text.data[*offset] != '\0')
        (*offset)++;
    *out = (struct jmespath_token){.word = WORD_END, .offset = *offset};
    if (*offset == text.size)
        return 0;
    uint8_t first = text.data[*offset];
    if (is_letter(first))
        return read_name(text, offset, out, err);
    if (is_digit(first) || first == '-')
        return read_number(text, offset, out, err);
    if (first == '"')
        return read_quoted(text, offset, out, err);
    if (first == '\'')
        return read_raw(text, offset, out, err);
    if (first == '`')
        return read_literal(text, offset, out, err);
    return read_sign(text, offset, out, err);
}
