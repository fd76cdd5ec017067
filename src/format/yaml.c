#include "format/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "format/json.h"

/* A node that an alias may name: borrowed from the document, complete when it gets here. */
struct anchor {
    char *name;
    json_t *value; /* owned: a reference */
    size_t nodes;
    size_t bytes;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; empty between events */
    const struct yaml_limits *limits;
    size_t nodes; /* so far, with repetitions */
    size_t bytes; /* of scalars, so far, with repetitions */
    struct anchor anchors[YAML_ANCHORS_MAX];
    size_t anchor_count;
    struct error *err;
};

/* Sets the error with a place; lines and columns count from 1. */
static int refuse_at(struct reader *reader, yaml_mark_t mark, enum error_code code,
                     const char *text)
{
    return error_set(reader->err, code, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1,
                     text);
}

static int refuse(struct reader *reader, enum error_code code, const char *text)
{
    return refuse_at(reader, reader->event.start_mark, code, text);
}

/* Moves on to the next event; what the last one held is freed. */
static int advance(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return 0;
    const yaml_parser_t *parser = &reader->parser;
    memset(&reader->event, 0, sizeof reader->event);
    if (parser->error == YAML_MEMORY_ERROR)
        return error_memory(reader->err);
    if (parser->error == YAML_READER_ERROR)
        return error_set(reader->err, ERROR_INVALID, "not accepted as YAML: byte %zu: %s",
                         parser->problem_offset, parser->problem);
    return error_set(reader->err, ERROR_INVALID, "not accepted as YAML: line %zu, column %zu: %s",
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                     parser->problem ? parser->problem : "malformed");
}

static int count(struct reader *reader, size_t nodes, size_t bytes)
{
    reader->nodes += nodes;
    reader->bytes += bytes;
    if (reader->nodes > reader->limits->nodes)
        return refuse(reader, ERROR_LIMIT, "too many values, with those that aliases repeat");
    if (reader->bytes > reader->limits->size)
        return refuse(reader, ERROR_LIMIT, "too much text, with that which aliases repeat");
    return 0;
}

static void forget_anchors(struct reader *reader)
{
    for (size_t i = 0; i < reader->anchor_count; i++) {
        free(reader->anchors[i].name);
        json_decref(reader->anchors[i].value);
    }
    reader->anchor_count = 0;
}

/* Takes `name`. `nodes` and `bytes` are what had been read before the node. */
static int remember(struct reader *reader, char *name, json_t *value, size_t nodes, size_t bytes)
{
    if (reader->anchor_count == YAML_ANCHORS_MAX) {
        free(name);
        return refuse(reader, ERROR_LIMIT, "too many anchors in one document");
    }
    reader->anchors[reader->anchor_count++] = (struct anchor){
        name, json_incref(value), reader->nodes - nodes, reader->bytes - bytes};
    return 0;
}

/* A copy of what an alias names; where a name stands twice, the later one. */
static json_t *repeat(struct reader *reader)
{
    const char *name = (const char *)reader->event.data.alias.anchor;
    for (size_t i = reader->anchor_count; i-- > 0;) {
        const struct anchor *anchor = &reader->anchors[i];
        if (strcmp(anchor->name, name) != 0)
            continue;
        if (count(reader, anchor->nodes, anchor->bytes) < 0)
            return NULL;
        json_t *copy = json_deep_copy(anchor->value);
        if (!copy)
            (void)error_memory(reader->err);
        return copy;
    }
    (void)refuse(reader, ERROR_INVALID, "an alias of an anchor that is not there, or not complete");
    return NULL;
}

static int check_tag(struct reader *reader)
{
    const yaml_event_t *event = &reader->event;
    bool tagged = (event->type == YAML_SCALAR_EVENT &&
                   (event->data.scalar.tag ||
                    (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                     !event->data.scalar.plain_implicit))) ||
                  (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag) ||
                  (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag);
    return tagged ? refuse(reader, ERROR_INVALID, "tags are not accepted; quote text instead") : 0;
}

static json_t *read_scalar(struct reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t size = reader->event.data.scalar.length;
    if (count(reader, 1, size) < 0)
        return NULL;
    if (memchr(text, '\0', size)) {
        (void)refuse(reader, ERROR_INVALID, "text with a zero byte");
        return NULL;
    }
    struct error problem = {0};
    json_t *value = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                        ? yaml_resolve(text, &problem)
                        : json_string(text);
    if (!value)
        (void)refuse(reader, ERROR_INVALID, problem.code ? problem.text : "text is not UTF-8");
    return value;
}

static json_t *read_node(struct reader *reader, size_t depth);

static int read_items(struct reader *reader, json_t *array, size_t depth)
{
    while (advance(reader) == 0) {
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        json_t *item = read_node(reader, depth);
        if (!item)
            return -1;
        if (json_array_append_new(array, item) < 0)
            return error_memory(reader->err);
    }
    return -1;
}

/* A key as text: booleans and numbers as JSON writes them, as sigs.k8s.io/yaml does. */
static char *read_key(struct reader *reader, size_t depth)
{
    json_auto_t *key = read_node(reader, depth);
    if (!key)
        return NULL;
    char *text = NULL;
    if (json_is_string(key))
        text = strdup(json_string_value(key));
    else if (json_is_boolean(key) || json_is_number(key))
        text = json_dumps(key, JSON_ENCODE_ANY);
    else
        (void)refuse(reader, ERROR_INVALID, "a key must be a string, a number or a boolean");
    if (!text && reader->err->code == ERROR_NONE)
        (void)error_memory(reader->err);
    return text;
}

/* One mapping of a merge. `given` are the keys that the mapping itself has given before; `out` may
 * have keys of an earlier mapping of the same merge, which win. */
static int merge_one(struct reader *reader, json_t *out, const json_t *given, json_t *merged)
{
    const char *key;
    json_t *value;
    if (!json_is_object(merged))
        return refuse(reader, ERROR_INVALID, "<< merges mappings only");
    json_object_foreach (merged, key, value) {
        if (json_object_get(given, key))
            return refuse(reader, ERROR_INVALID,
                          "<< repeats a key that stands before it; write << first");
        if (!json_object_get(out, key) && json_object_set(out, key, value) < 0)
            return error_memory(reader->err);
    }
    return 0;
}

static int merge(struct reader *reader, json_t *merges, const json_t *given, json_t *value)
{
    if (!json_is_array(value))
        return merge_one(reader, merges, given, value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (merge_one(reader, merges, given, json_array_get(value, i)) < 0)
            return -1;
    }
    return 0;
}

static bool is_merge_key(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT &&
           event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

/* One key, the current event, with its value. What `merges` holds gives way to `object`. */
static int read_pair(struct reader *reader, json_t *object, json_t *merges, size_t depth)
{
    bool merging = is_merge_key(&reader->event);
    char *key = read_key(reader, depth);
    int status = key ? 0 : -1;
    if (status == 0 && !merging && json_object_get(object, key))
        status = refuse(reader, ERROR_INVALID, "a key that its mapping has already");
    if (status == 0)
        status = advance(reader);
    json_t *value = status == 0 ? read_node(reader, depth) : NULL;
    if (!value)
        status = -1;
    else if (merging)
        status = merge(reader, merges, object, value);
    else if (json_object_set(object, key, value) < 0)
        status = error_memory(reader->err);
    json_decref(value);
    free(key);
    return status;
}

static int read_pairs(struct reader *reader, json_t *object, size_t depth)
{
    json_auto_t *merges = json_object();
    if (!merges)
        return error_memory(reader->err);
    while (advance(reader) == 0) {
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return json_object_update_missing(object, merges) < 0 ? error_memory(reader->err) : 0;
        if (read_pair(reader, object, merges, depth) < 0)
            return -1;
    }
    return -1;
}

static json_t *read_collection(struct reader *reader, size_t depth)
{
    bool mapping = reader->event.type == YAML_MAPPING_START_EVENT;
    if (depth == 0) {
        (void)refuse(reader, ERROR_LIMIT, "nested too deep");
        return NULL;
    }
    if (count(reader, 1, 0) < 0)
        return NULL;
    json_t *value = mapping ? json_object() : json_array();
    if (!value) {
        (void)error_memory(reader->err);
        return NULL;
    }
    int status = mapping ? read_pairs(reader, value, depth - 1)
                         : read_items(reader, value, depth - 1);
    if (status == 0)
        return value;
    json_decref(value);
    return NULL;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

/* The node that the current event starts; afterwards its last event is the current one. `depth` is
 * how many more collections may nest. */
static json_t *read_node(struct reader *reader, size_t depth)
{
    if (reader->event.type == YAML_ALIAS_EVENT)
        return repeat(reader);
    size_t nodes = reader->nodes;
    size_t bytes = reader->bytes;
    const yaml_char_t *anchor = anchor_of(&reader->event);
    char *name = anchor ? strdup((const char *)anchor) : NULL;
    if (anchor && !name) {
        (void)error_memory(reader->err);
        return NULL;
    }
    json_t *value = NULL;
    if (check_tag(reader) == 0)
        value = reader->event.type == YAML_SCALAR_EVENT ? read_scalar(reader)
                                                        : read_collection(reader, depth);
    if (!value || !name) {
        free(name);
        return value;
    }
    if (remember(reader, name, value, nodes, bytes) == 0)
        return value;
    json_decref(value);
    return NULL;
}

/* The document that the current event starts. */
static int read_document(struct reader *reader, json_t *documents, size_t depth)
{
    if (advance(reader) < 0)
        return -1;
    json_t *value = read_node(reader, depth);
    forget_anchors(reader);
    if (!value)
        return -1;
    if (json_is_null(value))
        json_decref(value);
    else if (json_array_append_new(documents, value) < 0)
        return error_memory(reader->err);
    return advance(reader); /* to its end */
}

static int read_documents(struct reader *reader, json_t *documents)
{
    size_t depth = reader->limits->depth < JSON_DEPTH_MAX ? reader->limits->depth : JSON_DEPTH_MAX;
    while (advance(reader) == 0) {
        if (reader->event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (reader->event.type == YAML_DOCUMENT_START_EVENT &&
            read_document(reader, documents, depth) < 0)
            return -1;
    }
    return -1;
}

json_t *yaml_read(struct span text, const struct yaml_limits *limits, struct error *err)
{
    struct error problem = {0};
    struct reader reader = {.limits = limits, .err = &problem};
    json_t *documents = NULL;
    if (text.size > limits->size) {
        (void)error_set(err, ERROR_LIMIT, "YAML of %zu bytes; at most %zu are accepted", text.size,
                        limits->size);
        return NULL;
    }
    if (yaml_parser_initialize(&reader.parser)) {
        yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
        /* libyaml wants a pointer for no bytes, too. */
        yaml_parser_set_input_string(&reader.parser, text.data ? text.data : (const uint8_t *)"",
                                     text.size);
        documents = json_array();
    }
    int status = documents ? read_documents(&reader, documents) : error_memory(&problem);
    forget_anchors(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    if (status == 0)
        return documents;
    json_decref(documents);
    (void)error_set(err, problem.code, "%s", problem.text);
    return NULL;
}
