#include "service/key_answer.h"

#include "base/base64.h"
#include "base/text.h"

char *key_id(const char *issuer, const struct key_version *key)
{
    return text_format("%s/keys/%s/%s", issuer, key->name, key->version);
}

static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* An object that is whole, or NULL; takes `object`. */
static json_t *keep_if(bool good, json_t *object)
{
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *jwk_of(const char *issuer, const struct key_version *key)
{
    TEXT_AUTO kid = key_id(issuer, key);
    json_t *object = kid ? json_pack("{s:s, s:s, s:O}", "kid", kid, "kty",
                                     key_type_name(key->type, key->is_hsm), "key_ops",
                                     key->operations)
                         : NULL;
    return keep_if(object && json_object_update(object, key->public_key) == 0, object);
}

static json_t *attributes_of(const struct key_version *key)
{
    const struct key_attributes *from = &key->attributes;
    json_t *object = json_pack("{s:b, s:I, s:I, s:s, s:b}", "enabled", from->enabled, "created",
                               (json_int_t)key->created, "updated", (json_int_t)key->updated,
                               "recoveryLevel", "Recoverable+Purgeable", "exportable",
                               from->exportable);
    bool good = object != NULL;
    if (from->expires != 0)
        good = good && set(object, "exp", json_integer(from->expires));
    if (from->not_before != 0)
        good = good && set(object, "nbf", json_integer(from->not_before));
    return keep_if(good, object);
}

static bool add_rule(json_t *object, const struct key_rule *rule)
{
    BUF_AUTO data = BUF_WITH_LIMIT(2 * RELEASE_POLICY_SIZE_MAX);
    if (rule->text.size == 0)
        return true;
    if (base64url_encode(buf_span(&rule->text), &data, NULL) < 0)
        return false;
    return set(object, "release_policy",
               json_pack("{s:s, s:s, s:b}", "contentType", rule->content_type, "data",
                         buf_text(&data), "immutable", rule->immutable));
}

static bool add_common(json_t *object, const struct key_version *key)
{
    return set(object, "attributes", attributes_of(key)) &&
           (json_object_size(key->tags) == 0 || json_object_set(object, "tags", key->tags) == 0);
}

json_t *key_to_json(const char *issuer, const struct key_version *key)
{
    json_t *object = json_object();
    return keep_if(object && set(object, "key", jwk_of(issuer, key)) && add_common(object, key) &&
                       add_rule(object, &key->rule),
                   object);
}

json_t *key_item_to_json(const char *issuer, const struct key_version *key)
{
    TEXT_AUTO kid = key_id(issuer, key);
    json_t *object = kid ? json_pack("{s:s}", "kid", kid) : NULL;
    return keep_if(object && add_common(object, key), object);
}

bool key_add_deletion(json_t *object, const char *issuer, const char *name, int64_t deleted)
{
    TEXT_AUTO id = text_format("%s/deletedkeys/%s", issuer, name);
    return id && set(object, "recoveryId", json_string(id)) &&
           set(object, "deletedDate", json_integer(deleted));
}
