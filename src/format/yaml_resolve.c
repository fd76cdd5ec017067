/*
 * Plain scalars, as goyaml.v2/resolve.go reads them: a table of words, then integers in Go's
 * notation with underscores anywhere, then floats; all else is a string.
 */
#include "format/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"

#define NUMBER_MAX 64 /* characters; what is longer is text */

static const struct word {
    const char *text;
    json_type type;
} words[] = {
    {"", JSON_NULL},       {"~", JSON_NULL},      {"null", JSON_NULL},   {"Null", JSON_NULL},
    {"NULL", JSON_NULL},   {"true", JSON_TRUE},   {"True", JSON_TRUE},   {"TRUE", JSON_TRUE},
    {"yes", JSON_TRUE},    {"Yes", JSON_TRUE},    {"YES", JSON_TRUE},    {"on", JSON_TRUE},
    {"On", JSON_TRUE},     {"ON", JSON_TRUE},     {"y", JSON_TRUE},      {"Y", JSON_TRUE},
    {"false", JSON_FALSE}, {"False", JSON_FALSE}, {"FALSE", JSON_FALSE}, {"no", JSON_FALSE},
    {"No", JSON_FALSE},    {"NO", JSON_FALSE},    {"off", JSON_FALSE},   {"Off", JSON_FALSE},
    {"OFF", JSON_FALSE},   {"n", JSON_FALSE},     {"N", JSON_FALSE},     {".nan", JSON_REAL},
    {".NaN", JSON_REAL},   {".NAN", JSON_REAL},   {".inf", JSON_REAL},   {".Inf", JSON_REAL},
    {".INF", JSON_REAL},   {"+.inf", JSON_REAL},  {"+.Inf", JSON_REAL},  {"+.INF", JSON_REAL},
    {"-.inf", JSON_REAL},  {"-.Inf", JSON_REAL},  {"-.INF", JSON_REAL},
};

static const struct word *find_word(const char *text)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].text, text) == 0)
            return &words[i];
    }
    return NULL;
}

static json_t *word_value(const struct word *word, struct error *err)
{
    if (word->type == JSON_NULL)
        return json_null();
    if (word->type != JSON_REAL)
        return json_boolean(word->type == JSON_TRUE);
    (void)error_set(err, ERROR_INVALID, "%s is not a number that JSON has; quote it for text",
                    word->text);
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The base of Go's literals, and their prefix passed over: 0x, 0o or 0, 0b. */
static int take_base(const char **digits)
{
    const char *text = *digits;
    if (text[0] != '0' || text[1] == '\0')
        return 10;
    char kind = (char)(text[1] | 0x20);
    *digits += kind == 'x' || kind == 'o' || kind == 'b' ? 2 : 1;
    return kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
}

static bool are_digits(const char *text, int base)
{
    const char *all = "0123456789abcdefABCDEF";
    size_t count = base == 16 ? 22 : (size_t)base;
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!memchr(all, text[i], count))
            return false;
    }
    return len > 0;
}

/* A new integer; NULL without an error when the text is none. */
static json_t *integer(const char *plain, struct error *err)
{
    const char *digits = plain + (plain[0] == '-' || plain[0] == '+');
    int base = take_base(&digits);
    if (!are_digits(digits, base))
        return NULL;
    errno = 0;
    unsigned long long value = strtoull(digits, NULL, base);
    bool negative = plain[0] == '-';
    if (errno == ERANGE || value > (unsigned long long)INT64_MAX + negative) {
        (void)error_set(err, ERROR_INVALID, "%s does not fit in 64 bits; quote it for text", plain);
        return NULL;
    }
    return json_integer(negative ? (json_int_t)(0 - value) : (json_int_t)value);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        size_t part = strspn(++text, "0123456789");
        if (whole + part == 0)
            return false;
        text += part;
    } else if (whole == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t part = strspn(text, "0123456789");
        return part > 0 && text[part] == '\0';
    }
    return *text == '\0';
}

/* Go writes a whole number without a point, and so it reads back as an integer. */
static json_t *real(double value)
{
    static const double exact = 9007199254740992; /* 2^53 */
    if (value > -exact && value < exact && value == (double)(json_int_t)value)
        return json_integer((json_int_t)value);
    return json_real(value);
}

static void without_underscores(const char *text, char out[NUMBER_MAX + 1])
{
    for (; *text; text++) {
        if (*text != '_')
            *out++ = *text;
    }
    *out = '\0';
}

/* A new number; NULL without an error when the text is none. */
static json_t *number(const char *text, struct error *err)
{
    char plain[NUMBER_MAX + 1] = "";
    if (strlen(text) > NUMBER_MAX || !(is_digit(*text) || strchr("+-.", *text)))
        return NULL;
    if (*text == '.') {
        (void)text_copy(plain, sizeof plain, text);
    } else {
        without_underscores(text, plain);
        struct error problem = {0};
        json_t *value = integer(plain, &problem);
        if (value)
            return value;
        if (problem.code != ERROR_NONE) {
            (void)error_set(err, problem.code, "%s", problem.text);
            return NULL;
        }
    }
    if (!is_float(plain))
        return NULL;
    double value = strtod(plain, NULL);
    return isfinite(value) ? real(value) : NULL;
}

json_t *yaml_resolve(const char *text, struct error *err)
{
    const struct word *word = find_word(text);
    if (word)
        return word_value(word, err);
    struct error problem = {0};
    json_t *value = number(text, &problem);
    if (problem.code != ERROR_NONE) {
        (void)error_set(err, problem.code, "%s", problem.text);
        return NULL;
    }
    value = value ? value : json_string(text);
    if (!value)
        (void)error_set(err, ERROR_INVALID, "text is not UTF-8");
    return value;
}
