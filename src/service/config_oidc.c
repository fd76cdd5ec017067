/* A tenant's issuers of administrators' tokens: the member `oidc`. */
#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"
#include "service/config_parts.h"

static int dup_text(const char *text, char **out, struct error *err)
{
    if (!*text)
        return error_set(err, ERROR_INVALID, "a claim's name or value is empty");
    *out = text_format("%s", text);
    return *out ? 0 : error_memory(err);
}

/* {"sub": "alice", "groups": "admins"}: each a text. */
static int read_claims(json_t *object, struct config_claims *out, struct error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object) || json_object_size(object) == 0 ||
        json_object_size(object) > CONFIG_CLAIMS_MAX)
        return error_set(err, ERROR_INVALID, "1 to %d claims with their values are meant",
                         CONFIG_CLAIMS_MAX);
    json_object_foreach (object, name, value) {
        if (!json_is_string(value))
            return error_set(err, ERROR_INVALID, "claim %.64s: text is meant, not %s", name,
                             json_kind(value));
        size_t at = out->count++;
        if (dup_text(name, &out->names[at], err) < 0 ||
            dup_text(json_string_value(value), &out->values[at], err) < 0)
            return -1;
    }
    return 0;
}

static int read_administrators(const json_t *object, struct config_oidc *out, struct error *err)
{
    json_t *list;
    if (json_get_array(object, "administrators", &list, err) < 0)
        return -1;
    if (json_array_size(list) == 0 || json_array_size(list) > CONFIG_ADMINISTRATORS_MAX)
        return error_set(err, ERROR_INVALID, "administrators: 1 to %d are taken",
                         CONFIG_ADMINISTRATORS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        out->administrator_count++;
        if (read_claims(json_array_get(list, i), &out->administrators[i], err) < 0)
            return error_context(err, "administrators: number %zu", i + 1);
    }
    return 0;
}

static int read_issuer(const json_t *object, const char *folder, struct config_oidc *out,
                       struct error *err)
{
    static const char *const known[] = {"issuer", "audience", "keys", "ca", "administrators", NULL};
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "it is %s", json_kind(object));
    if (json_check_keys(object, known, err) < 0 ||
        json_copy_text(object, "issuer", &out->issuer, err) < 0 ||
        json_copy_text(object, "audience", &out->audience, err) < 0 ||
        config_read_keys(object, folder, &out->keys, err) < 0 ||
        read_administrators(object, out, err) < 0)
        return -1;
    if (!out->issuer || !out->audience)
        return error_set(err, ERROR_INVALID,
                         "issuer and audience are needed: a token for another "
                         "service must not do here");
    return 0;
}

int config_read_oidc(const json_t *object, const char *folder, struct config_tenant *tenant,
                     struct error *err)
{
    json_t *list;
    if (json_find_array(object, "oidc", &list, err) < 0)
        return -1;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        if (i == CONFIG_OIDC_MAX)
            return error_set(err, ERROR_LIMIT, "oidc: at most %d issuers are taken",
                             CONFIG_OIDC_MAX);
        tenant->oidc_count++;
        if (read_issuer(json_array_get(list, i), folder, &tenant->oidc[i], err) < 0)
            return error_context(err, "oidc: number %zu", i + 1);
    }
    return 0;
}

void config_free_oidc(struct config_tenant *tenant)
{
    for (size_t i = 0; i < tenant->oidc_count; i++) {
        struct config_oidc *oidc = &tenant->oidc[i];
        free(oidc->issuer);
        free(oidc->audience);
        config_free_keys(&oidc->keys);
        for (size_t k = 0; k < oidc->administrator_count; k++) {
            for (size_t n = 0; n < oidc->administrators[k].count; n++) {
                free(oidc->administrators[k].names[n]);
                free(oidc->administrators[k].values[n]);
            }
        }
    }
}
