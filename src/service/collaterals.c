#include "service/collaterals.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "os/file.h"
#include "service/folder.h"

#define ROOTS_MAX 8
#define SUFFIX    ".json"

/* A file's collateral. */
struct entry {
    char *name;
    struct dcap_parts parts;
    struct collateral_hashes hashes;
    struct dcap_collateral *collateral; /* checked as of `time`; NULL: not yet */
    int64_t time;
    char problem[640]; /* why it does not hold then; "" where it does */
};

struct set {
    struct entry entries[COLLATERALS_MAX];
    size_t count;
};

struct collaterals {
    char *folder;
    struct trusted_root roots[ROOTS_MAX];
    size_t root_count;
    pthread_rwlock_t lock; /* for what follows: held to read while a quote is verified */
    struct set *set;
};

/* --- files ------------------------------------------------------------------------------------ */

static void set_free(struct set *set)
{
    for (size_t i = 0; set && i < set->count; i++) {
        free(set->entries[i].name);
        dcap_parts_fini(&set->entries[i].parts);
        dcap_collateral_free(set->entries[i].collateral);
    }
    free(set);
}

static void hash(struct span bytes, char out[2 * SHA256_SIZE + 1])
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(bytes, digest);
    hex_encode(span_of(digest, sizeof digest), out);
}

static void fill_hashes(struct entry *entry)
{
    const struct dcap_parts *parts = &entry->parts;
    hash(parts->qe_identity, entry->hashes.qe_identity);
    hash(parts->qe_identity_issuer_chain, entry->hashes.qe_identity_chain);
    hash(parts->tcb_info, entry->hashes.tcb_info);
    hash(parts->tcb_info_issuer_chain, entry->hashes.tcb_info_chain);
    hash(parts->root_ca_crl, entry->hashes.root_crl);
}

static int read_entry(const char *folder, const char *name, void *context, struct error *err)
{
    struct set *set = context;
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    if (!path)
        return error_memory(err);
    if (set->count == COLLATERALS_MAX)
        return error_set(err, ERROR_LIMIT, "%s: more than %d files", folder, COLLATERALS_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    struct entry *entry = &set->entries[set->count++];
    entry->name = text_format("%s", name);
    if (!entry->name)
        return error_memory(err);
    if (dcap_parts_parse(buf_span(&text), &entry->parts, err) < 0)
        return error_context(err, "%s", path);
    fill_hashes(entry);
    return 0;
}

int collaterals_refresh(struct collaterals *collaterals, struct error *err)
{
    struct set *set = calloc(1, sizeof *set);
    if (!set)
        return error_memory(err);
    if (collaterals->folder &&
        folder_visit_each(collaterals->folder, SUFFIX, read_entry, set, err) < 0) {
        set_free(set);
        return -1;
    }
    (void)pthread_rwlock_wrlock(&collaterals->lock);
    struct set *before = collaterals->set;
    collaterals->set = set;
    (void)pthread_rwlock_unlock(&collaterals->lock);
    set_free(before);
    return 0;
}

struct collaterals *collaterals_open(const char *folder, const struct trusted_root *roots,
                                     size_t root_count, struct error *err)
{
    struct collaterals *collaterals = calloc(1, sizeof *collaterals);
    if (!collaterals || pthread_rwlock_init(&collaterals->lock, NULL) != 0) {
        free(collaterals);
        (void)error_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < root_count && i < ROOTS_MAX; i++)
        collaterals->roots[collaterals->root_count++] = roots[i];
    collaterals->folder = folder ? text_format("%s", folder) : NULL;
    if (folder && !collaterals->folder)
        (void)error_memory(err);
    else if (collaterals_refresh(collaterals, err) == 0)
        return collaterals;
    collaterals_close(collaterals);
    return NULL;
}

void collaterals_close(struct collaterals *collaterals)
{
    if (!collaterals)
        return;
    set_free(collaterals->set);
    free(collaterals->folder);
    (void)pthread_rwlock_destroy(&collaterals->lock);
    free(collaterals);
}

/* --- their time ------------------------------------------------------------------------------- */

static bool is_current(const struct entry *entry, int64_t time)
{
    return entry->collateral && entry->time <= time && time < entry->time + COLLATERALS_SECONDS;
}

static bool are_current(const struct set *set, int64_t time)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!is_current(&set->entries[i], time))
            return false;
    }
    return true;
}

static void check_entry(const struct collaterals *collaterals, struct entry *entry, int64_t time)
{
    struct checks checks;
    struct dcap_options options = {time, collaterals->roots, collaterals->root_count};
    checks_init(&checks);
    dcap_collateral_free(entry->collateral);
    entry->collateral = dcap_collateral_new(&entry->parts, &options, &checks);
    entry->time = time;
    const struct check *failure = checks_first_failure(&checks);
    entry->problem[0] = '\0';
    if (failure)
        (void)snprintf(entry->problem, sizeof entry->problem, "%s: %s, but %s", failure->rule->name,
                       failure->expected, failure->found);
}

/* Takes the lock to read, with everything checked as of this time. */
static void lock_current(struct collaterals *collaterals, int64_t time)
{
    (void)pthread_rwlock_rdlock(&collaterals->lock);
    if (are_current(collaterals->set, time))
        return;
    (void)pthread_rwlock_unlock(&collaterals->lock);
    (void)pthread_rwlock_wrlock(&collaterals->lock);
    for (size_t i = 0; i < collaterals->set->count; i++) {
        struct entry *entry = &collaterals->set->entries[i];
        if (!is_current(entry, time))
            check_entry(collaterals, entry, time);
    }
    (void)pthread_rwlock_unlock(&collaterals->lock);
    (void)pthread_rwlock_rdlock(&collaterals->lock);
}

/* --- quotes ----------------------------------------------------------------------------------- */

static bool fits(const struct entry *entry, const struct pck *pck, bool is_td)
{
    const struct tcb_info *info = &entry->collateral->tcb_info;
    return info->is_tdx == is_td && entry->collateral->qe_identity.is_td == is_td &&
           memcmp(info->fmspc, pck->fmspc, sizeof pck->fmspc) == 0 &&
           memcmp(info->pceid, pck->pceid, sizeof pck->pceid) == 0;
}

static bool is_accepted(const struct dcap_result *result)
{
    return checks_verdict(&result->checks) == VERDICT_ACCEPTED;
}

/* The platform that the quote says it is of, so far unchecked. */
static int read_platform(const struct dcap_quote *quote, struct pck *pck, struct error *err)
{
    struct dcap_chain chain;
    struct span extension;
    int result = dcap_chain_read(quote->certification_data, DCAP_CHAIN_MAX, NULL, &chain, err);
    if (result == 0 && !certificate_extension(chain.items[0], PCK_EXTENSION_OID, &extension))
        result = error_set(err, ERROR_INVALID, "the PCK certificate says nothing of its platform");
    if (result == 0)
        result = pck_parse(extension, pck, err);
    dcap_chain_fini(&chain);
    return result < 0 ? error_context(err, "the quote") : 0;
}

/* Of several that fit, the first by which the quote holds; else what the last one says. */
static int verify_by(const struct set *set, struct span quote, const struct pck *pck,
                     const struct dcap_appraisal *appraisal, struct dcap_result *result,
                     struct collateral_hashes *hashes, struct error *err)
{
    const char *problem = NULL;
    bool judged = false;
    for (size_t i = 0; i < set->count && !(judged && is_accepted(result)); i++) {
        const struct entry *entry = &set->entries[i];
        if (!entry->collateral || !fits(entry, pck, appraisal->tee == DCAP_TDX))
            continue;
        if (entry->problem[0]) {
            problem = entry->problem;
            continue;
        }
        (void)dcap_verify_quote(quote, entry->collateral, appraisal, result);
        *hashes = entry->hashes;
        judged = true;
    }
    if (judged)
        return 0;
    if (problem)
        return error_set(err, ERROR_UNAVAILABLE, "the collateral of this platform: %s", problem);
    char fmspc[2 * PCK_FMSPC_SIZE + 1];
    hex_encode(span_of(pck->fmspc, sizeof pck->fmspc), fmspc);
    return error_set(err, ERROR_UNAVAILABLE,
                     "there is no collateral here of platforms with FMSPC %s", fmspc);
}

int collaterals_verify(struct collaterals *collaterals, struct span quote, int64_t time,
                       const struct dcap_appraisal *appraisal, struct dcap_result *result,
                       struct collateral_hashes *hashes, struct error *err)
{
    struct pck pck = {0};
    struct dcap_quote parsed;
    if (dcap_quote_parse(quote, &parsed, err) < 0)
        return error_context(err, "the quote");
    if (dcap_body_is_td(parsed.body) != (appraisal->tee == DCAP_TDX))
        return error_set(err, ERROR_INVALID, "the quote is of %s", dcap_body_name(parsed.body));
    if (parsed.certification_type != DCAP_CERTIFICATION_PCK_CHAIN)
        return error_set(err, ERROR_INVALID,
                         "the quote has certification data of type %u, not its PCK chain (5)",
                         parsed.certification_type);
    lock_current(collaterals, time);
    int outcome = -1;
    if (collaterals->set->count == 0)
        (void)error_set(err, ERROR_UNAVAILABLE, "there is no collateral here to judge a quote by");
    else if (read_platform(&parsed, &pck, err) == 0)
        outcome = verify_by(collaterals->set, quote, &pck, appraisal, result, hashes, err);
    (void)pthread_rwlock_unlock(&collaterals->lock);
    return outcome;
}
