#include "service/oidc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "service/key_set.h"

/* An issuer that a tenant trusts. */
struct provider {
    const struct config_tenant *tenant;
    const struct config_oidc *config;
    struct key_set *keys;  /* NULL until they were fetched; the lock is for this */
    int64_t tried;         /* when they were last fetched, or not */
    atomic_bool is_wanted; /* somebody came with a key that is not there */
};

struct oidc {
    pthread_rwlock_t lock;
    struct provider *at;
    size_t count;
};

static void free_keys(struct key_set *keys)
{
    if (keys)
        key_set_fini(keys);
    free(keys);
}

/* --- their keys ------------------------------------------------------------------------------- */

static bool is_url(const struct provider *provider)
{
    return text_starts_with(provider->config->keys, "https://") ||
           text_starts_with(provider->config->keys, "http://");
}

static struct key_set *parse_keys(struct span text, struct error *err)
{
    struct key_set *keys = calloc(1, sizeof *keys);
    if (!keys) {
        (void)error_memory(err);
        return NULL;
    }
    if (key_set_read(text, keys, err) == 0)
        return keys;
    free_keys(keys);
    return NULL;
}

static int read_file(struct provider *provider, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_SET_SIZE_MAX);
    if (file_read(provider->config->keys, &text, err) < 0)
        return -1;
    provider->keys = parse_keys(buf_span(&text), err);
    return provider->keys ? 0 : error_context(err, "%s", provider->config->keys);
}

static void fetch_keys(struct oidc *oidc, struct provider *provider, service_fetch *fetch)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_SET_SIZE_MAX);
    struct key_set *keys = NULL;
    if (fetch(provider->config->keys, provider->config->ca, &text, &err) == 0)
        keys = parse_keys(buf_span(&text), &err);
    if (!keys) {
        log_error("the keys of %s, for tenant %s: %s", provider->config->issuer,
                  provider->tenant->name, err.text);
        return;
    }
    (void)pthread_rwlock_wrlock(&oidc->lock);
    struct key_set *before = provider->keys;
    provider->keys = keys;
    (void)pthread_rwlock_unlock(&oidc->lock);
    free_keys(before);
}

void oidc_refresh(struct oidc *oidc, service_fetch *fetch, int64_t now)
{
    for (size_t i = 0; i < oidc->count; i++) {
        struct provider *provider = &oidc->at[i];
        bool sooner = atomic_load(&provider->is_wanted) || !provider->keys;
        int64_t wait = sooner ? OIDC_SOONER_SECONDS : OIDC_REFRESH_SECONDS;
        if (!is_url(provider) || now < provider->tried + wait)
            continue;
        provider->tried = now;
        atomic_store(&provider->is_wanted, false);
        fetch_keys(oidc, provider, fetch);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_all(const struct config *config, struct oidc *oidc, struct error *err)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t k = 0; k < tenant->oidc_count; k++) {
            struct provider *provider = &oidc->at[oidc->count++];
            provider->tenant = tenant;
            provider->config = &tenant->oidc[k];
            if (!is_url(provider) && read_file(provider, err) < 0)
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
    if (!oidc || !at || pthread_rwlock_init(&oidc->lock, NULL) != 0) {
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
        free_keys(oidc->at[i].keys);
    (void)pthread_rwlock_destroy(&oidc->lock);
    free(oidc->at);
    free(oidc);
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

static int check_signature(struct oidc *oidc, struct provider *provider, const struct jws *jws,
                           struct error *err)
{
    (void)pthread_rwlock_rdlock(&oidc->lock);
    int result = provider->keys
                     ? key_set_check(provider->keys, jws, err)
                     : error_set(err, ERROR_NOT_FOUND, "its keys could not be fetched yet");
    (void)pthread_rwlock_unlock(&oidc->lock);
    if (result == 0)
        return 0;
    if (err->code == ERROR_NOT_FOUND) {
        atomic_store(&provider->is_wanted, true);
        err->code = ERROR_REFUSED;
    }
    return error_context(err, "the keys of %.128s", provider->config->issuer);
}

static int check_claims(struct oidc *oidc, struct provider *provider, const struct jws *jws,
                        const json_t *claims, int64_t now, struct error *err)
{
    struct jwt_rule rule = {.now = now,
                            .leeway = OIDC_LEEWAY_SECONDS,
                            .issuer = provider->config->issuer,
                            .audience = provider->config->audience};
    if (check_signature(oidc, provider, jws, err) < 0 || jwt_check_claims(claims, &rule, err) < 0)
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
    if (!provider || check_claims(oidc, provider, &jws, claims, now, err) < 0)
        return -1;
    const char *subject = json_string_value(json_object_get(claims, "sub"));
    (void)snprintf(name, size, "%.64s of %.48s", subject ? subject : "nobody's name",
                   provider->config->issuer);
    text_make_printable(name);
    return 0;
}
