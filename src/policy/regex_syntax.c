/*
 * RE2's syntax, as Go's regexp/syntax reads it with its Perl flags
 * (https://github.com/google/re2/wiki/Syntax), written anew for PCRE2. Every character of the
 * output is one that this file chose: literals are escaped, groups do not capture, classes are
 * spelled out.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "policy/regex.h"

#define DEPTH_MAX  64   /* nested groups */
#define REPEAT_MAX 1000 /* RE2's limit, of one repetition and of nested ones multiplied */

/* What stands to the left, for a repetition. */
enum left { LEFT_NOTHING, LEFT_ATOM, LEFT_REPEAT };

struct group {
    unsigned int repeats; /* the largest product of repetitions inside */
};

struct scan {
    const char *start;
    const char *at;
    struct buf *out;
    const char *why;
    enum left left;
    unsigned int left_repeats; /* of the atom to the left */
    size_t depth;
    bool folds; /* (?i) was seen somewhere */
    struct group groups[DEPTH_MAX + 1];
};

static bool fail(struct scan *scan, const char *why)
{
    scan->why = scan->why ? scan->why : why;
    return false;
}

static bool emit(struct scan *scan, const char *text)
{
    return buf_append_text(scan->out, text, NULL) == 0 || fail(scan, "is too long");
}

/* One character as a literal, outside or inside a class. */
static bool emit_rune(struct scan *scan, uint32_t rune)
{
    char text[16];
    if (rune < 0x80 && isalnum((int)rune))
        (void)snprintf(text, sizeof text, "%c", (int)rune);
    else
        (void)snprintf(text, sizeof text, "\\x{%x}", rune);
    return emit(scan, text);
}

static void raise_repeats(struct scan *scan, unsigned int repeats)
{
    struct group *group = &scan->groups[scan->depth];
    if (repeats > group->repeats)
        group->repeats = repeats;
}

static bool atom_done(struct scan *scan, unsigned int repeats)
{
    scan->left = LEFT_ATOM;
    scan->left_repeats = repeats;
    raise_repeats(scan, repeats);
    return true;
}

/* The next character; the pattern is known to be UTF-8. */
static uint32_t take_rune(struct scan *scan)
{
    const uint8_t *p = (const uint8_t *)scan->at;
    int more = p[0] < 0x80 ? 0 : p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;
    uint32_t rune = more == 0 ? p[0] : p[0] & (0x3FU >> more);
    for (int i = 1; i <= more; i++)
        rune = rune << 6 | (p[i] & 0x3FU);
    scan->at += more + 1;
    return rune;
}

static bool take_octal(struct scan *scan, uint32_t *rune)
{
    /* \1 to \7 are octal only when another octal digit follows: else they are back-references. */
    if (scan->at[0] != '0' && (scan->at[1] < '0' || scan->at[1] > '7'))
        return fail(scan, "has a back-reference");
    *rune = 0;
    for (int i = 0; i < 3 && *scan->at >= '0' && *scan->at <= '7'; i++)
        *rune = *rune * 8 + (uint32_t)(*scan->at++ - '0');
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After `\x`. */
static bool take_hex(struct scan *scan, uint32_t *rune)
{
    bool braces = *scan->at == '{';
    int digits = 0;
    *rune = 0;
    for (scan->at += braces; digit_of(*scan->at) >= 0 && digits < (braces ? 8 : 2); digits++)
        *rune = *rune * 16 + (uint32_t)digit_of(*scan->at++);
    bool closed = !braces || *scan->at++ == '}';
    if (!closed || digits == 0 || (!braces && digits != 2) || *rune > 0x10FFFF ||
        (*rune >= 0xD800 && *rune <= 0xDFFF))
        return fail(scan, "has a bad \\x escape");
    return true;
}

/* A character by its escape; `at` is after the backslash. */
static bool take_escape(struct scan *scan, uint32_t *rune)
{
    static const char letters[] = "afnrtv";
    static const uint8_t values[] = {7, 12, 10, 13, 9, 11};
    unsigned char c = (unsigned char)*scan->at;
    if (c == '\0')
        return fail(scan, "ends in a backslash");
    if (c >= '0' && c <= '7')
        return take_octal(scan, rune);
    if (c == 'x') {
        scan->at++;
        return take_hex(scan, rune);
    }
    const char *letter = strchr(letters, c);
    if (c < 0x80 && !letter && isalnum(c))
        return fail(scan, "has an escape that RE2 has not");
    if (c >= 0x80)
        return fail(scan, "escapes a character that is not ASCII");
    *rune = letter ? values[letter - letters] : c;
    scan->at++;
    return true;
}

/* \d \s \w and their opposites, spelled out; `inside` a class or not. False without `why`: none. */
static const char *perl_class(char c, bool inside)
{
    static const struct {
        char letter;
        const char *outside, *inside;
    } classes[] = {
        {'d', "[0-9]", "0-9"},
        {'D', "[^0-9]", "\\x00-\\x2f\\x3a-\\x{10ffff}"},
        {'s', "[\\t\\n\\f\\r ]", "\\t\\n\\f\\r "},
        {'S', "[^\\t\\n\\f\\r ]", "\\x00-\\x08\\x0b\\x0e-\\x1f\\x21-\\x{10ffff}"},
        {'w', "[0-9A-Za-z_]", "0-9A-Za-z_"},
        {'W', "[^0-9A-Za-z_]", "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x{10ffff}"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (classes[i].letter == c)
            return inside ? classes[i].inside : classes[i].outside;
    }
    return NULL;
}

/* \pL, \p{Lu}, \P{Nd}: general categories only. Scripts differ between Unicode versions and
 * engines. */
static bool property(struct scan *scan)
{
    static const char *const known = " L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po "
                                     "Ps S Sc Sk Sm So Z Zl Zp Zs ";
    char sign = *scan->at++;
    bool braces = *scan->at == '{';
    scan->at += braces;
    size_t size = braces ? strcspn(scan->at, "}") : 1;
    char name[8] = " ";
    if (size < 1 || size > 2 || !isalpha((unsigned char)*scan->at) || scan->folds)
        return fail(scan, "has a Unicode class that is not carried over");
    memcpy(name + 1, scan->at, size);
    name[1 + size] = ' ';
    scan->at += size;
    if (!strstr(known, name) || (braces && *scan->at++ != '}'))
        return fail(scan, "has a Unicode class that is not carried over");
    char text[16];
    (void)snprintf(text, sizeof text, "\\%c{%.*s}", sign, (int)size, name + 1);
    return emit(scan, text);
}

/* [:alpha:] and [:^alpha:] inside a class. */
static bool posix_class(struct scan *scan, const char *end)
{
    static const char *const known = " alnum alpha ascii blank cntrl digit graph lower print punct "
                                     "space upper word xdigit ";
    char name[16] = " ";
    bool negated = scan->at[2] == '^';
    const char *start = scan->at + 2 + negated;
    size_t size = (size_t)(end - start);
    if (size < 1 || size > 6)
        return fail(scan, "has an unknown [:class:]");
    memcpy(name + 1, start, size);
    name[1 + size] = ' ';
    if (!strstr(known, name) || strchr(name + 1, ' ') != name + 1 + size)
        return fail(scan, "has an unknown [:class:]");
    if (scan->folds)
        return fail(scan, "has a [:class:] under (?i)");
    scan->at = end + 2;
    char text[24];
    (void)snprintf(text, sizeof text, "[:%s%.*s:]", negated ? "^" : "", (int)size, name + 1);
    return emit(scan, text);
}

/* One character of a class, escaped or not. */
static bool class_rune(struct scan *scan, uint32_t *rune)
{
    if (*scan->at == '\0')
        return fail(scan, "lacks a ]");
    if (*scan->at != '\\') {
        *rune = take_rune(scan);
        return true;
    }
    scan->at++;
    return take_escape(scan, rune);
}

static bool class_range(struct scan *scan)
{
    uint32_t low;
    uint32_t high;
    if (!class_rune(scan, &low))
        return false;
    high = low;
    if (scan->at[0] == '-' && scan->at[1] != '\0' && scan->at[1] != ']') {
        scan->at++;
        if (!class_rune(scan, &high))
            return false;
    }
    if (high < low)
        return fail(scan, "has a range that ends before it starts");
    if (!emit_rune(scan, low))
        return false;
    return high == low || (emit(scan, "-") && emit_rune(scan, high));
}

static bool class_item(struct scan *scan)
{
    const char *end = scan->at[0] == '[' && scan->at[1] == ':' ? strstr(scan->at + 2, ":]") : NULL;
    if (end)
        return posix_class(scan, end);
    if (scan->at[0] == '\\' && (scan->at[1] == 'p' || scan->at[1] == 'P')) {
        scan->at++;
        return property(scan);
    }
    const char *perl = scan->at[0] == '\\' ? perl_class(scan->at[1], true) : NULL;
    if (!perl)
        return class_range(scan);
    /* Folding the case of \W would let it match letters. */
    if (scan->folds && scan->at[1] == 'W')
        return fail(scan, "has \\W in a class under (?i)");
    scan->at += 2;
    return emit(scan, perl);
}

static bool class(struct scan *scan)
{
    scan->at++;
    bool negated = *scan->at == '^';
    scan->at += negated;
    if (!emit(scan, negated ? "[^" : "["))
        return false;
    for (bool first = true; first || *scan->at != ']'; first = false) {
        if (*scan->at == '\0')
            return fail(scan, "lacks a ]");
        if (!class_item(scan))
            return false;
    }
    scan->at++;
    return emit(scan, "]") && atom_done(scan, 1);
}

/* (?P<name> and (?<name>: the name is dropped; the same name twice is refused, as RE2 does. */
static bool group_name(struct scan *scan)
{
    char quoted[40];
    const char *name = strchr(scan->at, '<');
    size_t size = strspn(name + 1,
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (size == 0 || size + 3 > sizeof quoted || name[1 + size] != '>')
        return fail(scan, "has a bad group name");
    memcpy(quoted, name, size + 2);
    quoted[size + 2] = '\0';
    if (strstr(scan->start, quoted) != name || strstr(name + 1, quoted))
        return fail(scan, "names two groups alike");
    scan->at = name + size + 2;
    return emit(scan, "(?:");
}

/* (?i), (?i-s:, …; `at` is after "(?". Returns in *opens whether a group follows. */
static bool group_flags(struct scan *scan, bool *opens)
{
    bool minus = false;
    bool any = false;
    if (!emit(scan, "(?"))
        return false;
    for (; *scan->at != ')' && *scan->at != ':'; scan->at++) {
        char c[2] = {*scan->at, '\0'};
        if (c[0] == '\0' || !strchr("imsU-", c[0]) || (c[0] == '-' && minus))
            return fail(scan, "has a group of a kind that RE2 has not");
        minus = minus || c[0] == '-';
        any = c[0] != '-';
        if (!emit(scan, c))
            return false;
    }
    *opens = *scan->at == ':';
    if (!any && (minus || !*opens))
        return fail(scan, "has empty flags");
    scan->at++;
    return emit(scan, *opens ? ":" : ")");
}

static bool open_group(struct scan *scan)
{
    bool opens = true;
    bool good;
    scan->at++;
    if (strncmp(scan->at, "?P<", 3) == 0 || (scan->at[0] == '?' && scan->at[1] == '<')) {
        if (scan->at[1] == '<' && (scan->at[2] == '=' || scan->at[2] == '!'))
            return fail(scan, "looks behind");
        good = group_name(scan);
    } else if (scan->at[0] == '?') {
        scan->at++;
        good = group_flags(scan, &opens);
    } else {
        good = emit(scan, "(?:");
    }
    scan->left = LEFT_NOTHING;
    if (!good || !opens)
        return good;
    if (scan->depth == DEPTH_MAX)
        return fail(scan, "nests groups too deep");
    scan->groups[++scan->depth].repeats = 1;
    return true;
}

static bool close_group(struct scan *scan)
{
    if (scan->depth == 0)
        return fail(scan, "has a ) too many");
    scan->at++;
    unsigned int repeats = scan->groups[scan->depth--].repeats;
    return emit(scan, ")") && atom_done(scan, repeats);
}

static bool take_number(const char **at, unsigned int *out)
{
    const char *start = *at;
    unsigned int value = 0;
    while (**at >= '0' && **at <= '9' && *at - start < 6)
        value = value * 10 + (unsigned int)(*(*at)++ - '0');
    *out = value;
    return *at > start && (start[0] != '0' || *at == start + 1);
}

/* {n}, {n,}, {n,m}. False where RE2 takes the brace literally. */
static bool parse_braces(const char **at, unsigned int *low, unsigned int *high, bool *open)
{
    const char *p = *at + 1;
    if (!take_number(&p, low))
        return false;
    *high = *low;
    *open = false;
    if (*p == ',') {
        p++;
        *open = *p == '}';
        if (!*open && !take_number(&p, high))
            return false;
    }
    if (*p != '}')
        return false;
    *at = p + 1;
    return true;
}

static bool repeated(struct scan *scan, unsigned int times)
{
    if (scan->left != LEFT_ATOM)
        return fail(scan, scan->left == LEFT_REPEAT ? "repeats a repetition" : "repeats nothing");
    unsigned int product = scan->left_repeats * (times ? times : 1);
    if (times > REPEAT_MAX || product > REPEAT_MAX)
        return fail(scan, "repeats too often");
    raise_repeats(scan, product);
    scan->left = LEFT_REPEAT;
    if (*scan->at != '?')
        return true;
    scan->at++;
    return emit(scan, "?");
}

static bool braces(struct scan *scan)
{
    unsigned int low;
    unsigned int high;
    bool open;
    char text[32];
    if (!parse_braces(&scan->at, &low, &high, &open)) {
        scan->at++;
        return emit_rune(scan, '{') && atom_done(scan, 1);
    }
    if (low > REPEAT_MAX || high > REPEAT_MAX || (!open && low > high))
        return fail(scan, "repeats too often");
    if (open)
        (void)snprintf(text, sizeof text, "{%u,}", low);
    else
        (void)snprintf(text, sizeof text, "{%u,%u}", low, high);
    return emit(scan, text) && repeated(scan, high);
}

/* \Q…\E. Without \E the reference's added $ would become part of the text. */
static bool quoted(struct scan *scan)
{
    const char *end = strstr(scan->at, "\\E");
    if (!end || end == scan->at + 1)
        return fail(scan, "has a \\Q without its \\E");
    scan->at++;
    while (scan->at < end) {
        if (!emit_rune(scan, take_rune(scan)))
            return false;
    }
    scan->at = end + 2;
    return atom_done(scan, 1);
}

static bool escape(struct scan *scan)
{
    uint32_t rune = 0;
    char c = *++scan->at;
    const char *perl = perl_class(c, false);
    if (perl) {
        scan->at++;
        return emit(scan, perl) && atom_done(scan, 1);
    }
    if (c == 'p' || c == 'P')
        return property(scan) && atom_done(scan, 1);
    if (c == 'Q')
        return quoted(scan);
    if (c != '\0' && strchr("bBAz", c)) {
        char text[3] = {'\\', c, '\0'};
        scan->at++;
        scan->left = LEFT_NOTHING;
        return emit(scan, text);
    }
    return take_escape(scan, &rune) && emit_rune(scan, rune) && atom_done(scan, 1);
}

static bool special(struct scan *scan)
{
    char text[2] = {*scan->at, '\0'};
    switch (*scan->at) {
    case '(':
        return open_group(scan);
    case ')':
        return close_group(scan);
    case '[':
        return class(scan);
    case '{':
        return braces(scan);
    case '\\':
        return escape(scan);
    case '*':
    case '+':
    case '?':
        scan->at++;
        return emit(scan, text) && repeated(scan, 1);
    case '.':
        scan->at++;
        return emit(scan, text) && atom_done(scan, 1);
    default: /* | ^ $ */
        scan->at++;
        scan->left = LEFT_NOTHING;
        return emit(scan, text);
    }
}

bool regex_translate(const char *pattern, struct buf *out, const char **why)
{
    struct scan scan = {.start = pattern, .at = pattern, .out = out, .groups = {{1}}};
    bool good = true;
    if (strlen(pattern) > REGEX_PATTERN_MAX)
        good = fail(&scan, "is too long");
    else if (!text_is_utf8(span_of_text(pattern)))
        good = fail(&scan, "is not UTF-8");
    scan.folds = strstr(pattern, "(?") && strchr(strstr(pattern, "(?"), 'i');
    while (good && *scan.at) {
        if (strchr("()[{\\*+?.|^$", *scan.at))
            good = special(&scan);
        else
            good = emit_rune(&scan, take_rune(&scan)) && atom_done(&scan, 1);
    }
    if (good && scan.depth > 0)
        good = fail(&scan, "lacks a )");
    *why = scan.why;
    return good;
}
