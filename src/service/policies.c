#include "service/policies.h"

#define KIND "policy"

/* Permits whatever holds. */
static const char default_policy[] =
    "version=1.0;\nauthorizationrules\n{\n\t=> permit();\n};\n\nissuancerules\n{\n};\n";

static struct database_key place_of(const char *tenant, enum maa_kind kind)
{
    return (struct database_key){tenant, KIND, maa_kind_name(kind)};
}

static int get_jws(struct database *store, const struct database_key *place,
                   struct tenant_policy *out, struct error *err)
{
    struct error own = {0};
    if (database_get(store, place, &out->jws, &out->revision, &own) == 0)
        return 0;
    if (own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    return policy_jws_append_unsigned(span_of_text(default_policy), &out->jws, err);
}

int policies_get(struct database *store, const char *tenant, enum maa_kind kind,
                 struct tenant_policy *out, struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    *out = (struct tenant_policy){.jws = BUF_WITH_LIMIT(DATABASE_VALUE_MAX)};
    if (get_jws(store, &place, out, err) < 0)
        return -1;
    return policy_jws_read(buf_span(&out->jws), &out->content, err);
}

void tenant_policy_fini(struct tenant_policy *policy)
{
    buf_fini(&policy->jws);
    policy_jws_fini(&policy->content);
}

/* The revision of what is there now; DATABASE_ABSENT where nothing is. */
static int find_revision(struct database *store, const struct database_key *place, uint64_t *out,
                         struct error *err)
{
    struct error own = {0};
    BUF_AUTO value = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(store, place, &value, out, &own) < 0 && own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    return 0;
}

int policies_set(struct database *store, const char *tenant, enum maa_kind kind, struct span jws,
                 struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    uint64_t revision;
    POLICY_JWS_AUTO content = {0};
    if (jws.size > POLICIES_JWS_MAX)
        return error_set(err, ERROR_LIMIT, "the policy has %zu bytes; at most %zu are taken",
                         jws.size, POLICIES_JWS_MAX);
    if (policy_jws_read(jws, &content, err) < 0)
        return -1;
    RULES_AUTO *rules = rules_new(buf_span(&content.text), err);
    if (!rules || find_revision(store, &place, &revision, err) < 0)
        return -1;
    return database_put(store, &place, jws, &revision, err);
}

int policies_reset(struct database *store, const char *tenant, enum maa_kind kind,
                   struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    uint64_t revision;
    if (find_revision(store, &place, &revision, err) < 0)
        return -1;
    return revision == DATABASE_ABSENT ? 0 : database_remove(store, &place, revision, err);
}
