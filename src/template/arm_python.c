/* Python's str() of JSON values: what az confcom puts in the place of a reference. */
#include <stdio.h>
#include <stdlib.h>

#include "template/arm_parts.h"

static int append_quoted(const char *text, struct buf *out, struct error *err)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    if (buf_append_byte(out, (uint8_t)quote, err) < 0)
        return -1;
    for (; *text; text++) {
        static const char escaped[] = "\\\n\r\t";
        static const char letters[] = "\\nrt";
        const char *escape = strchr(escaped, *text);
        int status = 0;
        if (escape)
            status = buf_printf(out, err, "\\%c", letters[escape - escaped]);
        else if (*text == quote)
            status = buf_printf(out, err, "\\%c", quote);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            status = buf_printf(out, err, "\\x%02x", (unsigned int)*text);
        else
            status = buf_append_byte(out, (uint8_t)*text, err);
        if (status < 0)
            return -1;
    }
    return buf_append_byte(out, (uint8_t)quote, err);
}

/* The shortest digits that read back as the same number. */
static int append_real(double value, struct buf *out, struct error *err)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return buf_printf(out, err, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static int append_repr(const json_t *value, struct buf *out, struct error *err);

static int append_array(const json_t *array, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (buf_append_text(out, i ? ", " : "[", err) < 0 ||
            append_repr(json_array_get(array, i), out, err) < 0)
            return -1;
    }
    return buf_append_text(out, json_array_size(array) ? "]" : "[]", err);
}

static int append_object(const json_t *object, struct buf *out, struct error *err)
{
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterators leave it alone */
    const char *comma = "{";
    const char *key;
    json_t *value;
    json_object_foreach (members, key, value) {
        if (buf_append_text(out, comma, err) < 0 || append_quoted(key, out, err) < 0 ||
            buf_append_text(out, ": ", err) < 0 || append_repr(value, out, err) < 0)
            return -1;
        comma = ", ";
    }
    return buf_append_text(out, json_object_size(object) ? "}" : "{}", err);
}

static int append_repr(const json_t *value, struct buf *out, struct error *err)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return append_quoted(json_string_value(value), out, err);
    case JSON_ARRAY:
        return append_array(value, out, err);
    case JSON_OBJECT:
        return append_object(value, out, err);
    case JSON_INTEGER:
        return buf_printf(out, err, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return append_real(json_real_value(value), out, err);
    case JSON_TRUE:
        return buf_append_text(out, "True", err);
    case JSON_FALSE:
        return buf_append_text(out, "False", err);
    case JSON_NULL:
        break;
    }
    return buf_append_text(out, "None", err);
}

int arm_python_text(const json_t *value, struct buf *out, struct error *err)
{
    if (json_is_string(value))
        return buf_append_text(out, json_string_value(value), err);
    return append_repr(value, out, err);
}
