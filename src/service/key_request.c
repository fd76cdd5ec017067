#include "service/key_request.h"

#include <strings.h>

#include "base/base64.h"
#include "base/text.h"
#include "service/maa_request.h"

#define BODY_MAX     ((size_t)1 << 20)
#define DEPTH_MAX    8
#define CONTENT_TYPE "application/json; charset=utf-8"

void key_request_init(struct key_request *request)
{
    *request = (struct key_request){.settings.rule.text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX)};
    jwk_init(&request->jwk);
}

void key_request_fini(struct key_request *request)
{
    json_decref(request->settings.operations);
    json_decref(request->settings.tags);
    buf_fini(&request->settings.rule.text);
    jwk_fini(&request->jwk);
    key_request_init(request);
}

static json_t *parse(struct span body, const char *const known[], struct error *err)
{
    static const struct json_limits limits = {.size = BODY_MAX, .depth = DEPTH_MAX};
    json_t *object = json_parse_object(body, &limits, err);
    if (object && json_check_keys(object, known, err) == 0)
        return object;
    json_decref(object);
    (void)error_context(err, "the request");
    return NULL;
}

/* --- settings --------------------------------------------------------------------------------- */

/* Seconds since 1970; *sets says whether the member is there. */
static int find_time(const json_t *object, const char *key, bool *sets, int64_t *out,
                     struct error *err)
{
    uint64_t value = 0;
    const json_t *member = json_object_get(object, key);
    *sets = member != NULL;
    if (!member || json_is_null(member)) /* null takes the time away */
        return 0;
    if (json_find_u64(object, key, INT64_MAX, &value, err) < 0)
        return -1;
    if (value == 0)
        return error_set(err, ERROR_INVALID, "%s is 0, not seconds since 1970", key);
    *out = (int64_t)value;
    return 0;
}

static int read_attributes(const json_t *body, struct key_settings *out, struct error *err)
{
    static const char *const known[] = {"enabled", "exp", "nbf", "exportable", NULL};
    json_t *object;
    if (json_find_object(body, "attributes", &object, err) < 0)
        return -1;
    if (!object)
        return 0;
    out->sets_enabled = json_object_get(object, "enabled") != NULL;
    out->sets_exportable = json_object_get(object, "exportable") != NULL;
    if (json_check_keys(object, known, err) < 0 ||
        json_find_bool(object, "enabled", &out->attributes.enabled, err) < 0 ||
        json_find_bool(object, "exportable", &out->attributes.exportable, err) < 0 ||
        find_time(object, "exp", &out->sets_expires, &out->attributes.expires, err) < 0 ||
        find_time(object, "nbf", &out->sets_not_before, &out->attributes.not_before, err) < 0)
        return error_context(err, "attributes");
    return 0;
}

static int read_content_type(const json_t *object, struct key_rule *out, struct error *err)
{
    const char *type = NULL;
    if (json_find_text(object, "contentType", &type, err) < 0)
        return -1;
    if (!type)
        type = CONTENT_TYPE;
    if (strncasecmp(type, "application/json", strlen("application/json")) != 0 ||
        !text_copy(out->content_type, sizeof out->content_type, type))
        return error_set(err, ERROR_INVALID, "contentType is \"%.64s\", not \"" CONTENT_TYPE "\"",
                         type);
    return 0;
}

static int read_rule_text(const json_t *object, struct buf *out, struct error *err)
{
    const char *text;
    if (json_get_text(object, "data", &text, err) < 0)
        return -1;
    if (maa_decode(span_of_text(text), out, err) < 0)
        return error_context(err, "data");
    return out->size > 0 ? 0 : error_set(err, ERROR_INVALID, "data is empty");
}

/* {"data": base64url of the policy, "contentType", "immutable"} */
static int read_rule(const json_t *body, struct key_settings *out, struct error *err)
{
    static const char *const known[] = {"data", "contentType", "immutable", NULL};
    json_t *object;
    if (json_find_object(body, "release_policy", &object, err) < 0)
        return -1;
    if (!object)
        return 0;
    out->sets_rule = json_object_get(object, "data") != NULL;
    out->sets_immutable = json_object_get(object, "immutable") != NULL;
    if (json_check_keys(object, known, err) < 0 ||
        json_find_bool(object, "immutable", &out->rule.immutable, err) < 0 ||
        read_content_type(object, &out->rule, err) < 0)
        return error_context(err, "release_policy");
    if (!out->sets_rule)
        return 0;
    if (read_rule_text(object, &out->rule.text, err) < 0)
        return error_context(err, "release_policy");
    RELEASE_POLICY_AUTO *policy = release_policy_new(buf_span(&out->rule.text), err);
    return policy ? 0 : -1;
}

static int read_settings(const json_t *body, struct key_settings *out, struct error *err)
{
    json_t *operations, *tags;
    if (json_find_array(body, "key_ops", &operations, err) < 0 ||
        json_find_object(body, "tags", &tags, err) < 0)
        return -1;
    if ((operations && key_check_operations(operations, err) < 0) ||
        (tags && key_check_tags(tags, err) < 0))
        return -1;
    out->operations = json_incref(operations);
    out->tags = json_incref(tags);
    if (read_attributes(body, out, err) < 0)
        return -1;
    return read_rule(body, out, err);
}

/* --- create ----------------------------------------------------------------------------------- */

static int read_type(const json_t *object, struct key_request *out, struct error *err)
{
    const char *name;
    if (json_get_text(object, "kty", &name, err) < 0)
        return -1;
    if (!key_type_find(name, &out->type, &out->is_hsm))
        return error_set(err, ERROR_INVALID,
                         "kty is \"%.32s\", none of oct, RSA, EC, oct-HSM, RSA-HSM, EC-HSM", name);
    return 0;
}

static int read_size(const json_t *body, struct key_request *out, struct error *err)
{
    static const unsigned rsa[] = {2048, 3072, 4096}, oct[] = {256, 192, 128};
    const unsigned *known = out->type == KEY_TYPE_RSA ? rsa : oct;
    uint64_t bits = known[0];
    if (json_find_u64(body, "key_size", UINT32_MAX, &bits, err) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        if (bits == known[i]) {
            out->bits = (unsigned)bits;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "key_size is %llu, none of %u, %u, %u for this kty",
                     (unsigned long long)bits, known[0], known[1], known[2]);
}

static int read_curve(const json_t *body, struct key_request *out, struct error *err)
{
    static const char *const names[] = {"P-256", "P-384", "P-521"};
    const char *name;
    if (json_find_text(body, "crv", &name, err) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        out->kind = (enum key_kind)(KEY_P256 + i);
        if (!name || strcmp(names[i], name) == 0)
            return 0;
    }
    return error_set(err, ERROR_INVALID, "crv is \"%.32s\", none of P-256, P-384, P-521", name);
}

static int read_create(const json_t *body, struct key_request *out, struct error *err)
{
    const char *const stray = out->type == KEY_TYPE_EC ? "key_size" : "crv";
    uint64_t exponent = 65537;
    if (json_object_get(body, stray))
        return error_set(err, ERROR_INVALID, "%s does not go with a key of type %s", stray,
                         key_type_name(out->type, out->is_hsm));
    if (json_find_u64(body, "public_exponent", UINT32_MAX, &exponent, err) < 0)
        return -1;
    if (exponent != 65537)
        return error_set(err, ERROR_INVALID, "public_exponent is %llu; 65537 is what is made here",
                         (unsigned long long)exponent);
    return out->type == KEY_TYPE_EC ? read_curve(body, out, err) : read_size(body, out, err);
}

int key_request_read_create(struct span body, struct key_request *out, struct error *err)
{
    static const char *const known[] = {"kty",
                                        "key_size",
                                        "crv",
                                        "key_ops",
                                        "attributes",
                                        "tags",
                                        "release_policy",
                                        "public_exponent",
                                        NULL};
    json_auto_t *object = parse(body, known, err);
    if (!object || read_type(object, out, err) < 0 || read_create(object, out, err) < 0)
        return -1;
    return read_settings(object, &out->settings, err);
}

/* --- import ----------------------------------------------------------------------------------- */

/* The key itself, a JWK with its private members. Its key_ops are the key's. */
static int read_key(json_t *key, struct key_request *out, struct error *err)
{
    json_t *operations;
    if (json_object_get(key, "key_hsm"))
        return error_set(err, ERROR_INVALID,
                         "key_hsm is for a hardware module: import the JWK in the clear, by TLS");
    if (json_find_array(key, "key_ops", &operations, err) < 0 || read_type(key, out, err) < 0)
        return -1;
    if (operations && key_check_operations(operations, err) < 0)
        return -1;
    out->settings.operations = json_incref(operations);
    /* Our own names of operations were checked above; those of RFC 7517 are fewer. */
    (void)json_object_del(key, "key_ops");
    if (json_object_set_new(key, "kty", json_string(key_type_name(out->type, false))) < 0)
        return error_memory(err);
    if (jwk_read(key, &out->jwk, err) < 0)
        return -1;
    out->kind = out->jwk.kind;
    if (!out->jwk.is_oct && !out->jwk.private_key)
        return error_set(err, ERROR_INVALID, "it has no private members: there is nothing to keep");
    return 0;
}

int key_request_read_import(struct span body, struct key_request *out, struct error *err)
{
    static const char *const known[] = {"key", "hsm", "attributes", "tags", "release_policy", NULL};
    bool is_hsm = false;
    json_t *key;
    json_auto_t *object = parse(body, known, err);
    if (!object || json_get_object(object, "key", &key, err) < 0)
        return -1;
    if (read_key(key, out, err) < 0) {
        jwk_wipe(key);
        return error_context(err, "key");
    }
    if (json_find_bool(object, "hsm", &is_hsm, err) < 0)
        return -1;
    out->is_hsm |= is_hsm;
    json_t *operations = out->settings.operations;
    int result = read_settings(object, &out->settings, err);
    out->settings.operations = operations;
    return result;
}

/* --- update ----------------------------------------------------------------------------------- */

int key_request_read_update(struct span body, struct key_request *out, struct error *err)
{
    static const char *const known[] = {"key_ops", "attributes", "tags", "release_policy", NULL};
    json_auto_t *object = parse(body, known, err);
    return object ? read_settings(object, &out->settings, err) : -1;
}

/* --- release ---------------------------------------------------------------------------------- */

static int read_release(const json_t *object, struct release_request *out, struct error *err)
{
    const char *wrap = NULL;
    if (json_get_text(object, "target", &out->target, err) < 0 ||
        json_find_text(object, "nonce", &out->nonce, err) < 0 ||
        json_find_text(object, "enc", &wrap, err) < 0)
        return -1;
    if (strlen(out->target) > RELEASE_TARGET_MAX)
        return error_set(err, ERROR_LIMIT, "target has more than %zu bytes", RELEASE_TARGET_MAX);
    if (out->nonce && strlen(out->nonce) > RELEASE_NONCE_MAX)
        return error_set(err, ERROR_LIMIT, "nonce has more than %d bytes", RELEASE_NONCE_MAX);
    if (wrap && !key_wrap_find(wrap, &out->wrap))
        return error_set(err, ERROR_INVALID,
                         "enc is \"%.32s\", none of CKM_RSA_AES_KEY_WRAP, RSA_AES_KEY_WRAP_256, "
                         "RSA_AES_KEY_WRAP_384",
                         wrap);
    return 0;
}

int release_request_read(struct span body, struct release_request *out, struct error *err)
{
    static const char *const known[] = {"target", "nonce", "enc", NULL};
    *out = (struct release_request){.wrap = RSA_AES_KEY_WRAP_256};
    out->document = parse(body, known, err);
    return out->document ? read_release(out->document, out, err) : -1;
}

void release_request_fini(struct release_request *request)
{
    json_decref(request->document);
    *request = (struct release_request){0};
}
