#include "service/signers.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto/certificate.h"
#include "os/file.h"

/* A tenant's record: its certificates in PEM, in place of those of the configuration. */
#define RECORD_KIND "policy-signers"
#define RECORD_NAME "trusted"

struct signers {
    const struct config *config;
    struct database *store;
    pthread_mutex_t mutex;                /* one change at a time */
    struct buf first[CONFIG_TENANTS_MAX]; /* PEM, as configured */
};

/* --- sets of certificates --------------------------------------------------------------------- */

struct set {
    struct buf ders[SIGNERS_MAX];
    size_t count;
};

static void set_fini(struct set *set)
{
    for (size_t i = 0; i < set->count; i++)
        buf_fini(&set->ders[i]);
    set->count = 0;
}
#define SET_AUTO __attribute__((cleanup(set_fini))) struct set

static int set_add(struct set *set, struct span der, struct error *err)
{
    if (set->count == SIGNERS_MAX)
        return error_set(err, ERROR_LIMIT, "a tenant has at most %d signers of policies",
                         SIGNERS_MAX);
    struct buf *next = &set->ders[set->count++];
    buf_init(next, CERTIFICATE_DER_MAX);
    return buf_append(next, der, err);
}

static int set_read(struct set *set, struct span pem, struct error *err)
{
    while (pem.size > 0) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        if (certificate_pem_next(&pem, &der, err) < 0 || set_add(set, buf_span(&der), err) < 0)
            return -1;
    }
    return 0;
}

static size_t set_find(const struct set *set, struct span der)
{
    size_t i = 0;
    while (i < set->count && !span_equal(buf_span(&set->ders[i]), der))
        i++;
    return i;
}

/* The key of a certificate, as far as it may sign policies, which is by RS256. */
static int read_key(struct span der, struct jwk *out, struct error *err)
{
    CERTIFICATE_AUTO *certificate = certificate_from_der(der, err);
    jwk_init(out);
    if (!certificate)
        return -1;
    out->kind = KEY_RSA;
    out->public_key = public_key_from_spki(certificate_public_key(certificate), err);
    if (!out->public_key)
        return -1;
    if (public_key_rsa_size(out->public_key) == 0)
        return error_set(err, ERROR_INVALID,
                         "the certificate's key is not RSA: policies are signed by RS256");
    out->chain.count = 1;
    buf_init(&out->chain.ders[0], CERTIFICATE_DER_MAX);
    return buf_append(&out->chain.ders[0], der, err);
}

/* --- the store's ------------------------------------------------------------------------------ */

static struct database_key place_of(const struct config_tenant *tenant)
{
    return (struct database_key){tenant->name, RECORD_KIND, RECORD_NAME};
}

/* Those that count now. *revision is the record's. */
static int read_set(struct signers *signers, const struct config_tenant *tenant, struct set *set,
                    uint64_t *revision, struct error *err)
{
    struct error own = {0};
    struct database_key place = place_of(tenant);
    BUF_AUTO pem = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(signers->store, &place, &pem, revision, &own) == 0)
        return set_read(set, buf_span(&pem), err);
    if (own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    *revision = DATABASE_ABSENT;
    return set_read(set, buf_span(&signers->first[tenant - signers->config->tenants]), err);
}

static int write_set(struct signers *signers, const struct config_tenant *tenant,
                     const struct set *set, uint64_t revision, struct error *err)
{
    struct database_key place = place_of(tenant);
    BUF_AUTO pem = BUF_WITH_LIMIT(SIGNERS_PEM_MAX);
    for (size_t i = 0; i < set->count; i++) {
        if (certificate_der_to_pem(buf_span(&set->ders[i]), &pem, err) < 0)
            return -1;
    }
    return database_put(signers->store, &place, buf_span(&pem), &revision, err);
}

int signers_get(struct signers *signers, const struct config_tenant *tenant,
                struct jwk out[SIGNERS_MAX], size_t *count, struct error *err)
{
    SET_AUTO set = {0};
    uint64_t revision;
    int result = read_set(signers, tenant, &set, &revision, err);
    *count = 0;
    while (result == 0 && *count < set.count) {
        result = read_key(buf_span(&set.ders[*count]), &out[*count], err);
        (*count)++; /* also of one that is half read: it is freed like the others */
    }
    for (; result < 0 && *count > 0; (*count)--)
        jwk_fini(&out[*count - 1]);
    return result;
}

bool signers_are_there(struct signers *signers, const struct config_tenant *tenant,
                       struct error *err)
{
    SET_AUTO set = {0};
    uint64_t revision;
    if (read_set(signers, tenant, &set, &revision, err) < 0)
        return false;
    if (set.count == 0)
        (void)error_set(err, ERROR_REFUSED,
                        "this tenant has no signers: the configuration names the first");
    return set.count > 0;
}

/* Whether the certificate is for the signer's key; *valid: at this time. */
static bool is_for(struct span der, const struct jwk *signer, int64_t now, bool *valid)
{
    CERTIFICATE_AUTO *certificate = certificate_from_der(der, NULL);
    if (!certificate)
        return false;
    PUBLIC_KEY_AUTO *key = public_key_from_spki(certificate_public_key(certificate), NULL);
    *valid = certificate_valid_at(certificate, now);
    return key && public_key_equal(key, signer->public_key);
}

int signers_check(struct signers *signers, const struct config_tenant *tenant,
                  const struct jwk *signer, int64_t now, struct error *err)
{
    SET_AUTO set = {0};
    uint64_t revision;
    bool found = false, valid = false;
    if (read_set(signers, tenant, &set, &revision, err) < 0)
        return -1;
    if (set.count == 0)
        return 0;
    if (!signer)
        return error_set(err, ERROR_REFUSED,
                         "nobody signed it: this tenant's policies are signed by RS256");
    for (size_t i = 0; i < set.count && !(found && valid); i++)
        found = is_for(buf_span(&set.ders[i]), signer, now, &valid) || found;
    if (!found)
        return error_set(err, ERROR_REFUSED, "its signer is none of this tenant's");
    return valid ? 0
                 : error_set(err, ERROR_REFUSED,
                             "its signer's certificate is not valid at this time");
}

static int change(struct signers *signers, const struct config_tenant *tenant, struct span der,
                  bool add, struct error *err)
{
    SET_AUTO set = {0};
    uint64_t revision;
    if (read_set(signers, tenant, &set, &revision, err) < 0)
        return -1;
    size_t at = set_find(&set, der);
    if ((at < set.count) == add)
        return 0;
    if (!add && set.count == 1)
        return error_set(err, ERROR_REFUSED, "the last signer stays: nobody could sign after it");
    if (add && set_add(&set, der, err) < 0)
        return -1;
    if (!add) {
        buf_fini(&set.ders[at]);
        set.ders[at] = set.ders[--set.count];
    }
    return write_set(signers, tenant, &set, revision, err);
}

int signers_add(struct signers *signers, const struct config_tenant *tenant, struct span der,
                struct error *err)
{
    JWK_AUTO key;
    if (read_key(der, &key, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&signers->mutex);
    int result = change(signers, tenant, der, true, err);
    (void)pthread_mutex_unlock(&signers->mutex);
    return result;
}

int signers_remove(struct signers *signers, const struct config_tenant *tenant, struct span der,
                   struct error *err)
{
    (void)pthread_mutex_lock(&signers->mutex);
    int result = change(signers, tenant, der, false, err);
    (void)pthread_mutex_unlock(&signers->mutex);
    return result;
}

/* --- the configuration's ---------------------------------------------------------------------- */

static int read_first(const char *path, struct buf *pem, struct error *err)
{
    SET_AUTO set = {0};
    buf_init(pem, SIGNERS_PEM_MAX);
    if (!path)
        return 0;
    if (file_read(path, pem, err) < 0)
        return -1;
    if (set_read(&set, buf_span(pem), err) < 0)
        return error_context(err, "%s", path);
    for (size_t i = 0; i < set.count; i++) {
        JWK_AUTO key;
        if (read_key(buf_span(&set.ders[i]), &key, err) < 0)
            return error_context(err, "%s", path);
    }
    return set.count > 0 ? 0 : error_set(err, ERROR_INVALID, "%s holds no certificate", path);
}

struct signers *signers_open(const struct config *config, struct database *store, struct error *err)
{
    struct signers *signers = calloc(1, sizeof *signers);
    if (!signers || pthread_mutex_init(&signers->mutex, NULL) != 0) {
        free(signers);
        (void)error_memory(err);
        return NULL;
    }
    signers->config = config;
    signers->store = store;
    int result = 0;
    for (size_t i = 0; result == 0 && i < config->tenant_count; i++)
        result = read_first(config->tenants[i].policy_signers, &signers->first[i], err);
    if (result == 0)
        return signers;
    signers_close(signers);
    return NULL;
}

void signers_close(struct signers *signers)
{
    if (!signers)
        return;
    for (size_t i = 0; i < CONFIG_TENANTS_MAX; i++)
        buf_fini(&signers->first[i]);
    (void)pthread_mutex_destroy(&signers->mutex);
    free(signers);
}
