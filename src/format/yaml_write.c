#include "format/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct writer {
    yaml_emitter_t emitter;
    struct buf *out;
    struct error *err; /* of `out` */
};

static int take(void *context, unsigned char *bytes, size_t size)
{
    struct writer *writer = context;
    return buf_append(writer->out, span_of(bytes, size), writer->err) == 0;
}

/* Emits an event that an initialiser made, or not. */
static bool emit(struct writer *writer, yaml_event_t *event, int made)
{
    return made && yaml_emitter_emit(&writer->emitter, event);
}

/* A word that starts with a letter or a slash, has no sign with a meaning in YAML, and is no
 * boolean, null or number by any rule. */
static bool is_plain(const char *text)
{
    static const char signs[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
    size_t size = strspn(text, signs);
    if (text[size] || size < 2 || size > 128 || strchr("0123456789-_.", *text))
        return false;
    json_auto_t *value = yaml_resolve(text, NULL);
    return json_is_string(value);
}

static bool put_text(struct writer *writer, const char *text, size_t size)
{
    yaml_event_t event;
    bool plain = strlen(text) == size && is_plain(text);
    bool lines = !plain && size > 1 && strchr(text, '\n') && !strpbrk(text, "\r\t") &&
                 text[size - 1] == '\n' && *text != ' ' && *text != '\n';
    yaml_scalar_style_t style = plain   ? YAML_PLAIN_SCALAR_STYLE
                                : lines ? YAML_LITERAL_SCALAR_STYLE
                                        : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    const yaml_char_t *bytes = (const yaml_char_t *)text;
    /* The initialiser copies, and takes a mutable pointer all the same. */
    return emit(writer, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)(uintptr_t)bytes,
                                             (int)size, plain, !plain, style));
}

static bool put_word(struct writer *writer, const char *word)
{
    yaml_event_t event;
    const yaml_char_t *bytes = (const yaml_char_t *)word;
    return emit(writer, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)(uintptr_t)bytes,
                                             (int)strlen(word), 1, 0, YAML_PLAIN_SCALAR_STYLE));
}

static bool put_number(struct writer *writer, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    bool done = text && put_word(writer, text);
    free(text);
    return done;
}

static bool put_value(struct writer *writer, const json_t *value);

static bool put_array(struct writer *writer, const json_t *array)
{
    yaml_event_t event;
    bool done = emit(
        writer, &event,
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; done && i < json_array_size(array); i++)
        done = put_value(writer, json_array_get(array, i));
    return done && emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

static bool put_object(struct writer *writer, const json_t *object)
{
    /* jansson's iterators take a mutable object and leave it alone. */
    json_t *members = (json_t *)(uintptr_t)object;
    yaml_event_t event;
    const char *key;
    json_t *value;
    bool done = emit(
        writer, &event,
        yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
    json_object_foreach (members, key, value)
        done = done && put_text(writer, key, strlen(key)) && put_value(writer, value);
    return done && emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

static bool put_value(struct writer *writer, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(writer, value);
    case JSON_ARRAY:
        return put_array(writer, value);
    case JSON_STRING:
        return put_text(writer, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return put_number(writer, value);
    case JSON_TRUE:
        return put_word(writer, "true");
    case JSON_FALSE:
        return put_word(writer, "false");
    case JSON_NULL:
        return put_word(writer, "null");
    }
    return false;
}

static bool put_document(struct writer *writer, const json_t *value, bool first)
{
    yaml_event_t event;
    return emit(writer, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, first)) &&
           put_value(writer, value) &&
           emit(writer, &event, yaml_document_end_event_initialize(&event, 1));
}

static bool put_documents(struct writer *writer, const json_t *documents)
{
    yaml_event_t event;
    bool done = emit(writer, &event,
                     yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    for (size_t i = 0; done && i < json_array_size(documents); i++)
        done = put_document(writer, json_array_get(documents, i), i == 0);
    return done && emit(writer, &event, yaml_stream_end_event_initialize(&event));
}

int yaml_write(const json_t *documents, struct buf *out, struct error *err)
{
    struct error problem = {0};
    struct writer writer = {.out = out, .err = &problem};
    if (!yaml_emitter_initialize(&writer.emitter))
        return error_memory(err);
    yaml_emitter_set_output(&writer.emitter, take, &writer);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1);
    bool done = put_documents(&writer, documents);
    yaml_emitter_delete(&writer.emitter);
    if (done)
        return 0;
    return problem.code == ERROR_NONE ? error_memory(err)
                                      : error_set(err, problem.code, "%s", problem.text);
}
