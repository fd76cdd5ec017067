#include "service/oidc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "service/key_source.h"

/* An issuer that a tenant trusts. */
struct provider {
    const struct config_tenant *tenant;
    const struct config_oidc *config;
    struct key_source keys;
};

struct oidc {
    struct provider *at;
    size_t count;
};

/* --- life ------------------------------------------------------------------------------------- */

static int open_all(const struct config *config, struct oidc *oidc, struct error *err)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t k = 0; k < tenant->oidc_count; k++) {
            struct provider *provider = &oidc->at[oidc->count++];
            provider->tenant = tenant;
            provider->config = &tenant->oidc[k];
            if (key_source_open(&provider->keys, provider->config->issuer, tenant->name,
                                &provider->config->keys, err) < 0)
                return error_context(err, "oidc: %s", provider->config->issuer);
        }
    }
    return 0;
}

struct oidc *oidc_open(const struct config *config, struct error *err)
{
    size_t count = 1; /* never none: an allocation of nothing may be NULL */
    for (size_t i = 0; i < config->tenant_count; i++)
        count += config->tenants[i].oidc_count;
    struct oidc *oidc = calloc(1, sizeof *oidc);
    struct provider *at = calloc(count, sizeof *at);
    if (!oidc || !at) {
        free(oidc);
        free(at);
        (void)error_memory(err);
        return NULL;
    }
    oidc->at = at;
    if (open_all(config, oidc, err) == 0)
        return oidc;
    oidc_close(oidc);
    return NULL;
}

void oidc_close(struct oidc *oidc)
{
    if (!oidc)
        return;
    for (size_t i = 0; i < oidc->count; i++)
        key_source_close(&oidc->at[i].keys);
    free(oidc->at);
    free(oidc);
}

void oidc_refresh(struct oidc *oidc, service_fetch *fetch, int64_t now)
{
    for (size_t i = 0; i < oidc->count; i++)
        key_source_refresh(&oidc->at[i].keys, fetch, now);
}

void oidc_adopt(struct oidc *oidc, const struct oidc *before)
{
    for (size_t i = 0; i < oidc->count; i++) {
        for (size_t k = 0; k < before->count; k++)
            key_source_adopt(&oidc->at[i].keys, &before->at[k].keys);
    }
}

/* --- check ------------------------------------------------------------------------------------ */

/* The claim is this text, or a list that holds it. */
static bool holds(const json_t *claim, const char *value)
{
    if (json_is_string(claim))
        return strcmp(json_string_value(claim), value) == 0;
    for (size_t i = 0; i < json_array_size(claim); i++) {
        const char *text = json_string_value(json_array_get(claim, i));
        if (text && strcmp(text, value) == 0)
            return true;
    }
    return false;
}

static bool is_administrator(const struct config_oidc *config, const json_t *claims)
{
    for (size_t i = 0; i < config->administrator_count; i++) {
        const struct config_claims *wanted = &config->administrators[i];
        size_t met = 0;
        while (met < wanted->count &&
               holds(json_object_get(claims, wanted->names[met]), wanted->values[met]))
            met++;
        if (wanted->count > 0 && met == wanted->count)
            return true;
    }
    return false;
}

static int check_claims(struct provider *provider, const struct jws *jws, const json_t *claims,
                        int64_t now, struct error *err)
{
    struct jwt_rule rule = {.now = now,
                            .leeway = OIDC_LEEWAY_SECONDS,
                            .issuer = provider->config->issuer,
                            .audience = provider->config->audience};
    if (key_source_check(&provider->keys, jws, err) < 0 || jwt_check_claims(claims, &rule, err) < 0)
        return -1;
    return is_administrator(provider->config, claims)
               ? 0
               : error_set(err, ERROR_REFUSED,
                           "it is valid, and its subject no administrator of this tenant");
}

static struct provider *find(struct oidc *oidc, const struct config_tenant *tenant,
                             const json_t *claims, struct error *err)
{
    const char *issuer;
    if (json_get_text(claims, "iss", &issuer, err) < 0)
        return NULL;
    for (size_t i = 0; i < oidc->count; i++) {
        if (oidc->at[i].tenant == tenant && strcmp(oidc->at[i].config->issuer, issuer) == 0)
            return &oidc->at[i];
    }
    (void)error_set(err, ERROR_REFUSED, "its issuer \"%.128s\" is none that this tenant trusts",
                    issuer);
    return NULL;
}

int oidc_check(struct oidc *oidc, const struct config_tenant *tenant, struct span token,
               int64_t now, char *name, size_t size, struct error *err)
{
    JWS_AUTO jws = {0};
    if (token.size > OIDC_TOKEN_MAX)
        return error_set(err, ERROR_LIMIT, "it has %zu bytes; at most %zu are taken", token.size,
                         OIDC_TOKEN_MAX);
    if (jws_read(token, &jws, err) < 0)
        return -1;
    json_auto_t *claims = jwt_read_claims(buf_span(&jws.payload), err);
    struct provider *provider = claims ? find(oidc, tenant, claims, err) : NULL;
    if (!provider || check_claims(provider, &jws, claims, now, err) < 0)
        return -1;
    const char *subject = json_string_value(json_object_get(claims, "sub"));
    (void)snprintf(name, size, "%.64s of %.48s", subject ? subject : "nobody's name",
                   provider->config->issuer);
    text_make_printable(name);
    return 0;
}
