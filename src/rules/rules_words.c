#include "rules/rules_parts.h"

#include "base/text.h"

static int wrong(const struct rules_place *place, size_t offset, const char *what,
                 struct error *err)
{
    return error_set(err, ERROR_INVALID, "line %zu, column %zu: %s", place->line,
                     offset - place->line_start + 1, what);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool starts_with(const struct rules_place *place, const char *text)
{
    size_t size = strlen(text);
    return place->text.size - place->offset >= size &&
           memcmp(place->text.data + place->offset, text, size) == 0;
}

static void skip_blanks(struct rules_place *place)
{
    bool comment = false;
    for (; place->offset < place->text.size; place->offset++) {
        uint8_t c = place->text.data[place->offset];
        comment = (comment && c != '\n') || starts_with(place, "//");
        if (c == '\n') {
            place->line++;
            place->line_start = place->offset + 1;
        } else if (!comment && c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static const struct sign {
    const char *text;
    enum rules_word word;
} signs[] = {
    {"=>", TOKEN_ARROW},
    {"==", TOKEN_EQUAL},
    {"!=", TOKEN_UNEQUAL},
    {"<=", TOKEN_LESS_EQUAL},
    {">=", TOKEN_GREATER_EQUAL},
    {"&&", TOKEN_AND},
    {"{", TOKEN_BRACE},
    {"}", TOKEN_BRACE_END},
    {"[", TOKEN_BRACKET},
    {"]", TOKEN_BRACKET_END},
    {"(", TOKEN_PAREN},
    {")", TOKEN_PAREN_END},
    {",", TOKEN_COMMA},
    {";", TOKEN_SEMICOLON},
    {":", TOKEN_COLON},
    {".", TOKEN_DOT},
    {"!", TOKEN_NOT},
    {"=", TOKEN_ASSIGN},
    {"<", TOKEN_LESS},
    {">", TOKEN_GREATER},
};

static int read_sign(struct rules_place *place, struct rules_token *out, struct error *err)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (!starts_with(place, signs[i].text))
            continue;
        out->word = signs[i].word;
        place->offset += strlen(signs[i].text);
        return 0;
    }
    if (starts_with(place, "\xe2\x80\x9c") || starts_with(place, "\xe2\x80\x9d"))
        return wrong(place, place->offset, "a curly quote: write \"", err);
    return wrong(place, place->offset, "this character begins nothing", err);
}

static int read_name(struct rules_place *place, struct rules_token *out, struct error *err)
{
    size_t start = place->offset;
    while (place->offset < place->text.size && (is_letter(place->text.data[place->offset]) ||
                                                is_digit(place->text.data[place->offset])))
        place->offset++;
    struct span name = span_of(place->text.data + start, place->offset - start);
    bool is_true = span_equal_text(name, "true");
    out->word = TOKEN_NAME;
    if (!is_true && !span_equal_text(name, "false"))
        return 0;
    out->word = TOKEN_VALUE;
    out->value = json_boolean(is_true);
    return out->value ? 0 : error_memory(err);
}

static int read_integer(struct rules_place *place, struct rules_token *out, struct error *err)
{
    size_t start = place->offset;
    bool negative = place->text.data[start] == '-';
    int64_t number = 0;
    place->offset += negative;
    size_t digits = place->offset;
    for (; place->offset < place->text.size && is_digit(place->text.data[place->offset]);
         place->offset++) {
        int digit = place->text.data[place->offset] - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, negative ? -digit : digit, &number))
            return wrong(place, start, "the integer has more than 64 bits", err);
    }
    if (place->offset == digits)
        return wrong(place, start, "\"-\" without an integer", err);
    if (place->offset < place->text.size && is_letter(place->text.data[place->offset]))
        return wrong(place, start, "a letter in an integer", err);
    out->word = TOKEN_VALUE;
    out->value = json_integer(number);
    return out->value ? 0 : error_memory(err);
}

/* Text between quotes, on one line; a backslash stands before a quote or a backslash. */
static int read_text(struct rules_place *place, struct rules_token *out, struct error *err)
{
    size_t start = place->offset;
    BUF_AUTO text = BUF_WITH_LIMIT(RULES_SIZE_MAX);
    for (size_t at = start + 1; at < place->text.size; at++) {
        uint8_t c = place->text.data[at];
        if (c == '"') {
            place->offset = at + 1;
            out->word = TOKEN_VALUE;
            out->value = json_stringn(buf_text(&text), text.size);
            return out->value ? 0 : error_memory(err);
        }
        if (c < 0x20 && c != '\t')
            break;
        if (c == '\\') {
            c = at + 1 < place->text.size ? place->text.data[++at] : 0;
            if (c != '"' && c != '\\')
                return wrong(place, at - 1, "a backslash stands only before \" and \\", err);
        }
        if (buf_append_byte(&text, c, err) < 0)
            return -1;
    }
    return wrong(place, start, "the text that begins here does not end on its line", err);
}

int rules_next(struct rules_place *place, struct rules_token *out, struct error *err)
{
    skip_blanks(place);
    size_t start = place->offset;
    int result;
    *out = (struct rules_token){
        .word = TOKEN_END, .line = place->line, .column = start - place->line_start + 1};
    if (start == place->text.size)
        return 0;
    uint8_t first = place->text.data[start];
    if (is_letter(first))
        result = read_name(place, out, err);
    else if (is_digit(first) || first == '-')
        result = read_integer(place, out, err);
    else if (first == '"')
        result = read_text(place, out, err);
    else
        result = read_sign(place, out, err);
    out->text = span_of(place->text.data + start, place->offset - start);
    return result;
}
