#include "format/yaml_place.h"

#include <string.h>
#include <yaml.h>

struct finder {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    struct span text;
    const struct yaml_way *way;
    struct yaml_place place;
};

static bool advance(struct finder *finder)
{
    yaml_event_delete(&finder->event);
    if (yaml_parser_parse(&finder->parser, &finder->event))
        return true;
    memset(&finder->event, 0, sizeof finder->event);
    return false;
}

/* libyaml counts characters. */
static struct yaml_place_mark mark_of(const struct finder *finder, yaml_mark_t mark)
{
    size_t at = 0;
    for (size_t left = mark.index; at < finder->text.size; at++) {
        if ((finder->text.data[at] & 0xc0) != 0x80 && left-- == 0)
            break;
    }
    return (struct yaml_place_mark){at, mark.column};
}

static bool is_end(const yaml_event_t *event)
{
    return event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
}

/* To the last event of the node that the current one starts. */
static bool skip_node(struct finder *finder)
{
    size_t depth = 0;
    for (;;) {
        depth += finder->event.type == YAML_SEQUENCE_START_EVENT ||
                 finder->event.type == YAML_MAPPING_START_EVENT;
        depth -= is_end(&finder->event);
        if (depth == 0)
            return true;
        if (!advance(finder))
            return false;
    }
}

static bool is_null(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    json_auto_t *value = yaml_resolve((const char *)event->data.scalar.value, NULL);
    return json_is_null(value);
}

/* The node that the current event starts is the furthest so far. */
static void note_place(struct finder *finder, size_t depth, const struct yaml_place_mark *key_end)
{
    const yaml_event_t *event = &finder->event;
    struct yaml_place *place = &finder->place;
    *place = (struct yaml_place){.depth = depth,
                                 .line = event->start_mark.line + 1,
                                 .start = mark_of(finder, event->start_mark),
                                 .end = mark_of(finder, event->end_mark),
                                 .has_key = key_end != NULL};
    if (key_end)
        place->key_end = *key_end;
    if (event->type == YAML_MAPPING_START_EVENT) {
        place->is_mapping = true;
        place->is_flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    } else if (event->type == YAML_SCALAR_EVENT) {
        yaml_scalar_style_t style = event->data.scalar.style;
        place->is_scalar = !event->data.scalar.anchor;
        place->is_block_text = style == YAML_LITERAL_SCALAR_STYLE ||
                               style == YAML_FOLDED_SCALAR_STYLE;
        /* Nothing stands there that is to be kept: a mapping can take its place. */
        place->is_mapping = place->is_scalar && depth < finder->way->count && is_null(event);
    }
}

static bool walk(struct finder *finder, size_t depth, const struct yaml_place_mark *key_end);

static bool is_key(const yaml_event_t *event, const char *key)
{
    return key && event->type == YAML_SCALAR_EVENT &&
           strcmp((const char *)event->data.scalar.value, key) == 0;
}

static bool walk_mapping(struct finder *finder, size_t depth)
{
    const char *key = finder->way->steps[depth].key;
    while (advance(finder) && !is_end(&finder->event)) {
        struct yaml_place_mark key_end = mark_of(finder, finder->event.end_mark);
        bool wanted = is_key(&finder->event, key);
        struct yaml_place *place = &finder->place;
        if (place->depth == depth && place->child_count < 2)
            place->children[place->child_count++] = mark_of(finder, finder->event.start_mark);
        if (!skip_node(finder) || !advance(finder))
            return false;
        if (wanted ? !walk(finder, depth + 1, &key_end) : !skip_node(finder))
            return false;
    }
    return is_end(&finder->event);
}

static bool walk_sequence(struct finder *finder, size_t depth)
{
    const struct yaml_step *step = &finder->way->steps[depth];
    for (size_t i = 0; advance(finder) && !is_end(&finder->event); i++) {
        bool wanted = !step->key && step->index == i;
        if (wanted ? !walk(finder, depth + 1, NULL) : !skip_node(finder))
            return false;
    }
    return is_end(&finder->event);
}

/* Follows the way through the node that the current event starts, to the node's last event. */
static bool walk(struct finder *finder, size_t depth, const struct yaml_place_mark *key_end)
{
    note_place(finder, depth, key_end);
    if (depth < finder->way->count && finder->event.type == YAML_MAPPING_START_EVENT)
        return walk_mapping(finder, depth);
    if (depth < finder->way->count && finder->event.type == YAML_SEQUENCE_START_EVENT)
        return walk_sequence(finder, depth);
    return skip_node(finder);
}

static bool find_in_documents(struct finder *finder)
{
    size_t number = 0;
    while (advance(finder) && finder->event.type != YAML_STREAM_END_EVENT) {
        if (finder->event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        if (!advance(finder))
            return false;
        if (is_null(&finder->event))
            continue;
        if (number++ == finder->way->document)
            return walk(finder, 0, NULL);
        if (!skip_node(finder))
            return false;
    }
    return false;
}

int yaml_place_find(struct span text, const struct yaml_way *way, struct yaml_place *out,
                    struct error *err)
{
    struct finder finder = {.text = text, .way = way};
    if (!yaml_parser_initialize(&finder.parser))
        return error_memory(err);
    yaml_parser_set_encoding(&finder.parser, YAML_UTF8_ENCODING);
    /* libyaml wants a pointer for no bytes, too. */
    yaml_parser_set_input_string(&finder.parser, text.data ? text.data : (const uint8_t *)"",
                                 text.size);
    bool found = find_in_documents(&finder);
    yaml_event_delete(&finder.event);
    yaml_parser_delete(&finder.parser);
    *out = finder.place;
    return found ? 0
                 : error_set(err, ERROR_REFUSED, "document %zu: " YAML_PLACE_REFUSAL,
                             way->document + 1);
}
