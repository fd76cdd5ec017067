/* The functions of JMESPath that look at text. */
#include "rules/jmespath_functions.h"

#include <strings.h>

#include "base/buf.h"

#define RESULT_MAX ((size_t)16 << 20) /* bytes of text that a function makes */

static struct span text_of(const json_t *value)
{
    return span_of(json_string_value(value), json_string_length(value));
}

json_t *jmespath_contains(struct jmespath_search *search, const struct jmespath_argument *arguments,
                          size_t count)
{
    const json_t *whole = arguments[0].value;
    const json_t *part = arguments[1].value;
    (void)count;
    if (json_is_string(whole))
        return json_boolean(json_is_string(part) &&
                            memmem(json_string_value(whole), json_string_length(whole),
                                   json_string_value(part), json_string_length(part)));
    for (size_t i = 0; i < json_array_size(whole); i++) {
        int equal = jmespath_equal(search, json_array_get(whole, i), part);
        if (equal != 0)
            return equal < 0 ? NULL : json_true();
    }
    return json_false();
}

json_t *jmespath_starts_with(struct jmespath_search *search,
                             const struct jmespath_argument *arguments, size_t count)
{
    struct span whole = text_of(arguments[0].value);
    struct span part = text_of(arguments[1].value);
    (void)search;
    (void)count;
    return json_boolean(part.size <= whole.size && memcmp(whole.data, part.data, part.size) == 0);
}

json_t *jmespath_ends_with(struct jmespath_search *search,
                           const struct jmespath_argument *arguments, size_t count)
{
    struct span whole = text_of(arguments[0].value);
    struct span part = text_of(arguments[1].value);
    (void)search;
    (void)count;
    return json_boolean(part.size <= whole.size &&
                        memcmp(whole.data + whole.size - part.size, part.data, part.size) == 0);
}

/* Of ASCII's letters; false unless both are text, so that a member that is not there equals none.
 */
json_t *jmespath_equals_ignore_case(struct jmespath_search *search,
                                    const struct jmespath_argument *arguments, size_t count)
{
    const json_t *a = arguments[0].value;
    const json_t *b = arguments[1].value;
    (void)search;
    (void)count;
    return json_boolean(
        json_is_string(a) && json_is_string(b) && json_string_length(a) == json_string_length(b) &&
        strncasecmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0);
}

static bool begins_character(uint8_t byte)
{
    return (byte & 0xC0) != 0x80;
}

json_t *jmespath_length(struct jmespath_search *search, const struct jmespath_argument *arguments,
                        size_t count)
{
    const json_t *value = arguments[0].value;
    size_t length = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    (void)count;
    for (size_t i = 0; i < json_string_length(value); i++)
        length += begins_character((uint8_t)json_string_value(value)[i]);
    return jmespath_made(search, json_integer((json_int_t)length));
}

static json_t *reverse_text(struct jmespath_search *search, struct span text)
{
    BUF_AUTO out = BUF_WITH_LIMIT(RESULT_MAX);
    size_t end = text.size;
    for (size_t at = text.size; at-- > 0;) {
        if (!begins_character(text.data[at]))
            continue;
        if (buf_append(&out, span_of(text.data + at, end - at), search->err) < 0)
            return NULL;
        end = at;
    }
    return jmespath_made(search, json_stringn(buf_text(&out), out.size));
}

json_t *jmespath_reverse(struct jmespath_search *search, const struct jmespath_argument *arguments,
                         size_t count)
{
    const json_t *value = arguments[0].value;
    (void)count;
    if (json_is_string(value))
        return reverse_text(search, text_of(value));
    json_t *out = json_array();
    for (size_t i = json_array_size(value); out && i-- > 0;) {
        if (json_array_append(out, json_array_get(value, i)) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return jmespath_made(search, out);
}

json_t *jmespath_join(struct jmespath_search *search, const struct jmespath_argument *arguments,
                      size_t count)
{
    BUF_AUTO out = BUF_WITH_LIMIT(RESULT_MAX);
    const json_t *list = arguments[1].value;
    (void)count;
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t before = out.size;
        if ((i > 0 && buf_append(&out, text_of(arguments[0].value), search->err) < 0) ||
            buf_append(&out, text_of(json_array_get(list, i)), search->err) < 0 ||
            !jmespath_spend(search, 1 + (out.size - before) / JMESPATH_TEXT_STEP))
            return NULL;
    }
    return jmespath_made(search, json_stringn(buf_text(&out), out.size));
}

json_t *jmespath_to_string(struct jmespath_search *search,
                           const struct jmespath_argument *arguments, size_t count)
{
    BUF_AUTO out = BUF_WITH_LIMIT(RESULT_MAX);
    (void)count;
    if (json_is_string(arguments[0].value))
        return json_incref(arguments[0].value);
    if (!jmespath_spend_on(search, arguments[0].value) ||
        json_append(arguments[0].value, &out, search->err) < 0)
        return NULL;
    return jmespath_made(search, json_stringn(buf_text(&out), out.size));
}

/* Text that is a number as JSON writes one; null for all else. */
json_t *jmespath_to_number(struct jmespath_search *search,
                           const struct jmespath_argument *arguments, size_t count)
{
    const json_t *value = arguments[0].value;
    struct span text = text_of(value);
    (void)search;
    (void)count;
    if (json_is_number(value))
        return json_incref(arguments[0].value);
    if (!json_is_string(value) || text.size == 0 || !strchr("-0123456789", text.data[0]))
        return json_null();
    json_t *number = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, NULL);
    if (json_is_number(number))
        return number;
    json_decref(number);
    return json_null();
}
