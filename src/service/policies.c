#include "service/policies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/text.h"

#define RECORD_KIND "policy"
#define SIGNER_MAX  ((size_t)256 << 10)
#define KEPT_MAX                                                                                   \
    512 /* policies: of all the tenants that a configuration may have, of each kind                \
         */

/* Permits whatever holds. */
static const char default_policy[] =
    "version=1.0;\nauthorizationrules\n{\n\t=> permit();\n};\n\nissuancerules\n{\n};\n";

/* A policy, and who uses it: the table and those who attest by it now. */
struct kept {
    struct tenant_policy policy; /* first: a user has its address */
    atomic_uint users;
    char *tenant;
    enum maa_kind kind;
};

struct policies {
    struct database *store;
    pthread_mutex_t mutex; /* for what follows, and for changes of the store */
    struct kept *kept[KEPT_MAX];
    size_t count;
};

/* --- one -------------------------------------------------------------------------------------- */

static void kept_put(struct kept *kept)
{
    if (!kept || atomic_fetch_sub(&kept->users, 1) > 1)
        return;
    buf_fini(&kept->policy.jws);
    buf_fini(&kept->policy.signer);
    policy_jws_fini(&kept->policy.content);
    rules_free(kept->policy.rules);
    free(kept->tenant);
    free(kept);
}

void policies_put(const struct tenant_policy *policy)
{
    kept_put((struct kept *)(uintptr_t)policy);
}

static struct kept *kept_new(struct error *err)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept) {
        (void)error_memory(err);
        return NULL;
    }
    buf_init(&kept->policy.jws, DATABASE_VALUE_MAX);
    buf_init(&kept->policy.signer, SIGNER_MAX);
    atomic_init(&kept->users, 1);
    return kept;
}

/* {"jwk": the key that signed} */
static int write_signer(const struct policy_jws *content, struct buf *out, struct error *err)
{
    if (!content->is_signed)
        return 0;
    if (buf_append_text(out, "{\"jwk\":", err) < 0 ||
        jwk_append_public(&content->signer, out, err) < 0)
        return -1;
    return buf_append_byte(out, '}', err);
}

/* Compiles what `jws` holds. */
static int compile(struct tenant_policy *policy, struct error *err)
{
    if (policy_jws_read(buf_span(&policy->jws), &policy->content, err) < 0)
        return -1;
    if (write_signer(&policy->content, &policy->signer, err) < 0)
        return -1;
    policy->rules = rules_new(buf_span(&policy->content.text), err);
    return policy->rules ? policy_hash(buf_span(&policy->content.text), policy->hash, err) : -1;
}

const struct tenant_policy *policies_draft(struct span text, struct error *err)
{
    struct kept *kept = kept_new(err);
    if (kept && policy_jws_append_unsigned(text, &kept->policy.jws, err) == 0 &&
        compile(&kept->policy, err) == 0)
        return &kept->policy;
    kept_put(kept);
    return NULL;
}

/* --- the store's ------------------------------------------------------------------------------ */

static struct database_key place_of(const char *tenant, enum maa_kind kind)
{
    return (struct database_key){tenant, RECORD_KIND, maa_kind_name(kind)};
}

static int read_jws(struct database *store, const struct database_key *place,
                    struct tenant_policy *out, struct error *err)
{
    struct error own = {0};
    uint64_t revision;
    if (database_get(store, place, &out->jws, &revision, &own) == 0)
        return 0;
    if (own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    out->is_default = true;
    return policy_jws_append_unsigned(span_of_text(default_policy), &out->jws, err);
}

static struct kept *kept_read(struct database *store, const char *tenant, enum maa_kind kind,
                              struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    struct kept *kept = kept_new(err);
    if (!kept)
        return NULL;
    kept->kind = kind;
    kept->tenant = text_format("%s", tenant);
    if (kept->tenant && read_jws(store, &place, &kept->policy, err) == 0 &&
        compile(&kept->policy, err) == 0)
        return kept;
    if (!kept->tenant)
        (void)error_memory(err);
    kept_put(kept);
    return NULL;
}

/* Where it is in the table; `count` where it is not. */
static size_t find(const struct policies *policies, const char *tenant, enum maa_kind kind)
{
    size_t i = 0;
    while (i < policies->count &&
           (policies->kept[i]->kind != kind || strcmp(policies->kept[i]->tenant, tenant) != 0))
        i++;
    return i;
}

static void forget(struct policies *policies, const char *tenant, enum maa_kind kind)
{
    size_t at = find(policies, tenant, kind);
    if (at == policies->count)
        return;
    kept_put(policies->kept[at]);
    policies->kept[at] = policies->kept[--policies->count];
}

const struct tenant_policy *policies_get(struct policies *policies, const char *tenant,
                                         enum maa_kind kind, struct error *err)
{
    (void)pthread_mutex_lock(&policies->mutex);
    size_t at = find(policies, tenant, kind);
    bool is_kept = at < policies->count;
    struct kept *kept = is_kept ? policies->kept[at]
                                : kept_read(policies->store, tenant, kind, err);
    if (kept && !is_kept && policies->count < KEPT_MAX) {
        policies->kept[policies->count++] = kept;
        is_kept = true;
    }
    if (kept && is_kept)
        atomic_fetch_add(&kept->users, 1);
    (void)pthread_mutex_unlock(&policies->mutex);
    return kept ? &kept->policy : NULL;
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

static int check_jws(struct span jws, struct error *err)
{
    POLICY_JWS_AUTO content = {0};
    if (jws.size > POLICIES_JWS_MAX)
        return error_set(err, ERROR_LIMIT, "the policy has %zu bytes; at most %zu are taken",
                         jws.size, POLICIES_JWS_MAX);
    if (policy_jws_read(jws, &content, err) < 0)
        return -1;
    RULES_AUTO *rules = rules_new(buf_span(&content.text), err);
    return rules ? 0 : -1;
}

int policies_set(struct policies *policies, const char *tenant, enum maa_kind kind, struct span jws,
                 struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    uint64_t revision;
    if (check_jws(jws, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&policies->mutex);
    int result = find_revision(policies->store, &place, &revision, err);
    if (result == 0)
        result = database_put(policies->store, &place, jws, &revision, err);
    forget(policies, tenant, kind);
    (void)pthread_mutex_unlock(&policies->mutex);
    return result;
}

int policies_reset(struct policies *policies, const char *tenant, enum maa_kind kind,
                   struct error *err)
{
    struct database_key place = place_of(tenant, kind);
    uint64_t revision;
    (void)pthread_mutex_lock(&policies->mutex);
    int result = find_revision(policies->store, &place, &revision, err);
    if (result == 0 && revision != DATABASE_ABSENT)
        result = database_remove(policies->store, &place, revision, err);
    forget(policies, tenant, kind);
    (void)pthread_mutex_unlock(&policies->mutex);
    return result;
}

/* --- all -------------------------------------------------------------------------------------- */

struct policies *policies_new(struct database *store, struct error *err)
{
    struct policies *policies = calloc(1, sizeof *policies);
    if (!policies || pthread_mutex_init(&policies->mutex, NULL) != 0) {
        free(policies);
        (void)error_memory(err);
        return NULL;
    }
    policies->store = store;
    return policies;
}

void policies_free(struct policies *policies)
{
    if (!policies)
        return;
    for (size_t i = 0; i < policies->count; i++)
        kept_put(policies->kept[i]);
    (void)pthread_mutex_destroy(&policies->mutex);
    free(policies);
}
