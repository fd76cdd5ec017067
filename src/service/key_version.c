#include "service/key_version.h"

#include "base/cursor.h"
#include "base/text.h"
#include "format/jwk.h"
#include "format/timestamp.h"

#define DEPTH_MAX 8

/* --- life and names --------------------------------------------------------------------------- */

void key_version_init(struct key_version *key)
{
    *key = (struct key_version){.rule.text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX),
                                .secret = BUF_WITH_LIMIT(KEY_DER_MAX)};
}

void key_version_fini(struct key_version *key)
{
    json_decref(key->public_key);
    json_decref(key->operations);
    json_decref(key->tags);
    buf_fini(&key->rule.text);
    buf_fini_secret(&key->secret);
    key_version_init(key);
}

bool key_name_is_good(const char *name)
{
    size_t len = strnlen(name, KEY_NAME_MAX + 1);
    return len > 0 && len <= KEY_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

bool key_version_is_good(const char *version)
{
    return strnlen(version, KEY_VERSION_LEN + 1) == KEY_VERSION_LEN &&
           strspn(version, "0123456789abcdef") == KEY_VERSION_LEN;
}

static const char *const type_names[KEY_TYPE_COUNT][2] = {
    [KEY_TYPE_OCT] = {"oct", "oct-HSM"},
    [KEY_TYPE_RSA] = {"RSA", "RSA-HSM"},
    [KEY_TYPE_EC] = {"EC", "EC-HSM"},
};

const char *key_type_name(enum key_type type, bool is_hsm)
{
    return type_names[type][is_hsm];
}

bool key_type_find(const char *name, enum key_type *type, bool *is_hsm)
{
    for (size_t i = 0; i < KEY_TYPE_COUNT; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (strcmp(type_names[i][k], name) != 0)
                continue;
            *type = (enum key_type)i;
            *is_hsm = k == 1;
            return true;
        }
    }
    return false;
}

/* --- what its lists may hold ------------------------------------------------------------------ */

int key_check_operations(const json_t *operations, struct error *err)
{
    static const char *const known[] = {"encrypt",   "decrypt", "sign",   "verify",   "wrapKey",
                                        "unwrapKey", "import",  "export", "deriveKey"};
    const size_t count = sizeof known / sizeof known[0];
    unsigned seen = 0;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *name;
        size_t k = 0;
        if (json_text_at(operations, i, "key_ops", &name, err) < 0)
            return -1;
        while (k < count && strcmp(known[k], name) != 0)
            k++;
        if (k == count)
            return error_set(err, ERROR_INVALID, "key_ops has \"%.32s\", which is not known", name);
        if (seen & 1U << k)
            return error_set(err, ERROR_INVALID, "key_ops has \"%s\" twice", name);
        seen |= 1U << k;
    }
    return 0;
}

int key_check_tags(const json_t *tags, struct error *err)
{
    /* jansson's iterators take what they only read as mutable. */
    json_t *object = (json_t *)(uintptr_t)tags;
    if (json_object_size(tags) > KEY_TAGS_MAX)
        return error_set(err, ERROR_LIMIT, "tags: at most %d are taken", KEY_TAGS_MAX);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const json_t *value = json_object_iter_value(at);
        if (!json_is_string(value))
            return error_set(err, ERROR_INVALID, "tags: \"%.32s\" is %s, not a string",
                             json_object_iter_key(at), json_kind(value));
        if (json_object_iter_key_len(at) > KEY_TAG_MAX || json_string_length(value) > KEY_TAG_MAX)
            return error_set(err, ERROR_LIMIT, "tags: a name or a value has more than %d bytes",
                             KEY_TAG_MAX);
    }
    return 0;
}

/* --- as bytes --------------------------------------------------------------------------------- */

static json_t *describe_rule(const struct key_rule *rule)
{
    if (rule->text.size == 0)
        return json_null();
    return json_pack("{s:s, s:s, s:b}", "text", buf_text(&rule->text), "type", rule->content_type,
                     "immutable", rule->immutable);
}

static json_t *describe(const struct key_version *key)
{
    const struct key_attributes *attributes = &key->attributes;
    return json_pack("{s:s, s:O, s:O, s:O, s:b, s:b, s:I, s:I, s:I, s:I, s:o}", "kty",
                     key_type_name(key->type, key->is_hsm), "public", key->public_key, "key_ops",
                     key->operations, "tags", key->tags, "enabled", attributes->enabled,
                     "exportable", attributes->exportable, "exp", (json_int_t)attributes->expires,
                     "nbf", (json_int_t)attributes->not_before, "created", (json_int_t)key->created,
                     "updated", (json_int_t)key->updated, "rule", describe_rule(&key->rule));
}

int key_version_write(const struct key_version *key, struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_VERSION_BYTES);
    json_auto_t *document = describe(key);
    if (!document)
        return error_memory(err);
    if (json_append(document, &text, err) < 0 ||
        buf_append_le32(out, (uint32_t)text.size, err) < 0 ||
        buf_append(out, buf_span(&text), err) < 0)
        return -1;
    return buf_append(out, buf_span(&key->secret), err);
}

static int read_rule(const json_t *document, struct key_rule *out, struct error *err)
{
    json_t *rule = json_object_get(document, "rule");
    const char *text, *type;
    if (json_is_null(rule))
        return 0;
    if (json_get_object(document, "rule", &rule, err) < 0 ||
        json_get_text(rule, "text", &text, err) < 0 ||
        json_get_text(rule, "type", &type, err) < 0 ||
        json_get_bool(rule, "immutable", &out->immutable, err) < 0)
        return -1;
    if (!text_copy(out->content_type, sizeof out->content_type, type))
        return error_set(err, ERROR_LIMIT, "the rule's content type is too long");
    return buf_append_text(&out->text, text, err);
}

static int read_members(const json_t *document, struct key_version *out, struct error *err)
{
    const char *type;
    if (json_get_text(document, "kty", &type, err) < 0 ||
        json_get_object(document, "public", &out->public_key, err) < 0 ||
        json_get_array(document, "key_ops", &out->operations, err) < 0 ||
        json_get_object(document, "tags", &out->tags, err) < 0)
        return -1;
    if (!key_type_find(type, &out->type, &out->is_hsm))
        return error_set(err, ERROR_INVALID, "a key of type \"%.32s\"", type);
    return 0;
}

static int read_attributes(const json_t *document, struct key_version *out, struct error *err)
{
    struct key_attributes *attributes = &out->attributes;
    if (json_get_bool(document, "enabled", &attributes->enabled, err) < 0 ||
        json_get_bool(document, "exportable", &attributes->exportable, err) < 0 ||
        json_get_i64(document, "exp", &attributes->expires, err) < 0 ||
        json_get_i64(document, "nbf", &attributes->not_before, err) < 0 ||
        json_get_i64(document, "created", &out->created, err) < 0)
        return -1;
    return json_get_i64(document, "updated", &out->updated, err);
}

int key_version_read(struct span bytes, struct key_version *out, struct error *err)
{
    static const struct json_limits limits = {.size = KEY_VERSION_BYTES, .depth = DEPTH_MAX};
    struct cursor cursor = cursor_of(bytes);
    uint32_t size;
    struct span text;
    if (!cursor_le32(&cursor, &size) || !cursor_read(&cursor, size, &text))
        return error_set(err, ERROR_INVALID, "a key's record is cut");
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document)
        return error_context(err, "a key's record");
    int result = read_members(document, out, err);
    json_incref(out->public_key);
    json_incref(out->operations);
    json_incref(out->tags);
    if (result < 0 || read_attributes(document, out, err) < 0 ||
        read_rule(document, &out->rule, err) < 0)
        return error_context(err, "a key's record");
    return buf_append(&out->secret, cursor.rest, err);
}

/* --- use -------------------------------------------------------------------------------------- */

int key_version_check_usable(const struct key_version *key, int64_t now, struct error *err)
{
    char time[TIMESTAMP_SIZE];
    const struct key_attributes *attributes = &key->attributes;
    if (!attributes->enabled)
        return error_set(err, ERROR_REFUSED, "the key is disabled");
    if (attributes->not_before > now) {
        timestamp_write(attributes->not_before, time);
        return error_set(err, ERROR_REFUSED, "the key is not valid before %s", time);
    }
    if (attributes->expires != 0 && attributes->expires <= now) {
        timestamp_write(attributes->expires, time);
        return error_set(err, ERROR_REFUSED, "the key expired at %s", time);
    }
    if (!attributes->exportable || key->rule.text.size == 0)
        return error_set(err, ERROR_REFUSED,
                         "the key is not exportable: one that is needs a release policy");
    return 0;
}
