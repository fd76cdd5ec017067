#include "format/yaml_put.h"

#include <string.h>

#include "format/json.h"
#include "format/yaml_place.h"

#define INDENT       2
#define GROWTH_NODES 64 /* keys and values that are added, at most */

/* What comes where: `until` - `at` bytes give way to `with`. */
struct edit {
    size_t at, until;
    struct buf *with;
};

/* The members that are missing, from `depth` on, in one line: "a": {"b": "value"}. */
static int write_flow(const struct yaml_way *way, size_t depth, const char *value, struct buf *out,
                      struct error *err)
{
    for (size_t i = depth; i < way->count; i++) {
        if (json_append_string(out, span_of_text(way->steps[i].key), err) < 0 ||
            buf_append_text(out, i + 1 < way->count ? ": {" : ": ", err) < 0)
            return -1;
    }
    if (json_append_string(out, span_of_text(value), err) < 0)
        return -1;
    for (size_t i = depth; i + 1 < way->count; i++) {
        if (buf_append_byte(out, '}', err) < 0)
            return -1;
    }
    return 0;
}

static int write_block_key(const char *key, struct buf *out, struct error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ./-";
    int status = *key && !key[strspn(key, plain)] && *key != '-' && *key != '.'
                     ? buf_append_text(out, key, err)
                     : json_append_string(out, span_of_text(key), err);
    return status < 0 ? -1 : buf_append_byte(out, ':', err);
}

/* The same as lines, each with its end. */
static int write_lines(const struct yaml_way *way, size_t depth, size_t column, const char *value,
                       const char *line_end, struct buf *out, struct error *err)
{
    for (size_t i = depth; i < way->count; i++) {
        size_t blanks = column + INDENT * (i - depth);
        if (buf_printf(out, err, "%*s", (int)blanks, "") < 0 ||
            write_block_key(way->steps[i].key, out, err) < 0)
            return -1;
        if (i + 1 == way->count && (buf_append_byte(out, ' ', err) < 0 ||
                                    json_append_string(out, span_of_text(value), err) < 0))
            return -1;
        if (buf_append_text(out, line_end, err) < 0)
            return -1;
    }
    return 0;
}

static size_t line_start(struct span text, size_t at)
{
    while (at > 0 && text.data[at - 1] != '\n')
        at--;
    return at;
}

/* Behind the line's end; the text's where it has none. */
static size_t next_line(struct span text, size_t at)
{
    while (at < text.size && text.data[at] != '\n')
        at++;
    return at < text.size ? at + 1 : at;
}

/* What the lines around end with. */
static const char *line_end_at(struct span text, size_t at)
{
    size_t end = next_line(text, at);
    return end > 1 && text.data[end - 1] == '\n' && text.data[end - 2] == '\r' ? "\r\n" : "\n";
}

static bool is_blank_before(struct span text, size_t at)
{
    size_t start = line_start(text, at);
    while (start < at && text.data[start] == ' ')
        start++;
    return start == at;
}

/* Where a line can go into a mapping of lines: SIZE_MAX for nowhere. */
static size_t find_line(struct span text, const struct yaml_place *place)
{
    if (place->has_key)
        return next_line(text, place->key_end.at);
    for (size_t i = 0; i < place->child_count; i++) {
        if (is_blank_before(text, place->children[i].at))
            return line_start(text, place->children[i].at);
    }
    return SIZE_MAX;
}

static int edit_mapping(struct span text, const struct yaml_way *way,
                        const struct yaml_place *place, const char *value, struct edit *edit,
                        struct error *err)
{
    if (place->is_scalar) { /* nothing, or a null */
        bool empty = place->start.at == place->end.at;
        *edit = (struct edit){place->start.at, place->end.at, edit->with};
        return buf_append_text(edit->with, empty ? " {" : "{", err) < 0 ||
                       write_flow(way, place->depth, value, edit->with, err) < 0
                   ? -1
                   : buf_append_byte(edit->with, '}', err);
    }
    if (place->is_flow) {
        edit->at = edit->until = place->end.at; /* of its event: behind the brace */
        return write_flow(way, place->depth, value, edit->with, err) < 0
                   ? -1
                   : buf_append_text(edit->with, place->child_count > 0 ? ", " : "", err);
    }
    edit->at = edit->until = find_line(text, place);
    if (edit->at == SIZE_MAX || place->child_count == 0)
        return error_set(err, ERROR_REFUSED, "line %zu: " YAML_PLACE_REFUSAL, place->line);
    return write_lines(way, place->depth, place->children[0].column, value,
                       line_end_at(text, place->start.at), edit->with, err);
}

/* A text of lines (| or >) ends before the empty lines behind it, which stay. */
static int edit_scalar(struct span text, const struct yaml_place *place, const char *value,
                       struct edit *edit, struct error *err)
{
    size_t until = place->end.at;
    if (place->is_block_text) {
        size_t header = next_line(text, place->start.at);
        if (memchr(text.data + place->start.at, '#', header - place->start.at))
            return error_set(err, ERROR_REFUSED,
                             "line %zu: a comment stands behind the text's first sign, and would "
                             "be lost: move it",
                             place->line);
        while (until > place->start.at && strchr(" \r\n", text.data[until - 1]))
            until--;
    }
    edit->at = place->start.at;
    edit->until = until;
    if (until == place->start.at && buf_append_byte(edit->with, ' ', err) < 0)
        return -1;
    return json_append_string(edit->with, span_of_text(value), err);
}

static int make_edit(struct span text, const struct yaml_way *way, const char *value,
                     struct edit *edit, struct error *err)
{
    struct yaml_place place = {0};
    if (yaml_place_find(text, way, &place, err) < 0)
        return -1;
    if (place.depth == way->count && place.is_scalar)
        return edit_scalar(text, &place, value, edit, err);
    for (size_t i = place.depth; i < way->count; i++) {
        if (!way->steps[i].key)
            return error_set(err, ERROR_REFUSED, "line %zu: there is no such element", place.line);
    }
    if (place.depth < way->count && place.is_mapping)
        return edit_mapping(text, way, &place, value, edit, err);
    return error_set(err, ERROR_REFUSED, "line %zu: " YAML_PLACE_REFUSAL, place.line);
}

/* --- what it has to mean ---------------------------------------------------------------------- */

static int set_value(json_t *documents, const struct yaml_way *way, const char *value,
                     struct error *err)
{
    json_t *at = json_array_get(documents, way->document);
    for (size_t i = 0; i + 1 < way->count; i++) {
        const struct yaml_step *step = &way->steps[i];
        json_t *next = step->key ? json_object_get(at, step->key) : json_array_get(at, step->index);
        if (step->key && json_is_object(at) && (!next || json_is_null(next))) {
            if (json_object_set_new(at, step->key, json_object()) < 0)
                return error_memory(err);
            next = json_object_get(at, step->key);
        }
        at = next;
    }
    /* It was found in the text: what is no mapping here was refused. */
    return json_object_set_new(at, way->steps[way->count - 1].key, json_string(value)) < 0
               ? error_set(err, ERROR_REFUSED, "document %zu: " YAML_PLACE_REFUSAL,
                           way->document + 1)
               : 0;
}

static int check_meaning(const json_t *wanted, struct span made, const struct yaml_limits *limits,
                         size_t value_size, const struct yaml_way *way, struct error *err)
{
    const struct yaml_limits wider = {.size = limits->size + 2 * value_size,
                                      .depth = limits->depth + way->count,
                                      .nodes = limits->nodes + GROWTH_NODES};
    json_auto_t *found = yaml_read(made, &wider, NULL);
    return json_equal(wanted, found)
               ? 0
               : error_set(err, ERROR_REFUSED, "document %zu: " YAML_PLACE_REFUSAL,
                           way->document + 1);
}

int yaml_put(struct span text, const struct yaml_limits *limits, const struct yaml_way *way,
             const char *value, struct buf *out, struct error *err)
{
    size_t before = out->size;
    BUF_AUTO with = BUF_WITH_LIMIT(2 * strlen(value) + 65536);
    struct edit edit = {.with = &with};
    json_auto_t *wanted = yaml_read(text, limits, err);
    if (!wanted || make_edit(text, way, value, &edit, err) < 0 ||
        set_value(wanted, way, value, err) < 0 ||
        buf_append(out, span_of(text.data, edit.at), err) < 0 ||
        buf_append(out, buf_span(edit.with), err) < 0 ||
        buf_append(out, span_of(text.data + edit.until, text.size - edit.until), err) < 0)
        return -1;
    return check_meaning(wanted, span_of(out->data + before, out->size - before), limits, with.size,
                         way, err);
}
