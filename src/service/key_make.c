#include "service/key_make.h"

#include "base/hex.h"
#include "crypto/random.h"

/* --- settings --------------------------------------------------------------------------------- */

static int copy_rule(const struct key_rule *from, struct key_rule *to, struct error *err)
{
    memcpy(to->content_type, from->content_type, sizeof to->content_type);
    buf_truncate(&to->text, 0);
    return buf_append(&to->text, buf_span(&from->text), err);
}

static int set_rule(const struct key_settings *settings, struct key_version *key, struct error *err)
{
    struct key_rule *rule = &key->rule;
    if (!settings->sets_rule && !settings->sets_immutable)
        return 0;
    bool same = !settings->sets_rule ||
                span_equal(buf_span(&settings->rule.text), buf_span(&rule->text));
    if (rule->immutable && (!same || (settings->sets_immutable && !settings->rule.immutable)))
        return error_set(err, ERROR_REFUSED, "the release policy of this version is immutable");
    if (settings->sets_rule && copy_rule(&settings->rule, rule, err) < 0)
        return -1;
    if (settings->sets_immutable)
        rule->immutable = settings->rule.immutable;
    if (rule->text.size == 0)
        return error_set(err, ERROR_INVALID, "release_policy: data is missing");
    return 0;
}

static void set_attributes(const struct key_settings *settings, struct key_attributes *out)
{
    const struct key_attributes *from = &settings->attributes;
    if (settings->sets_enabled)
        out->enabled = from->enabled;
    if (settings->sets_expires)
        out->expires = from->expires;
    if (settings->sets_not_before)
        out->not_before = from->not_before;
}

static void set_lists(const struct key_settings *settings, struct key_version *key)
{
    if (settings->operations) {
        json_decref(key->operations);
        key->operations = json_incref(settings->operations);
    }
    if (settings->tags) {
        json_decref(key->tags);
        key->tags = json_incref(settings->tags);
    }
}

static int check_whole(const struct key_version *key, struct error *err)
{
    const struct key_attributes *attributes = &key->attributes;
    if (attributes->expires != 0 && attributes->expires <= attributes->not_before)
        return error_set(err, ERROR_INVALID, "attributes: exp is not after nbf");
    if (attributes->exportable && key->rule.text.size == 0)
        return error_set(err, ERROR_INVALID,
                         "attributes: a key that is exportable needs a release_policy");
    if (!attributes->exportable && key->rule.text.size > 0)
        return error_set(err, ERROR_INVALID,
                         "release_policy: it is for a key whose attributes say \"exportable\": "
                         "true");
    return 0;
}

static int apply(const struct key_settings *settings, struct key_version *key, struct error *err)
{
    set_attributes(settings, &key->attributes);
    set_lists(settings, key);
    if (set_rule(settings, key, err) < 0)
        return -1;
    return check_whole(key, err);
}

int key_change(const struct key_settings *settings, int64_t now, struct key_version *key,
               struct error *err)
{
    if (settings->sets_exportable && settings->attributes.exportable != key->attributes.exportable)
        return error_set(err, ERROR_REFUSED,
                         "whether a version is exportable is fixed when it is made");
    key->updated = now;
    return apply(settings, key, err);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* The members of the public half alone. */
static json_t *public_members(const struct jwk *jwk, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_HEADER_MAX, .depth = 2};
    BUF_AUTO text = BUF_WITH_LIMIT(JOSE_HEADER_MAX);
    struct jwk bare = {.kind = jwk->kind, .public_key = jwk->public_key}; /* borrowed */
    if (jwk_append_public(&bare, &text, err) < 0)
        return NULL;
    json_t *object = json_parse_object(buf_span(&text), &limits, err);
    if (object)
        (void)json_object_del(object, "kty");
    return object;
}

static int set_pair(const struct jwk *jwk, struct key_version *out, struct error *err)
{
    out->public_key = public_members(jwk, err);
    if (!out->public_key)
        return -1;
    return private_key_to_pkcs8(jwk->private_key, &out->secret, err);
}

static int make_pair(const struct key_request *request, struct key_version *out, struct error *err)
{
    JWK_AUTO jwk;
    jwk_init(&jwk);
    jwk.kind = request->type == KEY_TYPE_RSA ? KEY_RSA : request->kind;
    jwk.private_key = private_key_new(jwk.kind, request->bits, err);
    jwk.public_key = jwk.private_key ? private_key_dup_public(jwk.private_key, err) : NULL;
    return jwk.public_key ? set_pair(&jwk, out, err) : -1;
}

static int set_secret(struct span secret, struct key_version *out, struct error *err)
{
    out->public_key = json_object();
    return out->public_key ? buf_append(&out->secret, secret, err) : error_memory(err);
}

static int make_secret(unsigned bits, struct key_version *out, struct error *err)
{
    struct buf secret = BUF_WITH_LIMIT(bits / 8);
    int result = -1;
    if (buf_append_zero(&secret, bits / 8, err) == 0 &&
        random_bytes(secret.data, secret.size, err) == 0)
        result = set_secret(buf_span(&secret), out, err);
    buf_fini_secret(&secret);
    return result;
}

static int make_key(const struct key_request *request, struct key_version *out, struct error *err)
{
    const struct jwk *jwk = &request->jwk;
    if (jwk->is_oct)
        return set_secret(buf_span(&jwk->secret), out, err);
    if (jwk->private_key)
        return set_pair(jwk, out, err);
    if (request->type == KEY_TYPE_OCT)
        return make_secret(request->bits, out, err);
    return make_pair(request, out, err);
}

/* What a key may be used for where nobody says: as Azure Key Vault has it. */
static json_t *default_operations(enum key_type type)
{
    switch (type) {
    case KEY_TYPE_RSA:
        return json_pack("[s,s,s,s,s,s]", "encrypt", "decrypt", "sign", "verify", "wrapKey",
                         "unwrapKey");
    case KEY_TYPE_EC:
        return json_pack("[s,s]", "sign", "verify");
    default:
        return json_pack("[s,s,s,s]", "encrypt", "decrypt", "wrapKey", "unwrapKey");
    }
}

static int name_version(struct key_version *out, struct error *err)
{
    uint8_t id[KEY_VERSION_LEN / 2];
    if (random_bytes(id, sizeof id, err) < 0)
        return -1;
    hex_encode(span_of(id, sizeof id), out->version);
    return 0;
}

int key_make(const struct key_request *request, int64_t now, struct key_version *out,
             struct error *err)
{
    out->type = request->type;
    out->is_hsm = request->is_hsm;
    out->created = out->updated = now;
    out->attributes = (struct key_attributes){
        .enabled = true,
        .exportable = request->settings.sets_exportable && request->settings.attributes.exportable};
    out->operations = default_operations(request->type);
    out->tags = json_object();
    if (!out->operations || !out->tags)
        return error_memory(err);
    /* First what costs nothing. */
    if (apply(&request->settings, out, err) < 0 || name_version(out, err) < 0)
        return -1;
    return make_key(request, out, err);
}
