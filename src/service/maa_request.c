#include "service/maa_request.h"

#include <strings.h>

#include "base/base64.h"
#include "format/json.h"

#define BODY_MAX   ((size_t)1 << 20)
#define DEPTH_MAX  16
#define POLICY_MAX ((size_t)128 << 10)
#define VALUES_MAX ((size_t)256 << 10) /* bytes of what is read of a text, beside its copy */

static const char *const kind_names[] = {
    [MAA_SEV_SNP] = "SevSnpVm", [MAA_SGX] = "SgxEnclave", [MAA_OPEN_ENCLAVE] = "OpenEnclave",
    [MAA_TDX] = "TdxVm",        [MAA_TPM] = "Tpm",        [MAA_AZURE_GUEST] = "AzureGuest",
};
_Static_assert(sizeof kind_names / sizeof kind_names[0] == MAA_KIND_COUNT, "one name each");

const char *maa_kind_name(enum maa_kind kind)
{
    return kind_names[kind];
}

bool maa_kind_find(struct span name, enum maa_kind *out)
{
    for (size_t i = 0; i < MAA_KIND_COUNT; i++) {
        if (strlen(kind_names[i]) == name.size &&
            strncasecmp(kind_names[i], (const char *)name.data, name.size) == 0) {
            *out = (enum maa_kind)i;
            return true;
        }
    }
    return false;
}

int maa_decode(struct span text, struct buf *out, struct error *err)
{
    for (int i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++)
        text.size--;
    return base64url_decode(text, out, err);
}

int maa_read_object(struct span text, unsigned int depth, struct arena *arena, struct value *out,
                    struct error *err)
{
    if (text.size > BODY_MAX)
        return error_set(err, ERROR_LIMIT, "JSON of %zu bytes; at most %zu are accepted", text.size,
                         BODY_MAX);
    *arena = (struct arena){.limit = text.size + VALUES_MAX};
    return value_read_object(text, depth, arena, out, err);
}

static int wrong(const struct value *value, const char *key, const char *expected,
                 struct error *err)
{
    return error_set(err, ERROR_INVALID, "key \"%s\": expected %s, found %s", key, expected,
                     value_kind(value));
}

/* NULL where there is no such member. */
static int find_text(const struct value *object, const char *key, const char **out,
                     struct error *err)
{
    const struct value *value = value_member(object, key);
    *out = value && value->kind == VALUE_TEXT ? value->text : NULL;
    return value && !*out ? wrong(value, key, "a string", err) : 0;
}

int maa_get_bytes(const struct value *object, const char *key, struct buf *out, struct error *err)
{
    const char *text;
    if (find_text(object, key, &text, err) < 0)
        return -1;
    if (!text)
        return error_set(err, ERROR_INVALID, "key \"%s\" is missing: expected a string", key);
    if (maa_decode(span_of_text(text), out, err) < 0)
        return error_context(err, "%s", key);
    if (out->size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", key);
    return 0;
}

/* {"data": base64url, "dataType": "Binary" | "JSON"} */
static int read_data(const struct value *body, const char *key, struct maa_data *out,
                     struct error *err)
{
    const struct value *object = value_member(body, key);
    const char *type = NULL;
    if (!object)
        return 0;
    if (object->kind != VALUE_OBJECT)
        return wrong(object, key, "an object", err);
    out->is_there = true;
    if (maa_get_bytes(object, "data", &out->bytes, err) < 0 ||
        find_text(object, "dataType", &type, err) < 0)
        return error_context(err, "%s", key);
    out->is_json = type && strcasecmp(type, "JSON") == 0;
    if (type && !out->is_json && strcasecmp(type, "Binary") != 0)
        return error_set(err, ERROR_INVALID, "%s: dataType is \"%s\", not \"Binary\" or \"JSON\"",
                         key, type);
    if (!out->is_json)
        return 0;
    static const struct json_limits limits = {.size = MAA_DATA_MAX, .depth = DEPTH_MAX};
    json_auto_t *value = json_parse(buf_span(&out->bytes), &limits, err);
    return value ? 0 : error_context(err, "%s: data", key);
}

static int read_nonce(const struct value *body, struct maa_request *out, struct error *err)
{
    const struct value *nonce = value_member(body, "nonce");
    if (!nonce || nonce->kind == VALUE_NULL)
        return 0;
    if (nonce->kind != VALUE_TEXT && nonce->kind != VALUE_INTEGER)
        return error_set(err, ERROR_INVALID, "nonce is %s, not a string or an integer",
                         value_kind(nonce));
    if (nonce->kind == VALUE_TEXT && strlen(nonce->text) > MAA_NONCE_MAX)
        return error_set(err, ERROR_LIMIT, "nonce has %zu bytes; at most %d are taken",
                         strlen(nonce->text), MAA_NONCE_MAX);
    out->nonce = nonce->kind == VALUE_TEXT ? json_string(nonce->text) : json_integer(nonce->number);
    return out->nonce ? 0 : error_memory(err);
}

/* SNP: {"SnpReport": …, …} within "report". The kinds differ only in the member's name. */
static const char *evidence_member(enum maa_kind kind)
{
    switch (kind) {
    case MAA_SEV_SNP:
    case MAA_OPEN_ENCLAVE:
        return "report";
    case MAA_TPM:
    case MAA_AZURE_GUEST:
        return "data";
    default:
        return "quote";
    }
}

static int read_policy(const struct value *body, struct maa_request *out, struct error *err)
{
    const char *text;
    if (find_text(body, "draftPolicyForAttestation", &text, err) < 0)
        return -1;
    return text ? buf_append_text(&out->draft_policy, text, err) : 0;
}

int maa_request_read(enum maa_kind kind, struct span body, struct maa_request *out,
                     struct error *err)
{
    MAA_ARENA_AUTO arena = {0};
    struct value object;
    *out = (struct maa_request){.kind = kind};
    buf_init(&out->evidence, MAA_EVIDENCE_MAX);
    buf_init(&out->runtime.bytes, MAA_DATA_MAX);
    buf_init(&out->init.bytes, MAA_DATA_MAX);
    buf_init(&out->draft_policy, POLICY_MAX);
    if (maa_read_object(body, DEPTH_MAX, &arena, &object, err) < 0)
        return error_context(err, "the request");
    if (maa_get_bytes(&object, evidence_member(kind), &out->evidence, err) < 0 ||
        read_data(&object, "runtimeData", &out->runtime, err) < 0 ||
        read_data(&object, "initTimeData", &out->init, err) < 0 ||
        read_nonce(&object, out, err) < 0)
        return -1;
    return read_policy(&object, out, err);
}

void maa_request_fini(struct maa_request *request)
{
    buf_fini(&request->evidence);
    buf_fini(&request->runtime.bytes);
    buf_fini(&request->init.bytes);
    buf_fini(&request->draft_policy);
    json_decref(request->nonce);
    request->nonce = NULL;
}
