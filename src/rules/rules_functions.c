/* The functions of the policy language (Microsoft Azure Attestation, "Claim rule functions
 * supported in policy version 1.2+"). What a function makes of a value that may only be read, may
 * only be read as well, unless it is a truth value of its own. */
#include "rules/rules_parts.h"

#include "rules/jmespath.h"

#define JSON_TEXT_MAX CLAIM_VALUE_MAX
#define TEXT_STEP     64 /* bytes of text that are read or written in a step */

int rules_spend(uint64_t *steps, uint64_t count, struct error *err)
{
    if (*steps < count) {
        *steps = 0;
        return error_set(err, ERROR_LIMIT, "the policy takes too many steps");
    }
    *steps -= count;
    return 0;
}

/* The one value, or one of several that are equal. */
static const struct rules_value *single(const struct rules_values *values, uint64_t *steps,
                                        struct error *err)
{
    if (values->count == 0) {
        (void)error_set(err, ERROR_REFUSED, "an argument has no value");
        return NULL;
    }
    if (rules_spend(steps, values->count, err) < 0)
        return NULL;
    for (size_t i = 1; i < values->count; i++) {
        if (!json_equal(values->at[i].json, values->at[0].json)) {
            (void)error_set(err, ERROR_REFUSED,
                            "an argument has %zu values that differ; one is wanted", values->count);
            return NULL;
        }
    }
    return &values->at[0];
}

static const struct rules_value *single_text(const struct rules_values *values, uint64_t *steps,
                                             struct error *err)
{
    const struct rules_value *value = single(values, steps, err);
    if (!value || json_is_string(value->json))
        return value;
    (void)error_set(err, ERROR_REFUSED, "an argument is %s; text is wanted",
                    json_kind(value->json));
    return NULL;
}

/* Any JSON value. It is read inside of brackets, since json_parse() takes no bare scalar. */
static json_t *parse_value(const json_t *text, uint64_t *steps, struct error *err)
{
    static const struct json_limits limits = {.size = JSON_TEXT_MAX, .depth = JSON_DEPTH_MAX};
    BUF_AUTO bracketed = BUF_WITH_LIMIT(JSON_TEXT_MAX);
    struct span bytes = span_of(json_string_value(text), json_string_length(text));
    if (rules_spend(steps, 1 + bytes.size / TEXT_STEP, err) < 0 ||
        buf_append_byte(&bracketed, '[', err) < 0 || buf_append(&bracketed, bytes, err) < 0 ||
        buf_append_byte(&bracketed, ']', err) < 0)
        return NULL;
    json_auto_t *array = json_parse(buf_span(&bracketed), &limits, err);
    if (array && json_array_size(array) == 1)
        return json_incref(json_array_get(array, 0));
    (void)error_set(err, ERROR_REFUSED, "an argument is not JSON");
    return NULL;
}

/* Adds a value that was made for it. */
static int add_new(struct rules_values *out, json_t *json, bool read_only, struct error *err)
{
    int result = rules_values_add(out, json, read_only, err);
    json_decref(json);
    return result;
}

static int search(const json_t *document_text, const json_t *query, bool read_only, uint64_t *steps,
                  struct rules_values *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(JSON_TEXT_MAX);
    json_auto_t *document = parse_value(document_text, steps, err);
    if (!document)
        return -1;
    JMESPATH_AUTO *expression = jmespath_new(
        span_of(json_string_value(query), json_string_length(query)), err);
    json_auto_t *found = expression ? jmespath_search(expression, document, steps, err) : NULL;
    if (!found || json_append(found, &text, err) < 0 ||
        rules_spend(steps, text.size / TEXT_STEP, err) < 0)
        return -1;
    return add_new(out, json_stringn(buf_text(&text), text.size), read_only, err);
}

static int call_jmespath(const struct rules_values *arguments, uint64_t *steps,
                         struct rules_values *out, struct error *err)
{
    const struct rules_value *document = single_text(&arguments[0], steps, err);
    const struct rules_value *query = document ? single_text(&arguments[1], steps, err) : NULL;
    if (!query)
        return -1;
    return search(document->json, query->json, document->read_only || query->read_only, steps, out,
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

static int call_json_to_claim_value(const struct rules_values *arguments, uint64_t *steps,
                                    struct rules_values *out, struct error *err)
{
    const struct rules_value *text = single_text(&arguments[0], steps, err);
    json_auto_t *value = text ? parse_value(text->json, steps, err) : NULL;
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

static bool contains(const struct rules_values *values, const json_t *value)
{
    for (size_t i = 0; i < values->count; i++) {
        if (json_equal(values->at[i].json, value))
            return true;
    }
    return false;
}

static int call_is_subset_of(const struct rules_values *arguments, uint64_t *steps,
                             struct rules_values *out, struct error *err)
{
    bool subset = true;
    if (rules_spend(steps, (uint64_t)arguments[0].count * arguments[1].count, err) < 0)
        return -1;
    for (size_t i = 0; subset && i < arguments[0].count; i++)
        subset = contains(&arguments[1], arguments[0].at[i].json);
    return rules_values_add(out, json_boolean(subset), false, err);
}

static int call_append_string(const struct rules_values *arguments, uint64_t *steps,
                              struct rules_values *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CLAIM_VALUE_MAX);
    bool read_only = false;
    for (size_t i = 0; i < 2; i++) {
        const struct rules_value *part = single_text(&arguments[i], steps, err);
        if (!part ||
            buf_append(&text,
                       span_of(json_string_value(part->json), json_string_length(part->json)),
                       err) < 0)
            return -1;
        read_only = read_only || part->read_only;
    }
    if (rules_spend(steps, text.size / TEXT_STEP, err) < 0)
        return -1;
    return add_new(out, json_stringn(buf_text(&text), text.size), read_only, err);
}

static int call_negate_bool(const struct rules_values *arguments, uint64_t *steps,
                            struct rules_values *out, struct error *err)
{
    const struct rules_value *value = single(&arguments[0], steps, err);
    if (!value)
        return -1;
    if (!json_is_boolean(value->json))
        return error_set(err, ERROR_REFUSED, "the argument is %s; true or false is wanted",
                         json_kind(value->json));
    return rules_values_add(out, json_boolean(!json_is_true(value->json)), value->read_only, err);
}

static int call_contains_only_value(const struct rules_values *arguments, uint64_t *steps,
                                    struct rules_values *out, struct error *err)
{
    const struct rules_value *value = single(&arguments[1], steps, err);
    bool only = arguments[0].count > 0;
    if (!value || rules_spend(steps, arguments[0].count, err) < 0)
        return -1;
    for (size_t i = 0; only && i < arguments[0].count; i++)
        only = json_equal(arguments[0].at[i].json, value->json);
    return rules_values_add(out, json_boolean(only), false, err);
}

const struct rules_function rules_functions[] = {
    {"JmesPath", 2, call_jmespath},       {"JsonToClaimValue", 1, call_json_to_claim_value},
    {"IsSubsetOf", 2, call_is_subset_of}, {"AppendString", 2, call_append_string},
    {"NegateBool", 1, call_negate_bool},  {"ContainsOnlyValue", 2, call_contains_only_value},
};
const size_t rules_function_count = sizeof rules_functions / sizeof *rules_functions;
