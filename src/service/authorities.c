#include "service/authorities.h"

#include <stdlib.h>

#include "format/jwk.h"
#include "os/file.h"

#define KEYS_MAX      32 /* of an authority */
#define KEYS_FILE_MAX ((size_t)256 << 10)

/* What an authority may sign by. RS256 is what Microsoft Azure Attestation signs by. */
#define ACCEPTED                                                                                   \
    (SIGNATURE_RS256 | SIGNATURE_RS384 | SIGNATURE_RS512 | SIGNATURE_PS256 | SIGNATURE_PS384 |     \
     SIGNATURE_PS512 | SIGNATURE_ES256 | SIGNATURE_ES384 | SIGNATURE_ES512)

struct authority {
    const struct config_authority *config;
    const struct config_tenant *tenant;
    struct jwk keys[KEYS_MAX];
    size_t count;
};

struct authorities {
    struct authority *at;
    size_t count;
};

/* --- read ------------------------------------------------------------------------------------- */

/* Keys of kinds that are not known here are left aside, as the RFC says. */
static int read_keys(json_t *set, struct authority *out, struct error *err)
{
    json_t *keys;
    if (json_get_array(set, "keys", &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        struct jwk *jwk = &out->keys[out->count];
        if (out->count == KEYS_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d keys", KEYS_MAX);
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

static int read_authority(struct authority *authority, struct error *err)
{
    static const struct json_limits limits = {.size = KEYS_FILE_MAX, .depth = JOSE_DEPTH_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(KEYS_FILE_MAX);
    if (file_read(authority->config->keys, &text, err) < 0)
        return -1;
    json_auto_t *set = json_parse_object(buf_span(&text), &limits, err);
    if (!set || read_keys(set, authority, err) < 0)
        return error_context(err, "%s", authority->config->keys);
    return 0;
}

static int read_all(const struct config *config, struct authorities *out, struct error *err)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t k = 0; k < tenant->authority_count; k++) {
            struct authority *authority = &out->at[out->count++];
            authority->config = &tenant->authorities[k];
            authority->tenant = tenant;
            if (read_authority(authority, err) < 0)
                return error_context(err, "authority %s", authority->config->issuer);
        }
    }
    return 0;
}

struct authorities *authorities_open(const struct config *config, struct error *err)
{
    size_t count = 1; /* never none: an allocation of nothing may be NULL */
    for (size_t i = 0; i < config->tenant_count; i++)
        count += config->tenants[i].authority_count;
    struct authorities *authorities = calloc(1, sizeof *authorities);
    if (authorities)
        authorities->at = calloc(count, sizeof *authorities->at);
    if (authorities && authorities->at && read_all(config, authorities, err) == 0)
        return authorities;
    if (!authorities || !authorities->at)
        (void)error_memory(err);
    authorities_close(authorities);
    return NULL;
}

void authorities_close(struct authorities *authorities)
{
    if (!authorities)
        return;
    for (size_t i = 0; i < authorities->count; i++) {
        for (size_t k = 0; k < authorities->at[i].count; k++)
            jwk_fini(&authorities->at[i].keys[k]);
    }
    free(authorities->at);
    free(authorities);
}

/* --- check ------------------------------------------------------------------------------------ */

static const struct authority *find(const struct authorities *authorities,
                                    const struct config_tenant *tenant, const char *issuer)
{
    for (size_t i = 0; i < authorities->count; i++) {
        const struct authority *authority = &authorities->at[i];
        if (authority->tenant == tenant && strcmp(authority->config->issuer, issuer) == 0)
            return authority;
    }
    return NULL;
}

int authorities_check(const struct authorities *authorities, const struct config_tenant *tenant,
                      const char *issuer, const struct jws *jws,
                      const struct config_authority **out, struct error *err)
{
    const char *kid;
    const struct authority *authority = find(authorities, tenant, issuer);
    if (!authority)
        return error_set(err, ERROR_REFUSED,
                         "its issuer \"%.128s\" is neither this service nor one of the tenant's "
                         "authorities",
                         issuer);
    if (json_get_text(jws->header, "kid", &kid, err) < 0)
        return -1;
    *out = authority->config;
    for (size_t i = 0; i < authority->count; i++) {
        if (strcmp(authority->keys[i].kid, kid) == 0)
            return jws_check(jws, authority->keys[i].public_key, ACCEPTED, err);
    }
    return error_set(err, ERROR_REFUSED, "it names the key \"%.64s\", which is none of %.128s", kid,
                     issuer);
}
