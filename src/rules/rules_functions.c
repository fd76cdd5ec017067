/* The functions of the policy language (Microsoft Azure Attestation, "Claim rule functions
 * supported in policy version 1.2+"). What a function makes of a value that may only be read, may
 * only be read as well, unless it is a truth value of its own. */
#include "rules/rules_parts.h"

#include "rules/jmespath.h"

#define JSON_TEXT_MAX CLAIM_VALUE_MAX
#define PARSE_STEP    4 /* bytes of JSON that are read in a step */

int rules_spend(struct rules_work *work, uint64_t count, struct error *err)
{
    if (work->steps < count) {
        work->steps = 0;
        return error_set(err, ERROR_LIMIT, "the policy takes too many steps");
    }
    work->steps -= count;
    return 0;
}

int rules_equal(const json_t *a, const json_t *b, struct rules_work *work, struct error *err)
{
    size_t size = json_string_length(a) == json_string_length(b) ? json_string_length(a) : 0;
    return rules_spend(work, 1 + size / RULES_TEXT_STEP, err) < 0 ? -1 : json_equal(a, b);
}

/* The one value, or one of several that are equal. */
static const struct rules_value *single(const struct rules_values *values, struct rules_work *work,
                                        struct error *err)
{
    if (values->count == 0) {
        (void)error_set(err, ERROR_REFUSED, "an argument has no value");
        return NULL;
    }
    for (size_t i = 1; i < values->count; i++) {
        int equal = rules_equal(values->at[i].json, values->at[0].json, work, err);
        if (equal == 0)
            (void)error_set(err, ERROR_REFUSED,
                            "an argument has %zu values that differ; one is wanted", values->count);
        if (equal != 1)
            return NULL;
    }
    return &values->at[0];
}

static const struct rules_value *single_text(const struct rules_values *values,
                                             struct rules_work *work, struct error *err)
{
    const struct rules_value *value = single(values, work, err);
    if (!value || json_is_string(value->json))
        return value;
    (void)error_set(err, ERROR_REFUSED, "an argument is %s; text is wanted",
                    json_kind(value->json));
    return NULL;
}

void rules_work_fini(struct rules_work *work)
{
    for (size_t i = 0; i < RULES_PARSED_MAX; i++) {
        json_decref(work->parsed[i].text);
        json_decref(work->parsed[i].value);
    }
    *work = (struct rules_work){0};
}

/* Any JSON value. It is read inside of brackets, since json_parse() takes no bare scalar. */
static json_t *parse_text(const json_t *text, struct rules_work *work, struct error *err)
{
    static const struct json_limits limits = {.size = JSON_TEXT_MAX, .depth = JSON_DEPTH_MAX};
    BUF_AUTO bracketed = BUF_WITH_LIMIT(JSON_TEXT_MAX);
    struct span bytes = span_of(json_string_value(text), json_string_length(text));
    if (rules_spend(work, 1 + bytes.size / PARSE_STEP, err) < 0 ||
        buf_append_byte(&bracketed, '[', err) < 0 || buf_append(&bracketed, bytes, err) < 0 ||
        buf_append_byte(&bracketed, ']', err) < 0)
        return NULL;
    json_auto_t *array = json_parse(buf_span(&bracketed), &limits, err);
    if (array && json_array_size(array) == 1)
        return json_incref(json_array_get(array, 0));
    (void)error_set(err, ERROR_REFUSED, "an argument is not JSON");
    return NULL;
}

/* As above, once for each text of those that were asked last. Nothing changes the value. */
static json_t *parse_value(json_t *text, struct rules_work *work, struct error *err)
{
    for (size_t i = 0; i < RULES_PARSED_MAX; i++) {
        if (work->parsed[i].text == text)
            return json_incref(work->parsed[i].value);
    }
    json_t *value = parse_text(text, work, err);
    if (!value)
        return NULL;
    struct rules_parsed *slot = &work->parsed[work->next_parsed++ % RULES_PARSED_MAX];
    json_decref(slot->text);
    json_decref(slot->value);
    slot->text = json_incref(text);
    slot->value = json_incref(value);
    return value;
}

/* Adds a value that was made for it. */
static int add_new(struct rules_values *out, json_t *json, bool read_only, struct error *err)
{
    int result = rules_values_add(out, json, read_only, err);
    json_decref(json);
    return result;
}

static int search(json_t *document_text, const json_t *query, bool read_only,
                  struct rules_work *work, struct rules_values *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(JSON_TEXT_MAX);
    json_auto_t *document = parse_value(document_text, work, err);
    if (!document)
        return -1;
    JMESPATH_AUTO *expression = jmespath_new(
        span_of(json_string_value(query), json_string_length(query)), err);
    json_auto_t *found = expression ? jmespath_search(expression, document, &work->steps, err)
                                    : NULL;
    if (!found || json_append(found, &text, err) < 0 ||
        rules_spend(work, text.size / RULES_TEXT_STEP, err) < 0)
        return -1;
    return add_new(out, json_stringn(buf_text(&text), text.size), read_only, err);
}

static int call_jmespath(const struct rules_values *arguments, struct rules_work *work,
                         struct rules_values *out, struct error *err)
{
    const struct rules_value *document = single_text(&arguments[0], work, err);
    const struct rules_value *query = document ? single_text(&arguments[1], work, err) : NULL;
    if (!query)
        return -1;
    return search(document->json, query->json, document->read_only || query->read_only, work, out,
                  err);
}

static int add_primitive(struct rules_values *out, json_t *value, bool read_only, struct error *err)
{
    enum claim_kind kind;
    if (json_is_null(value))
        return 0;
    if (!claim_kind_of(value, &kind))
        return error_set(err, ERROR_REFUSED,
                         "%s is no value of a claim: text, integers, truth values, null and arrays "
                         "of these are",
                         json_kind(value));
    return rules_values_add(out, value, read_only, err);
}

static int call_json_to_claim_value(const struct rules_values *arguments, struct rules_work *work,
                                    struct rules_values *out, struct error *err)
{
    const struct rules_value *text = single_text(&arguments[0], work, err);
    json_auto_t *value = text ? parse_value(text->json, work, err) : NULL;
    if (!value)
        return -1;
    if (!json_is_array(value))
        return add_primitive(out, value, text->read_only, err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (add_primitive(out, json_array_get(value, i), text->read_only, err) < 0)
            return -1;
    }
    return 0;
}

/* 1, 0, or -1 with the error set. */
static int contains(const struct rules_values *values, const json_t *value, struct rules_work *work,
                    struct error *err)
{
    int found = 0;
    for (size_t i = 0; found == 0 && i < values->count; i++)
        found = rules_equal(values->at[i].json, value, work, err);
    return found;
}

static int call_is_subset_of(const struct rules_values *arguments, struct rules_work *work,
                             struct rules_values *out, struct error *err)
{
    int subset = 1;
    for (size_t i = 0; subset == 1 && i < arguments[0].count; i++)
        subset = contains(&arguments[1], arguments[0].at[i].json, work, err);
    return subset < 0 ? -1 : rules_values_add(out, json_boolean(subset), false, err);
}

static int call_append_string(const struct rules_values *arguments, struct rules_work *work,
                              struct rules_values *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CLAIM_VALUE_MAX);
    bool read_only = false;
    for (size_t i = 0; i < 2; i++) {
        const struct rules_value *part = single_text(&arguments[i], work, err);
        if (!part ||
            buf_append(&text,
                       span_of(json_string_value(part->json), json_string_length(part->json)),
                       err) < 0)
            return -1;
        read_only = read_only || part->read_only;
    }
    if (rules_spend(work, text.size / RULES_TEXT_STEP, err) < 0)
        return -1;
    return add_new(out, json_stringn(buf_text(&text), text.size), read_only, err);
}

static int call_negate_bool(const struct rules_values *arguments, struct rules_work *work,
                            struct rules_values *out, struct error *err)
{
    const struct rules_value *value = single(&arguments[0], work, err);
    if (!value)
        return -1;
    if (!json_is_boolean(value->json))
        return error_set(err, ERROR_REFUSED, "the argument is %s; true or false is wanted",
                         json_kind(value->json));
    return rules_values_add(out, json_boolean(!json_is_true(value->json)), value->read_only, err);
}

static int call_contains_only_value(const struct rules_values *arguments, struct rules_work *work,
                                    struct rules_values *out, struct error *err)
{
    const struct rules_value *value = single(&arguments[1], work, err);
    int only = arguments[0].count > 0;
    if (!value)
        return -1;
    for (size_t i = 0; only == 1 && i < arguments[0].count; i++)
        only = rules_equal(arguments[0].at[i].json, value->json, work, err);
    return only < 0 ? -1 : rules_values_add(out, json_boolean(only), false, err);
}

const struct rules_function rules_functions[] = {
    {"JmesPath", 2, call_jmespath},       {"JsonToClaimValue", 1, call_json_to_claim_value},
    {"IsSubsetOf", 2, call_is_subset_of}, {"AppendString", 2, call_append_string},
    {"NegateBool", 1, call_negate_bool},  {"ContainsOnlyValue", 2, call_contains_only_value},
};
const size_t rules_function_count = sizeof rules_functions / sizeof *rules_functions;
