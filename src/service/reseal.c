#include "service/reseal.h"

#include <stdlib.h>

#include "base/text.h"

#define PAGE 64 /* names that are kept at a time */

struct resealing {
    struct database *store;
    const struct vault *before, *now;
    size_t count;
};

/* --- a record --------------------------------------------------------------------------------- */

static int seal_anew(const struct resealing *resealing, const struct database_key *place,
                     struct span sealed, uint64_t revision, struct error *err)
{
    struct buf plain = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    BUF_AUTO anew = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    int result = vault_unseal(resealing->before, place, sealed, &plain, err);
    if (result == 0)
        result = vault_seal(resealing->now, place, buf_span(&plain), &anew, err);
    buf_fini_secret(&plain);
    return result < 0 ? -1 : database_put(resealing->store, place, buf_span(&anew), &revision, err);
}

static int reseal_record(struct resealing *resealing, const struct database_key *place,
                         struct error *err)
{
    uint64_t revision;
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(resealing->store, place, &sealed, &revision, err) < 0)
        return -1;
    if (vault_has_sealed(resealing->now, buf_span(&sealed)))
        return 0;
    if (seal_anew(resealing, place, buf_span(&sealed), revision, err) < 0)
        return -1;
    resealing->count++;
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

struct names {
    char at[PAGE][DATABASE_NAME_MAX + 1];
    size_t count;
};

static int keep_name(void *context, const char *name, struct error *err)
{
    struct names *names = context;
    if (names->count == PAGE || !text_copy(names->at[names->count], sizeof names->at[0], name))
        return error_set(err, ERROR_LIMIT, "a name of the store is too long");
    names->count++;
    return 0;
}

static int reseal_kind(struct resealing *resealing, const char *tenant, const char *kind,
                       struct error *err)
{
    char after[DATABASE_NAME_MAX + 1] = "";
    struct names *names = calloc(1, sizeof *names);
    int result = names ? 0 : error_memory(err);
    while (result == 0) {
        names->count = 0;
        result = database_list(resealing->store, tenant, kind, after, PAGE, keep_name, names, err);
        for (size_t i = 0; result == 0 && i < names->count; i++) {
            struct database_key place = {tenant, kind, names->at[i]};
            result = reseal_record(resealing, &place, err);
        }
        if (result < 0 || names->count == 0)
            break;
        memcpy(after, names->at[names->count - 1], sizeof after);
    }
    free(names);
    return result;
}

static int reseal_tenant(struct resealing *resealing, const char *tenant, struct error *err)
{
    for (size_t i = 0; vault_kinds[i]; i++) {
        if (reseal_kind(resealing, tenant, vault_kinds[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Tenants that the configuration does not name any more. */
static int reseal_logs(struct resealing *resealing, struct error *err)
{
    struct names names = {0};
    char after[DATABASE_NAME_MAX + 1] = "";
    do {
        names.count = 0;
        if (database_list_logs(resealing->store, after, PAGE, keep_name, &names, err) < 0)
            return -1;
        for (size_t i = 0; i < names.count; i++) {
            if (reseal_tenant(resealing, names.at[i], err) < 0)
                return -1;
            memcpy(after, names.at[i], sizeof after);
        }
    } while (names.count > 0);
    return 0;
}

int reseal(struct database *store, const struct config *config, const struct vault *before,
           const struct vault *now, size_t *count, struct error *err)
{
    struct resealing resealing = {store, before, now, 0};
    int result = reseal_tenant(&resealing, CONFIG_OWN_TENANT, err);
    for (size_t i = 0; result == 0 && i < config->tenant_count; i++)
        result = reseal_tenant(&resealing, config->tenants[i].name, err);
    if (result == 0)
        result = reseal_logs(&resealing, err);
    *count += resealing.count;
    return result < 0 ? error_context(err, "another master key") : 0;
}
