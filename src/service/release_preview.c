/* What a token, or claims that somebody thinks of, would get: each key of the tenant, released or
 * the reason why not. Nothing is given out, and nothing noted. */
#include <stdlib.h>

#include "base/text.h"
#include "service/key_answer.h"
#include "service/keys_parts.h"
#include "service/release_preview.h"
#include "service/release_token.h"

struct names {
    char at[RELEASE_PREVIEW_MAX][KEY_NAME_MAX + 1];
    size_t count;
};

static int keep_name(void *context, const char *name, struct error *err)
{
    struct names *names = context;
    (void)err;
    (void)text_copy(names->at[names->count++], KEY_NAME_MAX + 1, name);
    return 0;
}

/* The newest version of a key; keys that are deleted are left out. */
static int preview_key(const struct call *call, const char *name, const char *issuer,
                       const json_t *claims, json_t *out, struct error *err)
{
    struct error own = {0}, why = {0};
    struct key_store store = keys_of(call);
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    if (key_store_read(&store, name, NULL, &key, &own) < 0)
        return own.code == ERROR_NOT_FOUND ? 0 : error_set(err, own.code, "%s", own.text);
    bool released = release_decide(&key, issuer, claims, call->now, &why) == 0;
    TEXT_AUTO kid = key_id(call->tenant->issuer, &key);
    json_t *entry = kid ? json_pack("{s:s, s:s, s:b, s:s?}", "name", name, "kid", kid, "released",
                                    released, "reason", released ? NULL : why.text)
                        : NULL;
    return json_array_append_new(out, entry) < 0 ? error_memory(err) : 0;
}

json_t *release_preview(const struct call *call, const char *issuer, const json_t *claims,
                        struct error *err)
{
    struct key_store store = keys_of(call);
    struct names *names = calloc(1, sizeof *names);
    json_t *out = json_array();
    int result = names && out
                     ? key_store_list(&store, "", RELEASE_PREVIEW_MAX, keep_name, names, err)
                     : error_memory(err);
    for (size_t i = 0; result == 0 && i < names->count; i++)
        result = preview_key(call, names->at[i], issuer, claims, out, err);
    free(names);
    if (result == 0)
        return out;
    json_decref(out);
    return NULL;
}

/* --- POST /keys:check ------------------------------------------------------------------------- */

static int check_token(const struct call *call, const char *target, json_t **out, struct error *err)
{
    struct error own = {0};
    JWK_AUTO recipient;
    RELEASE_TOKEN_AUTO token = {0};
    jwk_init(&recipient);
    if (release_token_read(call, target, &token, err) < 0)
        return -1;
    json_t *keys = release_preview(call, token.issuer, token.claims, err);
    if (!keys)
        return -1;
    /* Without it no rule helps. */
    bool wraps = release_token_find_key(&token, &recipient, &own) == 0;
    *out = json_pack("{s:s, s:s?, s:o}", "issuer", token.issuer, "warning", wraps ? NULL : own.text,
                     "keys", keys);
    return *out ? 0 : error_memory(err);
}

static int check_claims(const struct call *call, const json_t *body, json_t **out,
                        struct error *err)
{
    const char *issuer = NULL;
    json_t *claims;
    if (json_find_text(body, "issuer", &issuer, err) < 0 ||
        json_get_object(body, "claims", &claims, err) < 0)
        return -1;
    if (!issuer)
        issuer = call->tenant->issuer;
    json_t *keys = release_preview(call, issuer, claims, err);
    if (!keys)
        return -1;
    *out = json_pack("{s:s, s:n, s:o}", "issuer", issuer, "warning", "keys", keys);
    return *out ? 0 : error_memory(err);
}

static int check(const struct call *call, json_t **out, struct error *err)
{
    static const struct json_limits limits = {.size = (size_t)1 << 20, .depth = 32};
    static const char *const known[] = {"target", "issuer", "claims", NULL};
    const char *target;
    json_auto_t *body = json_parse_object(call->request->body, &limits, err);
    if (!body || json_check_keys(body, known, err) < 0 ||
        json_find_text(body, "target", &target, err) < 0)
        return -1;
    if (!target)
        return check_claims(call, body, out, err);
    if (json_object_size(body) != 1)
        return error_set(err, ERROR_INVALID, "either target, or issuer and claims");
    return check_token(call, target, out, err);
}

void keys_check(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    json_t *value = NULL;
    if (!keys_check_api_version(call, answer) || !service_check_administrator(call, answer))
        return;
    if (check(call, &value, &err) == 0)
        keys_answer(answer, value);
    else if (err.code == ERROR_REFUSED)
        answer_error(answer, HTTP_UNAUTHORIZED, NULL, err.text);
    else
        keys_answer_error(answer, &err);
}
