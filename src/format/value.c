#include "format/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json_string.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

int value_refuse(const struct value_reader *reader, struct error *err, const char *what)
{
    size_t size = strcspn(reader->at, "\r\n");
    return error_set(err, ERROR_INVALID, "line %u: %s: \"%.*s\"", reader->line, what,
                     (int)(size < 48 ? size : 48), reader->at);
}

static int refuse_size(const struct value_reader *reader, struct error *err)
{
    return error_set(err, ERROR_LIMIT, "line %u: the text takes too much memory", reader->line);
}

void value_skip_space(struct value_reader *reader)
{
    for (;; reader->at++) {
        if (*reader->at == '#' && reader->rego)
            reader->at += strcspn(reader->at, "\n");
        if (*reader->at == '\n')
            reader->line++;
        else if (*reader->at != ' ' && *reader->at != '\t' && *reader->at != '\r')
            return;
    }
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Four hex digits of a \u; false for others, or too few. */
static bool take_unit(char **at, uint32_t *unit)
{
    uint8_t bytes[2];
    if (strnlen(*at, 4) < 4 || !hex_decode(span_of(*at, 4), bytes, sizeof bytes))
        return false;
    *unit = (uint32_t)bytes[0] << 8 | bytes[1];
    *at += 4;
    return true;
}

/* The character of a \u, of which the `u` has been taken, in UTF-8. Halves of a pair belong
 * together (RFC 8259 section 7). */
static bool take_character(char **at, char **to)
{
    uint32_t point, low;
    if (!take_unit(at, &point) || point == 0 || (point >= 0xDC00 && point <= 0xDFFF))
        return false;
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (*(*at)++ != '\\' || *(*at)++ != 'u' || !take_unit(at, &low) || low < 0xDC00 ||
            low > 0xDFFF)
            return false;
        point = 0x10000 + ((point & 0x3FF) << 10) + (low & 0x3FF);
    }
    int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    *(*to)++ = (char)(leads[more] | point >> 6 * more);
    while (more-- > 0)
        *(*to)++ = (char)(0x80 | (point >> 6 * more & 0x3F));
    return true;
}

/* What follows a backslash. It is never shorter than what it stands for. */
static bool take_escape(char **at, char **to)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = *(*at)++;
    if (letter == 'u')
        return take_character(at, to);
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (found)
        *(*to)++ = meanings[found - letters];
    return found;
}

/* Ends the text where its closing quote stood, or before. */
static int take_text(struct value_reader *reader, const char **out, struct error *err)
{
    char *at = reader->at + 1;
    char *to = at;
    *out = at;
    while (*at != '"') {
        if ((unsigned char)*at < ' ')
            return value_refuse(reader, err, "a string that does not end on its line");
        if (*at != '\\')
            *to++ = *at++;
        else if (at++, !take_escape(&at, &to))
            return value_refuse(reader, err, "a string with an escape that JSON has not");
    }
    *to = '\0';
    reader->at = at + 1;
    return 0;
}

/* `raw`: no escapes; anything but a backtick may be in it. */
static int take_raw_text(struct value_reader *reader, const char **out, struct error *err)
{
    char *end = strchr(reader->at + 1, '`');
    if (!end)
        return value_refuse(reader, err, "a raw string does not end");
    *out = reader->at + 1;
    *end = '\0';
    for (const char *at = *out; at < end; at++)
        reader->line += *at == '\n';
    reader->at = end + 1;
    return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

/* RFC 8259 section 6, without fractions and exponents. */
static int take_number(struct value_reader *reader, struct value *out, struct error *err)
{
    const char *digits = reader->at + (*reader->at == '-');
    size_t size = strspn(digits, DIGITS);
    if (size == 0 || (*digits == '0' && size > 1))
        return value_refuse(reader, err, "not a number as JSON has them");
    if (digits[size] && strchr(".eE", digits[size]))
        return value_refuse(reader, err, "a number that is no integer");
    char *end;
    errno = 0;
    out->kind = VALUE_INTEGER;
    out->number = strtoll(reader->at, &end, 10);
    if (errno == ERANGE)
        return value_refuse(reader, err, "an integer of more than 64 bits");
    reader->at = end;
    return 0;
}

static int take_word(struct value_reader *reader, struct value *out, struct error *err)
{
    static const char *const words[] = {
        [VALUE_NULL] = "null", [VALUE_FALSE] = "false", [VALUE_TRUE] = "true"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!text_starts_with(reader->at, words[i]))
            continue;
        out->kind = (enum value_kind)i;
        reader->at += strlen(words[i]);
        return 0;
    }
    return value_refuse(
        reader, err,
        *reader->at ? "a JSON value was expected, not an expression" : "a value does not end");
}

static int take_key(struct value_reader *reader, const struct value *object, struct value *member,
                    struct error *err)
{
    if (*reader->at != '"')
        return value_refuse(reader, err, "a key in quotes was expected");
    if (take_text(reader, &member->key, err) < 0)
        return -1;
    if (object->count == VALUE_MEMBERS_MAX)
        return error_set(err, ERROR_LIMIT, "line %u: an object of more than %d members",
                         reader->line, VALUE_MEMBERS_MAX);
    if (value_member(object, member->key))
        return error_set(err, ERROR_INVALID, "line %u: duplicate key \"%.64s\"", reader->line,
                         member->key);
    value_skip_space(reader);
    if (*reader->at != ':')
        return value_refuse(reader, err, "a colon was expected");
    reader->at++;
    value_skip_space(reader);
    return 0;
}

/* To the next element, or the bracket at the end. */
static int take_comma(struct value_reader *reader, char end, struct error *err)
{
    value_skip_space(reader);
    if (*reader->at == end)
        return 0;
    if (*reader->at == '\0')
        return value_refuse(reader, err, "a value does not end");
    if (*reader->at != ',')
        return value_refuse(reader, err, "a comma or the closing bracket was expected");
    reader->at++;
    value_skip_space(reader);
    return *reader->at == end && !reader->rego
               ? value_refuse(reader, err, "a value was expected after the comma")
               : 0;
}

/* An array or an object: its elements are a chain in the order of the text. */
static int take_elements(struct value_reader *reader, struct value *out, struct error *err)
{
    const char end = *reader->at == '[' ? ']' : '}';
    const struct value **next = &out->first;
    out->kind = end == ']' ? VALUE_ARRAY : VALUE_OBJECT;
    if (reader->depth == 0)
        return error_set(err, ERROR_LIMIT, "line %u: nested too deep", reader->line);
    reader->depth--;
    reader->at++;
    value_skip_space(reader);
    while (*reader->at != end) {
        struct value *each = arena_take(reader->arena, 1, sizeof *each);
        if (!each)
            return refuse_size(reader, err);
        if ((out->kind == VALUE_OBJECT && take_key(reader, out, each, err) < 0) ||
            value_read(reader, each, err) < 0 || take_comma(reader, end, err) < 0)
            return -1;
        *next = each;
        next = &each->next;
        out->count++;
    }
    reader->depth++;
    reader->at++;
    return 0;
}

#define PARAMETER "parameter(\""

static int take_hole(struct value_reader *reader, struct value *out, struct error *err)
{
    struct value_hole *hole = arena_take(reader->arena, 1, sizeof *hole);
    if (!hole)
        return refuse_size(reader, err);
    *hole = (struct value_hole){.next = *reader->holes, .place = out, .line = reader->line};
    *reader->holes = hole;
    out->kind = VALUE_NULL;
    reader->at += strlen(PARAMETER) - 1;
    if (take_text(reader, &hole->name, err) < 0)
        return -1;
    if (*reader->at++ != ')')
        return value_refuse(reader, err, "only parameter(\"NAME\") is read, before");
    if (*reader->at != '.')
        return 0;
    size_t size = strspn(++reader->at, LETTERS DIGITS);
    hole->member = arena_copy(reader->arena, span_of(reader->at, size));
    reader->at += size;
    return hole->member ? 0 : refuse_size(reader, err);
}

int value_read(struct value_reader *reader, struct value *out, struct error *err)
{
    char first = *reader->at;
    if (first == '[' || first == '{')
        return take_elements(reader, out, err);
    if (first == '-' || (first >= '0' && first <= '9'))
        return take_number(reader, out, err);
    out->kind = VALUE_TEXT;
    if (first == '"')
        return take_text(reader, &out->text, err);
    if (first == '`' && reader->rego)
        return take_raw_text(reader, &out->text, err);
    if (reader->holes && text_starts_with(reader->at, PARAMETER))
        return take_hole(reader, out, err);
    return take_word(reader, out, err);
}

int value_read_object(struct span text, unsigned int depth, struct arena *arena, struct value *out,
                      struct error *err)
{
    struct value_reader reader = {.line = 1, .depth = depth, .arena = arena};
    *out = (struct value){0};
    if (!text_is_utf8(text) || (text.size > 0 && memchr(text.data, 0, text.size)))
        return error_set(err, ERROR_INVALID, "not UTF-8 without zero bytes");
    reader.at = arena_copy(arena, text);
    if (!reader.at)
        return refuse_size(&reader, err);
    value_skip_space(&reader);
    if (value_read(&reader, out, err) < 0)
        return -1;
    value_skip_space(&reader);
    if (*reader.at)
        return value_refuse(&reader, err, "more than one value");
    return out->kind == VALUE_OBJECT
               ? 0
               : error_set(err, ERROR_INVALID, "expected an object, found %s", value_kind(out));
}

/* --- what was read ---------------------------------------------------------------------------- */

const char *value_kind(const struct value *value)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null",          [VALUE_FALSE] = "false",   [VALUE_TRUE] = "true",
        [VALUE_INTEGER] = "an integer", [VALUE_TEXT] = "a string", [VALUE_ARRAY] = "an array",
        [VALUE_OBJECT] = "an object",
    };
    return value ? names[value->kind] : "nothing";
}

const struct value *value_member(const struct value *object, const char *key)
{
    const struct value *member = object->kind == VALUE_OBJECT ? object->first : NULL;
    while (member && (*member->key != *key || strcmp(member->key, key) != 0))
        member = member->next;
    return member;
}

static int append_elements(const struct value *value, struct buf *out, struct error *err)
{
    bool array = value->kind == VALUE_ARRAY;
    if (buf_append_byte(out, array ? '[' : '{', err) < 0)
        return -1;
    for (const struct value *each = value->first; each; each = each->next) {
        if (each->key && (json_append_string(out, span_of_text(each->key), err) < 0 ||
                          buf_append_byte(out, ':', err) < 0))
            return -1;
        if (value_append(each, out, err) < 0 || (each->next && buf_append_byte(out, ',', err) < 0))
            return -1;
    }
    return buf_append_byte(out, array ? ']' : '}', err);
}

int value_append(const struct value *value, struct buf *out, struct error *err)
{
    switch (value->kind) {
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        return append_elements(value, out, err);
    case VALUE_TEXT:
        return json_append_string(out, span_of_text(value->text), err);
    case VALUE_INTEGER:
        return buf_printf(out, err, "%" PRId64, value->number);
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE:
        break;
    }
    return buf_append_text(out, value_kind(value), err);
}
