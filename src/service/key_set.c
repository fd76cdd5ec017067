#include "service/key_set.h"

/* What others may sign by. RS256 is what Microsoft's services sign by. */
#define ACCEPTED                                                                                   \
    (SIGNATURE_RS256 | SIGNATURE_RS384 | SIGNATURE_RS512 | SIGNATURE_PS256 | SIGNATURE_PS384 |     \
     SIGNATURE_PS512 | SIGNATURE_ES256 | SIGNATURE_ES384 | SIGNATURE_ES512)

void key_set_fini(struct key_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        jwk_fini(&set->keys[i]);
    set->count = 0;
}

static int read_keys(json_t *object, struct key_set *out, struct error *err)
{
    json_t *keys;
    if (json_get_array(object, "keys", &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct jwk *jwk = &out->keys[out->count];
        if (out->count == KEY_SET_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d keys", KEY_SET_MAX);
        jwk_init(jwk);
        if (jwk_read(json_array_get(keys, i), jwk, NULL) < 0)
            continue;
        if (jwk->public_key && jwk->kid[0] && jwk_may(jwk, JWK_VERIFY))
            out->count++;
        else
            jwk_fini(jwk);
    }
    return out->count > 0
               ? 0
               : error_set(err, ERROR_INVALID, "no key with a kid that checks signatures is in it");
}

int key_set_read(struct span text, struct key_set *out, struct error *err)
{
    static const struct json_limits limits = {.size = KEY_SET_SIZE_MAX, .depth = JOSE_DEPTH_MAX};
    json_auto_t *object = json_parse_object(text, &limits, err);
    return object ? read_keys(object, out, err) : -1;
}

int key_set_check(const struct key_set *set, const struct jws *jws, struct error *err)
{
    const char *kid;
    if (json_get_text(jws->header, "kid", &kid, err) < 0)
        return -1;
    for (size_t i = 0; i < set->count; i++) {
        const struct jwk *key = &set->keys[i];
        if (strcmp(key->kid, kid) != 0)
            continue;
        if (key->alg[0] && strcmp(key->alg, jws->algorithm) != 0)
            return error_set(err, ERROR_REFUSED, "it is signed by \"%.32s\" with a key for %s",
                             jws->algorithm, key->alg);
        return jws_check(jws, key->public_key, ACCEPTED, err);
    }
    return error_set(err, ERROR_NOT_FOUND, "there is no key \"%.64s\"", kid);
}
