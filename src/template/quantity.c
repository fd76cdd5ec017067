#include "template/quantity.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

/* numerator / denominator of one unit, by suffix. */
static const struct suffix {
    const char *text;
    uint64_t times;
    uint64_t over;
} suffixes[] = {
    {"", 1, 1},
    {"n", 1, 1000000000},
    {"u", 1, 1000000},
    {"m", 1, 1000},
    {"k", 1000, 1},
    {"M", 1000000, 1},
    {"G", 1000000000, 1},
    {"T", UINT64_C(1000000000000), 1},
    {"P", UINT64_C(1000000000000000), 1},
    {"E", UINT64_C(1000000000000000000), 1},
    {"Ki", UINT64_C(1) << 10, 1},
    {"Mi", UINT64_C(1) << 20, 1},
    {"Gi", UINT64_C(1) << 30, 1},
    {"Ti", UINT64_C(1) << 40, 1},
    {"Pi", UINT64_C(1) << 50, 1},
    {"Ei", UINT64_C(1) << 60, 1},
};

static const struct suffix *find_suffix(const char *text)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcmp(suffixes[i].text, text) == 0)
            return &suffixes[i];
    }
    return NULL;
}

/* A decimal as digits and a power of ten below it: 1.25 is 125 over 100. */
struct decimal {
    uint64_t digits;
    uint64_t over;
};

/* Takes digits and point off the front; false for none, or for more than 18 digits. */
static bool take_decimal(const char **text, struct decimal *out)
{
    size_t count = 0;
    bool point = false;
    *out = (struct decimal){0, 1};
    for (;; (*text)++) {
        char c = **text;
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return count > 0 && count <= 18;
        if (++count > 18)
            return false;
        out->digits = out->digits * 10 + (uint64_t)(c - '0');
        out->over *= point ? 10 : 1;
    }
}

/* "e3", "E-2": with a digit after it, or else E is a suffix. */
static bool take_exponent(const char *text, struct suffix *out)
{
    uint64_t power;
    if (*text != 'e' && *text != 'E')
        return false;
    bool negative = text[1] == '-';
    text += 1 + (negative || text[1] == '+');
    if (!text_to_u64(text, 18, &power))
        return false;
    *out = (struct suffix){"", 1, 1};
    for (uint64_t i = 0; i < power; i++)
        *(negative ? &out->over : &out->times) *= 10;
    return true;
}

static int parse(const char *text, uint64_t scale, uint64_t *out, struct error *err)
{
    const char *at = text + (*text == '+');
    struct decimal decimal;
    struct suffix exponent;
    bool is_decimal = take_decimal(&at, &decimal);
    const struct suffix *suffix = take_exponent(at, &exponent) ? &exponent : find_suffix(at);
    if (!is_decimal || !suffix)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is no quantity, like 250m, 1.5 or 128Mi",
                         text);
    unsigned __int128 value, over = (unsigned __int128)decimal.over * suffix->over;
    if (__builtin_mul_overflow((unsigned __int128)decimal.digits * suffix->times, scale, &value) ||
        __builtin_add_overflow(value, over - 1, &value) || value / over > INT64_MAX)
        return error_set(err, ERROR_LIMIT, "\"%.64s\" is too large a quantity", text);
    *out = (uint64_t)(value / over);
    return 0;
}

int quantity_parse(const char *text, uint64_t *thousandths, struct error *err)
{
    return parse(text, 1000, thousandths, err);
}

int quantity_parse_units(const char *text, uint64_t *units, struct error *err)
{
    return parse(text, 1, units, err);
}
