/*
 * Parameters of fragments (docs/policy.md): a row that lets a fragment in may give values, and the
 * fragment's text has parameter("NAME") where they go. parameters_api in the text names them, some
 * with a default.
 *
 * A row's values are kept as text: this bounds what rows of fragments, filled in by other rows, can
 * grow to.
 */
#include "policy/load.h"

#define PARAMETERS_SIZE_MAX                                                                        \
    ((size_t)64 << 10)  /* bytes of one row's, or of the defaults, as JSON                         \
                         */
#define PLACES_MAX 4096 /* in one text */

/* One value may stand in many places: both its size and their number are bounded. */
static int write_object(struct decoder *decoder, const struct value *value, struct buf *out)
{
    *out = BUF_WITH_LIMIT(PARAMETERS_SIZE_MAX);
    if (value->kind != VALUE_OBJECT)
        return field_refuse(decoder, value, "an object");
    return value_append(value, out, decoder->err) < 0 ? error_context(decoder->err, "parameters")
                                                      : 0;
}

int load_parameters_api(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    struct buf text;
    (void)field;
    (void)out;
    int written = write_object(decoder, value, &text);
    buf_fini(&text);
    if (written < 0)
        return -1;
    for (const struct value *each = value->first; each; each = each->next) {
        if (each->kind != VALUE_OBJECT)
            return field_refuse(decoder, each, "an object");
        if (each->count > 1 || (each->count == 1 && !value_member(each, "default")))
            return error_set(decoder->err, ERROR_INVALID,
                             "key \"%.64s\": only \"default\" is known", each->key);
    }
    return 0;
}

int load_parameters(struct decoder *decoder, const struct value *value, const struct field *field,
                    void *out)
{
    struct buf text;
    int written = write_object(decoder, value, &text);
    const char *kept = written < 0 ? NULL : arena_text(decoder->arena, buf_text(&text));
    buf_fini(&text);
    *(const char **)field_at(field, out) = kept;
    return kept || written < 0 ? written : error_memory(decoder->err);
}

static const struct value *find(const struct value *given, const struct value *api,
                                const struct value_hole *hole)
{
    const struct value *declared = api ? value_member(api, hole->name) : NULL;
    const struct value *found = value_member(given, hole->name);
    if (!found && declared)
        found = value_member(declared, "default");
    return found && hole->member ? value_member(found, hole->member) : found;
}

/* The places of one value share what it consists of. */
static void put(struct value *place, const struct value *value)
{
    struct value filled = *value;
    filled.next = place->next;
    filled.key = place->key;
    *place = filled;
}

/* A value that the fragment does not ask for would narrow nothing: its author meant another. */
static int check_names(const struct value *given, const struct value *api, struct error *err)
{
    for (const struct value *each = given->first; each; each = each->next) {
        if (!api || !value_member(api, each->key))
            return error_set(err, ERROR_INVALID,
                             "the row gives the parameter \"%.64s\", which the fragment's "
                             "parameters_api does not name",
                             each->key);
    }
    return 0;
}

int parameters_fill(struct rego_module *module, const char *given, struct arena *texts,
                    struct error *err)
{
    struct value values;
    size_t places = 0;
    const struct rego_statement *statement = rego_find(module, "parameters_api");
    const struct value *api = statement ? &statement->value : NULL;
    if (value_read_object(span_of_text(given), REGO_DEPTH_MAX, texts, &values, err) < 0)
        return error_context(err, "parameters");
    if (check_names(&values, api, err) < 0)
        return -1;
    for (const struct value_hole *hole = module->holes; hole; hole = hole->next) {
        const struct value *found = find(&values, api, hole);
        if (++places > PLACES_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d places for parameters", PLACES_MAX);
        if (!found)
            return error_set(err, ERROR_NOT_FOUND,
                             "line %u: parameter(\"%.64s\")%s%.64s has neither a value nor a "
                             "default",
                             hole->line, hole->name, hole->member ? "." : "",
                             hole->member ? hole->member : "");
        put(hole->place, found);
    }
    return 0;
}
