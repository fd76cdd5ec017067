#include "service/authorities.h"

#include <stdlib.h>

#include "service/key_source.h"

struct authority {
    const struct config_authority *config;
    const struct config_tenant *tenant;
    struct key_source keys;
};

struct authorities {
    struct authority *at;
    size_t count;
};

/* --- read ------------------------------------------------------------------------------------- */

static int read_all(const struct config *config, struct authorities *out, struct error *err)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t k = 0; k < tenant->authority_count; k++) {
            struct authority *authority = &out->at[out->count++];
            authority->config = &tenant->authorities[k];
            authority->tenant = tenant;
            if (key_source_open(&authority->keys, authority->config->issuer, tenant->name,
                                &authority->config->keys, err) < 0)
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
    for (size_t i = 0; i < authorities->count; i++)
        key_source_close(&authorities->at[i].keys);
    free(authorities->at);
    free(authorities);
}

void authorities_refresh(struct authorities *authorities, service_fetch *fetch, int64_t now)
{
    for (size_t i = 0; i < authorities->count; i++)
        key_source_refresh(&authorities->at[i].keys, fetch, now);
}

void authorities_adopt(struct authorities *authorities, const struct authorities *before)
{
    for (size_t i = 0; i < authorities->count; i++) {
        for (size_t k = 0; k < before->count; k++)
            key_source_adopt(&authorities->at[i].keys, &before->at[k].keys);
    }
}

/* --- check ------------------------------------------------------------------------------------ */

static struct authority *find(struct authorities *authorities, const struct config_tenant *tenant,
                              const char *issuer)
{
    for (size_t i = 0; i < authorities->count; i++) {
        struct authority *authority = &authorities->at[i];
        if (authority->tenant == tenant && strcmp(authority->config->issuer, issuer) == 0)
            return authority;
    }
    return NULL;
}

int authorities_check(struct authorities *authorities, const struct config_tenant *tenant,
                      const char *issuer, const struct jws *jws,
                      const struct config_authority **out, struct error *err)
{
    struct authority *authority = find(authorities, tenant, issuer);
    if (!authority)
        return error_set(err, ERROR_REFUSED,
                         "its issuer \"%.128s\" is neither this service nor one of the tenant's "
                         "authorities",
                         issuer);
    *out = authority->config;
    return key_source_check(&authority->keys, jws, err);
}
