/* References as az confcom replaces them: the pieces [parameters('x')] and [variables('x')], with
 * blanks inside the parentheses, wherever they stand in a text. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "template/arm_parts.h"

#define TEXT_MAX ((size_t)1 << 20) /* bytes of a text whose references are replaced */

json_t *arm_member(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    const char *name;
    json_t *other;
    if (value)
        return value;
    json_object_foreach (object, name, other) {
        if (strcasecmp(name, key) == 0)
            return other;
    }
    return NULL;
}

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* A piece that begins at its bracket. `blanks`: one may stand after the bracket. Gives the end, or
 * NULL; and the name. */
static const char *match_piece(const char *at, bool blanks, struct span *name)
{
    static const char *const words[] = {"parameters", "variables"};
    const char *word = blanks ? skip_blanks(at + 1) : at + 1;
    for (size_t i = 0; *at == '[' && i < 2; i++) {
        size_t len = strlen(words[i]);
        if (strncmp(word, words[i], len) != 0 || word[len] != '(')
            continue;
        const char *start = skip_blanks(word + len + 1);
        if (*start != '\'')
            return NULL;
        for (const char *end = ++start; *end && *end != '.' && *end != '/'; end++) {
            const char *close = skip_blanks(end + 1);
            if (*end == '\'' && end > start && close[0] == ')' && close[1] == ']') {
                *name = span_of(start, (size_t)(end - start));
                return close + 2;
            }
        }
    }
    return NULL;
}

/* The first piece of a text: its bracket, its end and its name. */
static bool find_piece(const char *text, bool blanks, const char **start, const char **end,
                       struct span *name)
{
    for (const char *at = strchr(text, '['); at; at = strchr(at + 1, '[')) {
        *end = match_piece(at, blanks, name);
        if (*end) {
            *start = at;
            return true;
        }
    }
    return false;
}

/* A value from the file counts only where Python holds it for true; one that does not leaves the
 * parameter without any. */
static json_t *given_value(json_t *entry)
{
    json_t *value = arm_member(entry, "value");
    bool empty = !value || json_is_null(value) || json_is_false(value) ||
                 (json_is_string(value) && json_string_length(value) == 0) ||
                 (json_is_integer(value) && json_integer_value(value) == 0) ||
                 (json_is_real(value) && json_real_value(value) == 0) ||
                 (json_is_array(value) && json_array_size(value) == 0) ||
                 (json_is_object(value) && json_object_size(value) == 0);
    return empty ? arm_member(entry, "secureValue") : value;
}

/* The value of a reference; *out is NULL where there is none. A text with the word "parameters"
 * anywhere in it refers to a parameter. */
static int look_up(const struct arm *arm, const char *text, const char *name, json_t **out,
                   struct error *err)
{
    if (!strstr(text, "parameters")) {
        *out = arm_member(arm->variables, name);
    } else {
        json_t *declared = arm_member(arm->parameters, name);
        json_t *given = arm_member(arm->given, name);
        if (!declared)
            return error_set(err, ERROR_INVALID, "parameter \"%.64s\" is not in the template",
                             name);
        *out = given                           ? given_value(given)
               : arm_member(declared, "value") ? arm_member(declared, "value")
                                               : arm_member(declared, "defaultValue");
    }
    if (json_is_null(*out))
        *out = NULL;
    return 0;
}

static int find_value(const struct arm *arm, const char *text, bool *refers, json_t **out,
                      struct error *err)
{
    const char *start, *end;
    struct span name;
    *out = NULL;
    *refers = find_piece(text, false, &start, &end, &name);
    if (!*refers)
        return 0;
    char *key = text_dup_span(name);
    int status = key ? look_up(arm, text, key, out, err) : error_memory(err);
    free(key);
    return status;
}

int arm_exact_is_open(const struct arm *arm, const char *text, bool *out, struct error *err)
{
    json_t *value;
    bool refers;
    if (find_value(arm, text, &refers, &value, err) < 0)
        return -1;
    *out = refers && !value;
    return 0;
}

/* All places of the piece get the same value. */
static int replace_piece(const char *text, struct span piece, struct span value, struct buf *out,
                         struct error *err)
{
    const char *at = text;
    while (*at) {
        size_t left = strlen(at);
        bool here = left >= piece.size && memcmp(at, piece.data, piece.size) == 0;
        struct span next = here ? value : span_of(at, 1);
        if (buf_append(out, next, err) < 0)
            return error_context(err, "a text with parameters");
        at += here ? piece.size : 1;
    }
    return 0;
}

const char *arm_exact_text(void *context, const char *text, struct error *err)
{
    const struct arm *arm = context;
    BUF_AUTO value_text = BUF_WITH_LIMIT(TEXT_MAX);
    BUF_AUTO out = BUF_WITH_LIMIT(TEXT_MAX);
    const char *start, *end;
    struct span name;
    json_t *value;
    bool refers;
    if (find_value(arm, text, &refers, &value, err) < 0)
        return NULL;
    if (!find_piece(text, true, &start, &end, &name))
        return text;
    while (start > text && isspace((unsigned char)start[-1]))
        start--;
    if (value && arm_python_text(value, &value_text, err) < 0)
        return NULL;
    if (replace_piece(text, span_of(start, (size_t)(end - start)),
                      value ? buf_span(&value_text) : span_of_text(text), &out, err) < 0)
        return NULL;
    return template_format(arm->reader.groups, err, "%s", buf_text(&out));
}

int arm_check_given(const struct arm *arm, struct error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach (arm->given, name, value) {
        if (!arm_member(arm->parameters, name))
            return error_set(err, ERROR_INVALID,
                             "the parameter file gives \"%.64s\", which the template does not "
                             "declare",
                             name);
        if (!json_is_object(value))
            return error_set(err, ERROR_INVALID,
                             "parameter \"%.64s\" of the file: expected an object with a value, "
                             "found %s",
                             name, json_kind(value));
    }
    return 0;
}
