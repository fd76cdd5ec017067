#include "service/recent.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/random.h"

/* A check as it is kept: its texts follow in the kept one's bytes. */
struct kept_check {
    const struct check_rule *rule;
    enum check_result result;
    uint32_t expected, found; /* where they begin */
};

struct kept {
    uint64_t number;
    int64_t time;
    const char *kind;
    size_t size; /* bytes of the allocation */
    size_t count;
    uint32_t request, request_size;
    struct kept_check checks[]; /* `count`; behind them texts, each ended by a zero, and the request
                                 */
};

/* A ring: the oldest at `first`. */
struct share {
    char *tenant;
    struct kept *at[RECENT_COUNT_MAX];
    size_t first, count, bytes;
};

struct recent {
    pthread_mutex_t mutex; /* for all that follows */
    uint64_t next;
    size_t bytes_each;
    size_t count;
    struct share *shares[RECENT_TENANTS_MAX];
};

struct recent *recent_new(size_t tenants, struct error *err)
{
    uint32_t start;
    struct recent *recent = calloc(1, sizeof *recent);
    if (!recent || pthread_mutex_init(&recent->mutex, NULL) != 0) {
        free(recent);
        (void)error_memory(err);
        return NULL;
    }
    /* Names of an earlier run find nothing. */
    if (random_bytes(&start, sizeof start, err) < 0) {
        recent_free(recent);
        return NULL;
    }
    recent->next = ((uint64_t)start << 32) + 1;
    recent->bytes_each = RECENT_BYTES_MAX / (tenants < 1 ? 1 : tenants);
    return recent;
}

static void drop_oldest(struct share *share)
{
    struct kept *oldest = share->at[share->first];
    share->at[share->first] = NULL;
    share->first = (share->first + 1) % RECENT_COUNT_MAX;
    share->count--;
    share->bytes -= oldest->size;
    free(oldest);
}

static void free_share(struct share *share)
{
    while (share->count > 0)
        drop_oldest(share);
    free(share->tenant);
    free(share);
}

static bool is_among(const char *name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

void recent_set_tenants(struct recent *recent, const char *const names[], size_t count)
{
    size_t kept = 0;
    (void)pthread_mutex_lock(&recent->mutex);
    recent->bytes_each = RECENT_BYTES_MAX / (count < 1 ? 1 : count);
    for (size_t i = 0; i < recent->count; i++) {
        struct share *share = recent->shares[i];
        if (!is_among(share->tenant, names, count)) {
            free_share(share);
            continue;
        }
        while (share->bytes > recent->bytes_each)
            drop_oldest(share);
        recent->shares[kept++] = share;
    }
    recent->count = kept;
    (void)pthread_mutex_unlock(&recent->mutex);
}

void recent_free(struct recent *recent)
{
    if (!recent)
        return;
    for (size_t i = 0; i < recent->count; i++)
        free_share(recent->shares[i]);
    (void)pthread_mutex_destroy(&recent->mutex);
    free(recent);
}

/* --- keeping ---------------------------------------------------------------------------------- */

static size_t size_of(const struct recent_attestation *attestation)
{
    const struct checks *checks = attestation->checks;
    size_t size = sizeof(struct kept) + checks->count * sizeof(struct kept_check);
    for (size_t i = 0; i < checks->count; i++)
        size += strlen(checks->items[i].expected) + strlen(checks->items[i].found) + 2;
    return size + attestation->request.size;
}

/* Copies bytes behind what is there, and says where they begin. */
static uint32_t put(struct kept *kept, size_t *at, const void *bytes, size_t size)
{
    uint32_t begin = (uint32_t)*at;
    if (size > 0)
        memcpy((uint8_t *)kept + begin, bytes, size);
    *at += size;
    return begin;
}

static struct kept *copy(const struct recent_attestation *attestation, size_t size)
{
    const struct checks *checks = attestation->checks;
    struct kept *kept = calloc(1, size);
    if (!kept)
        return NULL;
    size_t at = sizeof *kept + checks->count * sizeof(struct kept_check);
    kept->time = attestation->time;
    kept->kind = attestation->kind;
    kept->size = size;
    kept->count = checks->count;
    for (size_t i = 0; i < checks->count; i++) {
        const struct check *check = &checks->items[i];
        kept->checks[i] = (struct kept_check){
            .rule = check->rule,
            .result = check->result,
            .expected = put(kept, &at, check->expected, strlen(check->expected) + 1),
            .found = put(kept, &at, check->found, strlen(check->found) + 1),
        };
    }
    kept->request_size = (uint32_t)attestation->request.size;
    kept->request = put(kept, &at, attestation->request.data, attestation->request.size);
    return kept;
}

static struct share *find_share(struct recent *recent, const char *tenant)
{
    for (size_t i = 0; i < recent->count; i++) {
        if (strcmp(recent->shares[i]->tenant, tenant) == 0)
            return recent->shares[i];
    }
    return NULL;
}

static struct share *make_share(struct recent *recent, const char *tenant)
{
    struct share *share = find_share(recent, tenant);
    if (share || recent->count == RECENT_TENANTS_MAX)
        return share;
    share = calloc(1, sizeof *share);
    char *name = share ? strdup(tenant) : NULL;
    if (!name) {
        free(share);
        return NULL;
    }
    share->tenant = name;
    recent->shares[recent->count++] = share;
    return share;
}

/* Takes what is kept. False where there is no place for it. */
static bool keep(struct recent *recent, const char *tenant, struct kept *kept)
{
    struct share *share = make_share(recent, tenant);
    if (!share || kept->size > recent->bytes_each) {
        free(kept);
        return false;
    }
    while (share->count == RECENT_COUNT_MAX || share->bytes + kept->size > recent->bytes_each)
        drop_oldest(share);
    kept->number = recent->next++;
    share->at[(share->first + share->count++) % RECENT_COUNT_MAX] = kept;
    share->bytes += kept->size;
    return true;
}

void recent_add(struct recent *recent, const char *tenant,
                const struct recent_attestation *attestation, char name[RECENT_NAME_SIZE])
{
    size_t size = size_of(attestation);
    struct kept *kept = size <= recent->bytes_each ? copy(attestation, size) : NULL;
    name[0] = '\0';
    if (!kept)
        return;
    (void)pthread_mutex_lock(&recent->mutex);
    if (keep(recent, tenant, kept))
        (void)snprintf(name, RECENT_NAME_SIZE, "%016llx", (unsigned long long)kept->number);
    (void)pthread_mutex_unlock(&recent->mutex);
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The texts are evidence's: what is no text in them becomes '?'. */
static int append_check(json_t *list, const struct check_rule *rule, enum check_result result,
                        const char *expected, const char *found)
{
    char wanted[CHECK_TEXT_SIZE], is[CHECK_TEXT_SIZE];
    static const char *const results[] = {
        [CHECK_FAILED] = "failed", [CHECK_PASSED] = "passed", [CHECK_SKIPPED] = "skipped"};
    (void)snprintf(wanted, sizeof wanted, "%s", expected);
    (void)snprintf(is, sizeof is, "%s", found);
    text_make_printable(wanted);
    text_make_printable(is);
    return json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", rule->name, "result",
                        results[result], "expected", wanted, "found", is, "source", rule->section,
                        "remedy", rule->remedy));
}

json_t *checks_to_json(const struct checks *checks)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < checks->count; i++) {
        const struct check *check = &checks->items[i];
        if (append_check(list, check->rule, check->result, check->expected, check->found) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static const struct kept *find(struct recent *recent, const char *tenant, const char *name)
{
    const struct share *share = find_share(recent, tenant);
    char own[RECENT_NAME_SIZE];
    for (size_t i = 0; share && i < share->count; i++) {
        const struct kept *kept = share->at[(share->first + i) % RECENT_COUNT_MAX];
        (void)snprintf(own, sizeof own, "%016llx", (unsigned long long)kept->number);
        if (strcmp(own, name) == 0)
            return kept;
    }
    return NULL;
}

static int copy_out(const struct kept *kept, struct recent_copy *out, struct error *err)
{
    const char *texts = (const char *)kept;
    out->time = kept->time;
    out->kind = kept->kind;
    out->checks = json_array();
    for (size_t i = 0; i < kept->count; i++) {
        const struct kept_check *check = &kept->checks[i];
        if (append_check(out->checks, check->rule, check->result, texts + check->expected,
                         texts + check->found) < 0)
            return error_memory(err);
    }
    return buf_append(&out->request, span_of(texts + kept->request, kept->request_size), err);
}

int recent_find(struct recent *recent, const char *tenant, const char *name,
                struct recent_copy *out, struct error *err)
{
    *out = (struct recent_copy){.request = BUF_WITH_LIMIT(RECENT_BYTES_MAX)};
    (void)pthread_mutex_lock(&recent->mutex);
    const struct kept *kept = find(recent, tenant, name);
    int result = kept ? copy_out(kept, out, err)
                      : error_set(err, ERROR_NOT_FOUND,
                                  "the checks of this attestation are not kept any more");
    (void)pthread_mutex_unlock(&recent->mutex);
    return result;
}

void recent_copy_fini(struct recent_copy *copy)
{
    json_decref(copy->checks);
    buf_fini(&copy->request);
    copy->checks = NULL;
}
