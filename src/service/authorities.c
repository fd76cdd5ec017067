#include "service/authorities.h"

#include <stdlib.h>

#include "os/file.h"
#include "service/key_set.h"

struct authority {
    const struct config_authority *config;
    const struct config_tenant *tenant;
    struct key_set keys;
};

struct authorities {
    struct authority *at;
    size_t count;
};

/* --- read ------------------------------------------------------------------------------------- */

static int read_authority(struct authority *authority, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_SET_SIZE_MAX);
    if (file_read(authority->config->keys, &text, err) < 0)
        return -1;
    if (key_set_read(buf_span(&text), &authority->keys, err) < 0)
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
    for (size_t i = 0; i < authorities->count; i++)
        key_set_fini(&authorities->at[i].keys);
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
    const struct authority *authority = find(authorities, tenant, issuer);
    if (!authority)
        return error_set(err, ERROR_REFUSED,
                         "its issuer \"%.128s\" is neither this service nor one of the tenant's "
                         "authorities",
                         issuer);
    *out = authority->config;
    if (key_set_check(&authority->keys, jws, err) == 0)
        return 0;
    if (err->code == ERROR_NOT_FOUND)
        err->code = ERROR_REFUSED;
    return error_context(err, "%.128s", issuer);
}
